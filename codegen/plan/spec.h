/* Kernel specs: the closed text of a kernel, which is its deduplication key and all that the code generator
 * sees.
 *
 *     #algo=igemm kmult=4 ntail=0
 *     graph @k(%0: f32[?m,?k], %1: f32[?k,?n]{panel}, %2: f32[?n]) {
 *       %3 = dot %0, %1 : f32[?m,?n]
 *       %4 = add %3, %2 : f32[?m,?n]
 *       return %4
 *     }
 *
 * The call passes pointers (operands, then results) and the values of the spec's dims, in the order given per
 * algorithm below. A kernel computes units [unit0, unit1) of `units`.
 *
 * map: pure map ops over a collapsed iteration space: adjacent dims are merged where every operand either has
 * both or broadcasts both. Result rank r = 1..6, dims ?d0..?d(r-1), all > 0; a size-1 dim has been dropped,
 * but r >= 1. An operand has the trailing-aligned rank r with ?di or 1, or rank 0: a scalar. All operands are
 * row-major, and dense unless the header says pitch=1; images lie as they may, as these dims are those of
 * memory. dims: d0..d(r-1), rows; with pitch=1 then for each operand and result the elements from row to row,
 * rows being along the last dim. For r > 1 a unit covers `rows` consecutive rows of the innermost dim, units
 * = ceil(d0*…*d(r-2) / rows); for r = 1 it covers `rows` consecutive elements (rows % 16 == 0), units =
 * ceil(d0 / rows).
 *
 * igemm: dot over gathered rows: result row m is the sum over taps t, then k in [0,run), of
 * x[row(m,t) + k] * w[t*run + k][n]. row(m,t) is given by the geometry of an NHWC window; taps outside the
 * image read zeros. dims: the IG_* list below. Operand 0 is x, operand 1 the panels, then epilogue operands
 * typed
 * [?m,?n], [?n] or []. Elementwise ops may come before the dot; their operands, after the panels, are typed
 * [?k],
 * [?b,?k] (a vector per image) or [], and there is one tap then. There is one result. Header: rows, the
 * height of the highest register tile (0: as many rows as there are registers for); kmult, `run` is a
 * multiple of it (1 or 4); run16=1, it is one of 16; lines=1, runs can be stored as lines; linear=1, one tap,
 * and row m begins at x + m * xw; far, not 0: the weights come from behind the second-level cache, and a unit
 * has at least so many tiles of that height; step, not 0: there are no lines, and row m + 1 begins `step`
 * elements after row m of the same image row; kcut=1, sums are cut; ntail=1, n is not a multiple of 16;
 * widths, bit w - 1: register tiles may have w panels (TILE_PANELS is about how they are dealt); xblocked=1:
 * x is an image in blocks; direct=1: and its pixels are the rows, so it is lines already; oblocked=1: the
 * result and operands of its shape are images in blocks. units = ceil(m/mu) * ceil(ceil(n/16)/pu); unit u is
 * m-block u / nblocks, n-block u % nblocks when order=0 (m outer), else n-block u / mblocks, m-block u %
 * mblocks. Batched dots repeat all this `batch` times (outermost). Transposes in the kernel, of x before the
 * dot and of the result after the epilogue, are not in the text: they are the strides of rows and batches.
 * Nor are relayouts, in no kernel of this kind.
 *
 * parts=s: the result of an igemm's dot is cut into slices of s outputs, equal parts of it; n and s are
 * numbers in the text. Epilogue operands also are [?m,s] or [s], and there may be several results, each
 * [?m,s] and dense. There is one batch, and sums are not cut. pu counts panels of a part: units = ceil(m/mu)
 * * ceil(ceil(s/16)/pu), and a unit computes its columns of all parts.
 *
 * depthwise: x[?n,?h,?w,?c] * w[kh,kw,1,?c]; window, strides, dilations static in the text's conv op; the
 * text's conv has no groups and no padding: those are C and dims. dims: the DW_* list. Epilogue operands:
 * [?c], [] or the result's shape. Header: xblocked, oblocked as above.
 * units = n * ceil(oh/rows) * ceil(c/chunk), the chunk innermost.
 *
 * winograd: x[?n,?h,?w,?c] and u[products,?c,?k] in panels; tile and window static in the text's winograd op,
 * which has no padding: that is dims. dims: the WG_* list. Tiles are numbered (image, row, column); a block
 * is WG_TILES of them, a group WG_PANELS panels. Epilogue operands: [?k], [] or the result's shape. Header:
 * rows, far and widths as for igemm; ctail=1, ktail=1: c, k are not multiples of 16; xblocked, oblocked as
 * above. units = blocks * groups; unit u
 * is block u / groups, group u % groups.
 *
 * chain: kernels (parts), each of which computes rows of an image from rows of the image before it; parts are
 * of the classes depthwise and igemm, the latter of 1x1 windows and stride 1. The text is the line
 * "#algo=chain", then per part the line "#part DIMS OPERAND…" and the part's own text: DIMS is its number of
 * dims; operands are those of the chain, -1 is the image of the part before. dims: CH_BAND, then for each
 * part the CP_* list and the part's own, as for the whole image. A unit is a band of rows of the last result;
 * it computes the rows of the images in between that the unit before it, if done by the same share, has not
 * left in scratch. No in_place. units = images * ceil(rows/band).
 *
 * attention: softmax(q·k and elementwise ops)·v, by blocks of rows of q, of f32. The text is the line
 * "#algo=attention bykey=…", then three parts, written as those of a chain: a product, a softmax, a product,
 * all three for one block. Operand 0 is q, operand 1 k, operand 2 v, then those of the elementwise ops. A
 * part that reads operand 1 or 2 gets its panels, which the kernel has made in scratch; -1 are the scores, in
 * scratch too. bykey=1: the elements of a key lie side by side; 0: those of all keys for one place do. dims:
 * the AT_* list; for each operand and the result the AS_* list; the parts' own. A unit is a block of rows of
 * one head, whose panels the unit before it, if done by the same share, has left. No in_place. units =
 * batches * heads * ceil(rows/block), blocks innermost.
 *
 * loops: everything else (reduce, row, scan, window, move, index, grouped leftovers with their prologue and
 * epilogue maps): static sizes are numbers in the text; open ones are expressions over symbols ?s0, ?s1, …,
 * in the order in which they occur, whose values are the dim arguments, after pitches if there are any, as in
 * map. Images of the type {blocked} are read and written so. units: product of the first result's dims but
 * the last; a result of one row, all of whose dims but the last are 1 (spec_is_flat): ceil(numel /
 * FLAT_UNIT), a unit covers so many consecutive elements; softmax and log_softmax: product of all dims but
 * the last, one row a unit; cumsum: 1 unit. When the iteration is a reduction to few elements it is still
 * split over outputs only.
 *
 * routine: one op of KIND_ROUTINE, whose operands and results are dense plain memory; sizes as in loops.
 * units: the product of the leading dims of result 0 that the op's `outer` names, else 1. The result may take
 * operand 0's memory where the OpDef says so: the code copies the operand to the result unless the two
 * pointers are equal. Scratch is what the op's `scratch` says.
 *
 * custom: a call of an operator that the user has registered, see include/jitc/op.h. The text is there for
 * its key; what the call passes on is `custom`, whose open sizes are dim arguments. units: as the operator
 * says. */
