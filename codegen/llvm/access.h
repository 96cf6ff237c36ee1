/* Values of a kernel's region at an index: the one mechanism behind every "loops" kernel.
 *
 * An Index names an element of a value, or a run of them along one dim (`vd`): the elements vbase + o * vs
 * for the lanes' o = lane.o, lane.o + 1, …. Evaluating a value asks its operands at the indices that they are
 * read at; nothing is stored in between. What has been computed is remembered as long as its code dominates.
 */
#ifndef JITC_ACCESS_H
#define JITC_ACCESS_H

#include "codegen/llvm/emit.h"

enum { NV_MAX = 4, YIELDS = 32, SYMBOLS_MAX = 256 };

typedef struct {
    Ival i[IR_MAX_RANK]; /* not used for dim vd */
    uint32_t unknown;    /* dims that only inner loops will know */
    int vd;              /* -1: one element */
    int64_t vs;
    Ival vbase;
} Index;

/* How the run is cut: nv vectors of `lanes` elements from o on. */
typedef struct {
    int lanes, nv;
    uint32_t id; /* of this place in the code: vectors are remembered per run */
    Ival o;
    int64_t lo, hi; /* lo <= o < hi for all elements of the run */
    bool open;      /* these are not known now: the run was cut at run time */
    bool partial;   /* only the mask's lanes exist */
    Vec mask;
    Ival count; /* of lanes, when partial */
} Lanes;

typedef struct {
    const Value *v;
    Index x;
    uint32_t lane; /* Lanes.id, when there is a run */
    int n;
    Vec vec[NV_MAX];
} Known;

typedef struct {
    char op;
    Ival a, b, r;
    Ival yes, no; /* of a < b ? yes : no */
} KnownInt;

typedef struct {
    Dim d;
    Ival v;
} KnownDim;

/* Something about an op at an index that is worth remembering, other than its value. */
typedef struct {
    const Op *op;
    Index x;
    Ival i;
    Vec vec[2];
} KnownFact;

/* A branch around the code decided which operand of a concat, or whether the inside of a pad, is read. */
typedef struct {
    const Op *op;
    Index x;
    int which;
} Assumption;

typedef struct {
    Gen *g;
    const Kernel *k;
    Job *job;
    bool symbolic; /* some size is not a number */
    bool at_entry; /* code now written is seen by all of the kernel */
    Lanes lane;
    uint32_t last_lane;
    VEC(KnownDim) dims;
    VEC(Known) known;
    VEC(KnownInt) ints;
    VEC(KnownFact) facts;
    VEC(Assumption) assumed;
} Eval;

typedef struct {
    uint32_t known, ints, facts;
} Scope;
static inline Scope scope_enter(const Eval *e)
{
    return (Scope){e->known.n, e->ints.n, e->facts.n};
}
static inline void scope_leave(Eval *e, Scope s)
{
    e->known.n = s.known, e->ints.n = s.ints, e->facts.n = s.facts;
}

/* Remembered arithmetic: equal operands give the same Ival, so that indices can be compared. */
Ival ix_add(Eval *e, Ival a, Ival b);
Ival ix_sub(Eval *e, Ival a, Ival b);
Ival ix_mul(Eval *e, Ival a, Ival b);
Ival ix_div(Eval *e, Ival a, Ival b);
Ival ix_mod(Eval *e, Ival a, Ival b);
Ival ix_max(Eval *e, Ival a, Ival b);

/* -- Sizes: dims.c ------------------------------------------------------------------------------------ */
void eval_begin(Eval *e, Gen *g, const Kernel *k); /* at the kernel's entry: computes its sizes */
Ival dim_ival(Eval *e, Dim d);
Ival dim_divisor(Eval *e, Dim d); /* at least 1: where it is 0 there are no elements, but perhaps code */
void ival_strides(Eval *e, const Type *t, Ival *stride);
Ival dims_product(Eval *e, const Type *t, int from, int to);
Ival block_offset(Eval *e, const Type *t, Ival c); /* in an image in blocks: from channel 0 to channel c */
int dim_symbols(const Module *m); /* dim arguments of a kernel: one more than the last symbol's number */

Index index_zero(void);
bool index_same(const Index *a, const Index *b, int rank);
Ival index_at(Eval *e, const Index *x, int d); /* coordinate along d, of the first lane */
Index index_single(Eval *e, const Index *x);   /* with no run; lanes must be 1 */

/* Index of row u of a value: its dims but the last, which is 0. */
Index outer_index(Eval *e, const Type *t, Ival u);

/* Where operand i of `op` is read for the result at x; dims that the op itself runs over are marked unknown.
 */
Index operand_index(Eval *e, const Op *op, int i, const Index *x);
/* In how many pieces a run along the result of a reshape crosses the operand's dim: 1 where it stays inside,
 * 0 when it goes along several dims at once, -1: some number, which sizes will tell. */
