/* What the files that make kernel texts share. */
#ifndef JITC_SPEC_PRIVATE_H
#define JITC_SPEC_PRIVATE_H

#include "codegen/plan/blocking.h"
#include "codegen/plan/spec.h"
#include "codegen/plan/work.h"

typedef struct {
    const Value *old;
    Value *new_value;
} TextBinding;

typedef struct {
    Module *from, *m; /* the graph's module; the text's own */
    const Op *kernel;
    KernelSpec *out;
    Builder b;
    TextBinding *map;
    int nmap;
    Dim *symbol; /* of the graph's module; symbol k is ?s<k> of the text, and dim argument k */
    int nsymbols;
} Text;

void text_begin(Text *t, Module *from, const Op *kernel, KernelSpec *out);
void text_bind(Text *t, const Value *old, Value *new_value);
Value *text_value(const Text *t, const Value *old); /* NULL when not bound */
/* Adds an argument that stands for block argument `old` of the kernel. */
Value *text_arg(Text *t, const Value *old, Type type, bool in_place);
Value *text_op(Text *t, const Op *op); /* the same op on the bound operands */
/* The same with all its results, which are bound; a constant keeps its rank. */
void text_copy(Text *t, const Op *op);
Type text_type(Text *t, const Type *type); /* with the text's symbols */
void text_end(Text *t, const char *header);

/* The height of a kernel's highest tile. Mostly the highest there is: the rows can be dealt to tiles of that
 * height and of one row less. Else a lower one, with which they can; for few rows one of some heights, so
 * that kernels serve several batch sizes. */
int tile_height(int64_t rows, int most_panels);
/* Of `all` rows so many at a time, but no fewer than tiles of the two heights can be dealt to without a rest.
 */
int64_t round_rows(int64_t rows, int64_t all, int most_panels);
/* The number of register tiles that so many rows make, 8 at most. */
int far_tiles(int64_t rows, int most_panels);
/* Of how many panels a product's tiles are mostly. */
int tile_most_panels(const Product *p);
/* How many panels of full-width tiles cost as much as so many, dealt to units. */
double tile_panels_cost(int64_t panels, int64_t of_unit, int most_panels);
/* The widths of tiles, as in headers, for units of some panels out of some. */
int tile_widths(int64_t panels, int64_t of_unit, int most_panels);

/* Elements from row to row, rows being along the last dim, of what the kernel's block argument `a` is, and of
 * its result. */
Dim pitch_in(Module *m, const Op *kernel, const Value *a);
Dim pitch_out(Module *m, const Op *kernel);

void spec_grain(KernelSpec *out, double flops_per_ns);
/* Text, which it frees, key and operands of a kernel that calls parts: it reads all that it is given. */
void spec_of_parts(Module *m, const Op *kernel, Str *text, KernelSpec *out);
Dim rows_of(Module *m, const Type *t, int dims); /* the product of the first dims */
/* Of a kernel around a contraction: it; or NULL. */
const Op *contract_anchor(const Op *kernel);
/* Binds what the epilogue reads: tensors of the anchor's shape, vectors over its last dim, scalars; in the
 * text these have the dims of `full`. */
Dim contract_bind_epilogue(Text *t, const Op *anchor, const Type *full, Dim last);
void contract_add_epilogue(Text *t, const Op *anchor);

/* How the work is cut: numbers by name, their bounds, and for `jitc tune` what else to try. */
enum { UNITS_MOST = 4, UNITS_OTHERS = 24 };
typedef struct {
    int n, nothers;
    const char *name[UNITS_MOST];
    int64_t v[UNITS_MOST], least[UNITS_MOST], most[UNITS_MOST], other[UNITS_OTHERS][UNITS_MOST];
} Units;
void units_add(Units *u, const int64_t *v); /* something else to try, if it is within the bounds and new */
/* With a tuning: puts into u->v what was measured to be best for the problem; else they stay. */
void units_choose(Module *m, const Op *anchor, KernelSpec *s, const char *problem, Units *u);
/* Of an igemm. */
void units_of_product(Module *m, const Op *anchor, KernelSpec *s, const Product *p, Blocking *b);

/* Kernels whose images lie in another way than channels last: spec_layout.c. */
bool in_blocks(const Value *v);
bool images_are_plain(const Op *kernel);
/* The kernel without its relayouts, in its place: its operands and its result say how images lie. Itself,
 * where there are none. */
const Op *without_relayouts(Module *m, const Op *kernel);
/* An elementwise kernel, on memory of the dims that its images have there. */
const Op *maps_as_they_lie(Module *m, const Op *kernel);
/* A kernel that only brings an image to or from channels first, as one that transposes; or NULL. */
const Op *relayout_as_transpose(Module *m, const Op *kernel);
/* What a header says of images in blocks: whether argument x is one, and the result. */
const char *blocks_in_header(const Op *kernel, const Value *x);

void make_igemm(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out);
void make_depthwise(Module *m, const Op *kernel, KernelSpec *out);
/* How many channels a depthwise convolution does at a time where its image lies in the second-level cache: so
 * many that the rows under a window stay in the first-level one. `d`: its dims. */
int64_t depthwise_chunk(const Dim *d, int64_t kh, int64_t esize);
void make_chain(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out);
void make_attention(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out);
void make_winograd(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out);
void make_routine(Module *m, const Op *kernel, KernelSpec *out);
void make_custom(Module *m, const Op *kernel, KernelSpec *out);
#endif