#ifndef JITC_SPEC_H
#define JITC_SPEC_H

#include "codegen/plan/machine.h"
#include "ir/ir.h"

enum { PANEL = 16 };     /* outputs per panel */
enum { FLAT_UNIT = 64 }; /* elements per unit of a flat result */
enum { TILE_ROWS = 13 }; /* of the highest register tile there is */
/* Panels of the widest. A CPU that loads little more than once per cycle, beside two multiplications of
 * vectors, does 6 rows by 4 panels at its full rate, and of 13 rows by 2 it is a tenth short. So products of
 * few panels have high tiles, all others wide ones; the panels are dealt to tiles of this width and of one
 * panel less. */
enum { TILE_PANELS = 4, TILE_WIDE_ROWS = 6 };
static inline int tile_most_rows(int panels)
{
    return panels > 2 ? TILE_WIDE_ROWS : TILE_ROWS;
}
enum { IG_SUMS_BYTES = 2048 }; /* igemm's scratch for the sums of one tile */

/* Order of igemm's dim arguments. Strides of x are in elements. */
enum {
    IG_M,      /* rows of the result: n*oh*ow */
    IG_N,      /* outputs */
    IG_RUN,    /* contiguous elements per tap */
    IG_TAPS_H, /* taps: TAPS_H * TAPS_W, W fastest */
    IG_TAPS_W,
    IG_OH, /* result rows are (image, oh, ow) */
    IG_OW,
    IG_H, /* input height and width, for the bounds test */
    IG_W,
    IG_SH, /* stride of the window, in pixels */
    IG_SW,
    IG_DH, /* dilation */
    IG_DW,
    IG_PH, /* padding at the low end */
    IG_PW,
    IG_XN,    /* elements from image to image; of one in blocks, from block to block */
    IG_XH,    /* from row to row */
    IG_XW,    /* from pixel to pixel */
    IG_MU,    /* rows per unit */
    IG_PU,    /* panels per unit */
    IG_KC,    /* k that a unit does at a time */
    IG_ORDER, /* 0: m outer; 1: n outer */
    IG_BATCH, /* batched dots */
    IG_BX,    /* elements of x, w, result from batch to batch */
    IG_BW,
    IG_BO,
    IG_INNER, /* so many batches lie closer in x and the result: BX and BO are from group to group of them, */
    IG_BXI,   /* these from one to the next */
    IG_BOI,
    IG_OS,    /* elements from row to row of the result */
    IG_ES,    /* and of operands of its shape */
    IG_IMAGE, /* rows per image, each of which has a vector of its own in operands [?b,?k] */
    IG_DIMS
};