int64_t reshape_pieces(Eval *e, const Type *in, const Type *out, const Index *x);
/* Coordinate at which a run of the result, now at coordinate `at`, leaves the operand's dim. */
Ival reshape_cut(Eval *e, const Type *in, const Type *out, const Index *x, Ival at);
/* The third of a mirrored dim that the run along it lies in: -1, 0, 1; 2: not known. Where it reads then. */
int mirror_part(const Eval *e, const Op *op, const Index *x);
Index mirror_index(Eval *e, const Op *op, const Index *x, int part);
bool padded_dim(const Op *op, int d);               /* d may be -1: not */
Ival piece_start(Eval *e, const Op *op, int piece); /* of a concat */
/* Whether only the call tells if operand i repeats one element along the run. */
bool open_run(const Op *op, int i, const Index *x);
/* The block argument that v is a reshape of, whose memory is read by other dims only; or NULL. */
const Value *reshaped_arg(const Value *v);
/* Piece of a concat, or the inside (1) or outside (0) of a pad, that the run lies in; -1: not known. */
int static_piece(Eval *e, const Op *op, const Index *x);
int assumed_piece(Eval *e, const Op *op, const Index *x);
Cond inside_pad(Eval *e, const Op *op, const Index *x);       /* along the dims but vd */
Cond inside_run(Eval *e, const Op *op, const Index *x);       /* of a pad: along vd */
Cond inside_piece(Eval *e, const Op *op, int piece, Ival at); /* of a concat */

/* out gets nv vectors, or one single-lane vector when the index has no run. Returns how many. */
int eval_at(Eval *e, const Value *v, const Index *x, Vec *out);
Vec eval_one(Eval *e, const Value *v, const Index *x); /* index without a run */
Ival eval_int(Eval *e, const Value *v, const Index *x);
/* out = v at x where c holds, else it stays; n vectors of the run's lanes. */
void guarded(Eval *e, Cond c, const Value *v, const Index *x, Vec *out, int n);
/* The same, widened from half precision. */
int eval_wide(Eval *e, const Value *v, const Index *x, Vec *out);

/* Visits what evaluating v at x would visit, without emitting values. `visit` returns whether to descend. */
typedef bool Visit(Eval *e, const Value *v, const Index *x, void *arg);
void walk_values(Eval *e, const Value *v, const Index *x, Visit *visit, void *arg);
/* Whether a run along x->vd can be computed in vectors. */
bool vectorisable(Eval *e, const Value *v, const Index *x);
/* Evaluates ahead of a loop what does not depend on the unknown dims. */
void prepare(Eval *e, const Value *v, const Index *x);
/* Cuts a run of n elements into ranges in which every concat, pad and the like along it is one case. Those of
 * numbers are found now: `cuts` of them, ends included. Of others `at_run` is set: the next one is computed
 * where the run arrives. */
enum { CUTS_MAX = 512 };
typedef struct {
    Value *const *v;
    int nv;
    Index x;
    Ival n;
    bool at_run;
    int cuts;
    Ival at[CUTS_MAX];
} Cuts;
void find_cuts(Eval *e, Value *const *v, int nv, const Index *x, Ival n, Cuts *c);
Ival next_cut(Eval *e, const Cuts *c, Ival o); /* the first behind element o, at most n */
static inline bool one_range(const Cuts *c)
{
    return !c->at_run && c->cuts == 2;
}

/* By kind: the values of an op at an index. */
void eval_reduce_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_arg_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_row_op(Eval *e, const Op *op, const Index *x, Vec *out);
const KnownFact *row_facts(Eval *e, const Op *op,
                           const Index *x); /* maximum, and sum of exponentials, of the row */
void eval_pool_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_conv_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_dot_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_gather_op(Eval *e, const Op *op, const Index *x, Vec *out);
Ival gather_row(Eval *e, const Op *op, const Index *x); /* the index that is looked up, checked and clamped */
void eval_one_hot_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_bilinear_op(Eval *e, const Op *op, const Index *x, Vec *out);
void eval_nearest_op(Eval *e, const Op *op, const Index *x, Vec *out);

/* A loop over a run of n elements in vectors: body(arg) runs with e->lane set, `carry` holding nacc values
 * per vector stream. Used by reductions; see emit_reduce.c. */
typedef struct {
    Vec *carry;
    int ncarry;
    void (*body)(Eval *e, int streams, void *arg); /* streams == lane.nv */
    void *arg;
    int nv; /* vectors per step */
} RunLoop;
void run_loop(Eval *e, Ival lo, Ival hi, const RunLoop *r);
void run_loop_cut(Eval *e, const Cuts *c, const RunLoop *r); /* range by range */

/* Whole kernels with a form of their own; false: not of that form. */
bool emit_row_kernel(Gen *g, const Kernel *k);
bool emit_scan_kernel(Gen *g, const Kernel *k);
bool emit_transpose_kernel(Gen *g, const Kernel *k);

Vec zero_vec(Gen *g, DType t, int lanes); /* of a carrier */
#endif