enum { DW_SUMS_BYTES = 512 }; /* depthwise's scratch for the sums of a block of pixels */

enum {
    DW_H,
    DW_W,
    DW_C,
    DW_OH,
    DW_OW,
    DW_PH,
    DW_PW,
    DW_ROWS,  /* of the result, per unit */
    DW_CHUNK, /* channels per unit */
    DW_XP,    /* elements from pixel to pixel of x, of the result, of operands of its shape */
    DW_OP,
    DW_EP,
    DW_DIMS
};

enum {
    WG_N,
    WG_H,
    WG_W,
    WG_C,
    WG_K,
    WG_OH,
    WG_OW,
    WG_PH,
    WG_PW,
    WG_TILES,  /* per block */
    WG_PANELS, /* per group */
    WG_XP,     /* elements from pixel to pixel of x, of the result, of operands of its shape */
    WG_OP,
    WG_EP,
    WG_DIMS
};

/* winograd's scratch: which block it holds (64 bytes), a tile of results, pointers to a tile's pixels, a
 * pixel of zeros; then for a block the sums of a tile's panels and the transformed input. */
enum { WG_TILE_BYTES = 4096, WG_TABLE_BYTES = 512 };

/* Dims of a chain, and of each part before its own. */
enum { CH_BAND, CH_DIMS };
enum {
    CP_H,  /* rows of the image that it reads */
    CP_OH, /* rows, and pixels per row, of its result */
    CP_OW,
    CP_IN, /* elements per row of both */
    CP_OUT,
    CP_ROWS, /* rows of its result that scratch has room for; of the last part: none */
    CP_DIMS
};
/* A chain's scratch: CHAIN_STATE bytes for what it holds, CHAIN_CALL bytes for the arguments of a part; then
 * the rows of the images in between, each image aligned to 64 bytes, and the parts' own scratch. */
enum { CHAIN_PARTS = 3, CHAIN_STATE = 128, CHAIN_CALL = 1024 };

/* Dims of an attention, and for each operand and the result. */
enum {
    AT_HEADS,
    AT_QUERIES, /* rows of each head's result */
    AT_BLOCK,   /* of them per unit */
    AT_KEYS,
    AT_DEPTH, /* elements of a query, and of a key */
    AT_WIDTH, /* of a value */
    AT_DIMS
};
enum { AS_BATCH, AS_HEAD, AS_ROW, AS_DIMS }; /* elements from one to the next */
/* An attention's scratch: CHAIN_STATE bytes for which head it holds, CHAIN_CALL bytes for the arguments of a
 * part; the panels of keys, then of values, the scores; then the parts' own scratch. */
enum { ATTENTION_PARTS = 3 };

enum { SPEC_MAX_DIMS = 128 };
_Static_assert(CH_DIMS + CHAIN_PARTS * CP_DIMS + 2 * IG_DIMS + DW_DIMS <= SPEC_MAX_DIMS, "dims of a chain");

typedef struct {
    const char *text; /* the canonical text, in the module's job */
    size_t size;
    Hash key;
    Dim dim[SPEC_MAX_DIMS]; /* as all sizes here: expressions over the module's symbols */
    int ndims;              /* more than there is room for: the kernel has no form */
    Dim units;
    int64_t grain; /* units worth a share of their own */
    Dim scratch;   /* bytes per share */
    /* Operand i of the text is operand `operand[i]` of the kernel op; one may occur twice. */
    uint16_t *operand;
    int noperands;
    /* Per operand of the text: its element i is read only before element i of result 0 is written, and is of
     * the same size; so the result may take its place. */
    bool *in_place;
    double flops, bytes;             /* of one call, for costs: see work.h */
    const struct CustomNode *custom; /* NULL: the kernel is compiled from its text */
    /* What the tuning was asked for it, while `jitc tune` measures: how to do the convolution, and its units.
     */
    const char *problem[2];
} KernelSpec;

/* Whether the units of a kernel of loops are parts of one row: no part needs the whole row. */
static inline bool spec_is_flat(const Region *body)
{
    const Type *result = &ir_terminator(body)->in[0]->type;
    for (int i = 0; i + 1 < result->rank; i++)
        if (result->dim[i] != 1) return false;
    for (const Op *op = body->first; op; op = op->next) {
        if (op->def->kind == KIND_ROW && result->rank) return false;
        if (op->def->kind != KIND_REDUCE || result->rank < 2) continue;
        int n = 0;
        const int64_t *axes = attr_v(op, "axes", &n);
        for (int i = 0; i < n; i++)
            if (axes[i] == op->in[0]->type.rank - 1) return false;
        if (!axes) return false;
    }
    return true;
}

/* Canonical spec of a kernel op. Unwinds with an internal error if it has no form.
 */
void spec_make(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out);
const char *spec_class(Job *job,
                       const KernelSpec *s); /* "igemm": what the text says; `fuse` may have said "map" */
#endif
