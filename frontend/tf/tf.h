/* What the importers of TensorFlow's operations share. One file per family of operations; each holds a table
 * of TfOp. An importer builds IR for one node with cx->b, or reports why it cannot: with fail(), or through
 * ir_op(). A NULL result means reported. */
#ifndef JITC_FRONTEND_TF_H
#define JITC_FRONTEND_TF_H

#include "frontend/tfgraph.h"
#include "ir/dim.h"
#include "ir/ir.h"

typedef struct Cx Cx;
typedef struct TfOp TfOp;
typedef struct Importer Importer;

struct Cx {
    Job *job;
    Module *m;
    const TfGraph *graph;
    const Source *src;
    Builder b;
    Importer *importer;
    const char *prefix; /* of the node's name, for messages: the function that it belongs to */
    const TfNode *node; /* being imported */
    const TfOp *op;
    bool failed; /* the current node has been reported */
    bool symbolic;
    VEC(struct List *) lists; /* by value: see list.h */
};

/* nout: a number, or where it stands. */
enum {
    OUT_NINPUTS = -1,
    OUT_NINPUTS_LESS_1 = -2,
    OUT_NUM_SPLIT = -3,
    OUT_NUM = -4,
    OUT_TOUT = -5,
    OUT_T = -6,
    OUT_NUM_OUTS = -7,
    OUT_NUM_PARTITIONS = -8,
    OUT_PATHS = -9,  /* three per path, and one */
    OUT_RAGGED = -10 /* one more than ragged dimensions */
};
/* The attribute that such a number stands in. */
static inline const char *out_attr(int nout)
{
    return nout == OUT_NUM         ? "num"
           : nout == OUT_NUM_SPLIT ? "num_split"
           : nout == OUT_NUM_OUTS  ? "num_outs"
           : nout == OUT_PATHS     ? "top_paths"
           : nout == OUT_RAGGED    ? "OUTPUT_RAGGED_RANK"
                                   : "num_partitions";
}

typedef void ImportFn(Cx *cx, Value **in, Value **out);

struct TfOp {
    const char *name;
    ImportFn *import;
    int8_t nin, nin_max; /* data inputs; nin_max 0: exactly nin, -1: any number from nin */
    int16_t nout;
    int arg; /* for the importer: an OpCode or a variant */
};

const TfOp *tf_op_find(const char *name); /* NULL: not supported */
/* The same for an operator of the user's. */
struct CustomOps;
const TfOp *custom_tf_op(Job *job, const struct CustomOps *ops, const char *name);
/* Calls the importer of cx->op, or what stands for it where an operand is complex. */
void run_importer(Cx *cx, Value **in, uint32_t nin, Value **out);
/* Why an operation is not supported, for people; NULL when there is nothing special to say. *cut is cleared
 * when its result would make no sense as an input. */
const char *tf_unsupported_reason(const char *op, bool *cut);
#define FAMILY(name) extern const TfOp tf_##name##_ops[];
#include "frontend/tf/families.def"
#undef FAMILY

/* Whether a value defined in that region can be used where the builder is. */
bool sees(const Cx *cx, const Region *r);
/* Whether what is built there may run more than once. */
bool in_loop(const Cx *cx);
/* ImportOptions.runs; NULL: not asked for. */
Value *runs_so_far(Cx *cx);
/* The key of a stream of random numbers, another one at each call. */
uint64_t stream_without_seed(Cx *cx);

enum { MAX_PROBLEMS = 100 }; /* of a graph that are reported */
/* Reports a problem of the current node. */
void fail(Cx *cx, const char *fmt, ...) PRINTF(2, 3);

/* -- Attributes: of the wanted kind, or `def` when absent; anything else is reported ------------------ */
int64_t get_int(Cx *cx, const char *name, int64_t def);
bool get_bool(Cx *cx, const char *name, bool def);
double get_float(Cx *cx, const char *name, double def);
const char *get_str(Cx *cx, const char *name, const char *def);
/* 0 when absent and `def` is 0, or when the type is not one that tensors of the IR have (reported). */
DType get_type(Cx *cx, const char *name, DType def);
/* The number of elements, 0 when absent; more than max are reported. */
int get_ints(Cx *cx, const char *name, int64_t *v, int max);
bool need_attr(Cx *cx, const char *name); /* reports when it is absent */
/* Whether data_format is NCHW (NHWC otherwise). */
bool get_nchw(Cx *cx);
bool tf_type_usable(int32_t dtype); /* tensors of the IR may have it */

/* -- Operands ----------------------------------------------------------------------------------------- */
const char *type_string(Cx *cx, const Type *t); /* "f32[1,?N,3]" */
bool need_rank(Cx *cx, const Value *v, const char *what, int min, int max);
bool need_float(Cx *cx, const Value *v, const char *what);
/* Elements of a scalar or vector of integers as sizes: the number, or -1 (reported). Elements that depend on
 * data become symbols, which are bound at the builder's place; a run fails when one is negative. */
int known_dims(Cx *cx, Value *v, const char *what, Dim *out, int max);
/* The first `count` (an integer scalar, data) rows of a tensor that is padded to its upper bound. */
Value *take_rows(Cx *cx, Value *padded, Value *count);
/* The same as numbers, which must be known when compiling. */
int known_ints(Cx *cx, Value *v, const char *what, int64_t *out, int max);
bool known_int(Cx *cx, Value *v, const char *what, int64_t *out); /* of one element */
/* One element of a vector of sizes or indices: known when compiling, or data. */
enum { INDEX_TYPE = JITC_INT64 };
typedef struct {
    Dim dim;
    Value *data; /* a scalar of INDEX_TYPE; NULL: known */
} Elem;
/* The elements of a vector of integers: the number, or -1 (reported). A known one is a number, or never
 * negative. */
int elems(Cx *cx, Value *v, const char *what, Elem *out, int max);
bool size_for_sure(const Module *m, Dim d); /* never negative */
Value *elem_value(Cx *cx, const Elem *e);
/* Data becomes a size; a run fails when it is negative. */
bool bind_size(Cx *cx, Value *v, const char *what, Dim *d);
/* All elements; NULL when they depend on data (reported). */
const Tensor *known_tensor(Cx *cx, Value *v, const char *what);
/* An axis in 0..rank-1, or -1 (reported). */
int known_axis(Cx *cx, Value *v, const char *what, int rank);
int check_axis(Cx *cx, int64_t axis, const char *what, int rank);
/* False: the sizes differ. Where only a run can tell, it will. */
bool sizes_match(Cx *cx, Dim a, Dim b);
/* The product of dims, saturating through dim_mul; */
Dim dims_product(Cx *cx, const Dim *d, int n);

/* -- Building ----------------------------------------------------------------------------------------- */
Value *transpose(Cx *cx, Value *v, const int64_t *perm);
Value *to_nhwc(Cx *cx, Value *v, bool nchw); /* channels last, of any rank */
Value *from_nhwc(Cx *cx, Value *v, bool nchw);
Value *slice(Cx *cx, Value *v, const Dim *begin, const Dim *size);
/* Elements [begin, begin + size) along one axis. */
Value *slice_axis(Cx *cx, Value *v, int axis, Dim begin, Dim size);
Value *concat(Cx *cx, Value *const *v, uint32_t n, int axis);
Value *reduce(Cx *cx, OpCode code, Value *v, const int64_t *axes, int naxes, bool keep);
Value *scalar(Cx *cx, DType t, double x); /* a constant */
Value *lowest(Cx *cx, DType t);           /* the lowest finite number */
Value *broadcast(Cx *cx, Value *v, const Dim *dim, int rank);
/* A constant of any size; large ones are weights. `t` is not copied. */
Value *tensor_value(Cx *cx, const Tensor *t);
Value *dot(Cx *cx, Value *a, Value *b, bool trans_a, bool trans_b);
Value *iota_vector(Cx *cx, DType t, Dim n); /* 0, 1, … n - 1 */
Value *select3(Cx *cx, Value *cond, Value *yes, Value *no);
Value *size_value(Cx *cx, Dim d, DType t); /* one size as a scalar */
/* x, where ok (a bool scalar) holds; else the run fails and names this node. */
Value *checked(Cx *cx, Value *x, Value *ok);
Value *checked_as(Cx *cx, Value *x, Value *ok, const char *report); /* with these words */
Value *channel_vector(Cx *cx, Value *v, int rank, int axis);        /* [C] as [1,…,C,…,1] */

/* -- Indices as data ---------------------------------------------------------------------------------- */
Value *index_operand(Cx *cx, Value *v); /* as i32 or i64 */
Value *gather(Cx *cx, Value *x, Value *index, int axis, int batch_dims);
/* x with `rows` [..., elem...] combined at `index` [..., k]. */
Value *scatter(Cx *cx, const char *how, Value *x, Value *index, Value *rows, bool skip_negative);
Value *filled(Cx *cx, Value *one, const Dim *dim, int rank); /* of a scalar */
Value *flattened(Cx *cx, Value *v, int dims);                /* the first `dims` dims as one */
Value *index_column(Cx *cx, Value *v);                       /* all elements as [n, 1] */
Value *ascending(Cx *cx, Value *v, bool strictly);           /* a vector's elements ascend */
Value *all_true(Cx *cx, Value *v);                           /* of any shape */
Value *rows_needed(Cx *cx, Value *index, Dim *rows);         /* the largest element + 1, at least 0 */
Value *where(Cx *cx, Value *x);                              /* indices of what is not zero */

/* -- Sparse tensors: indices [n, rank], values [n] and a shape ------------------------------------------- */
bool sparse_operands(Cx *cx, Value *index, Value *values, Value *shape); /* values: may be NULL */
/* How many elements a step of one along each dimension passes over. */
Value *sparse_steps(Cx *cx, Value *shape);
Value *matrix_column(Cx *cx, Value *v, int c);  /* of a matrix, as a vector */
Value *vector_element(Cx *cx, Value *v, int i); /* of a vector, as a scalar */

/* -- Windows: convolution and pooling ----------------------------------------------------------------- */
enum { MAX_SPATIAL = 3 };
typedef struct {
    int n;                       /* spatial dimensions: 2 or 3 */
    bool nchw;                   /* channels stand before them */
    int64_t window[MAX_SPATIAL]; /* of pooling */
    int64_t strides[MAX_SPATIAL], dilations[MAX_SPATIAL];
    enum { PAD_VALID, PAD_SAME, PAD_EXPLICIT } padding;
    Dim lo[MAX_SPATIAL], hi[MAX_SPATIAL]; /* after window_pads(); before it of PAD_EXPLICIT only */
} Window;
/* data_format, padding and dilations for n spatial dimensions. */
bool window_attrs(Cx *cx, Window *w, int n);
/* An attribute of one number per dimension in data_format order, batch and channels being 1; ones when
 * absent. */
bool window_ints(Cx *cx, const Window *w, const char *name, bool required, int64_t *v);
bool window_list(Cx *cx, const Window *w, const char *name, const int64_t *list, int n, int64_t *v);
/* Pads of spatial dimension d for an input of that size and a filter of k. */
bool window_pads(Cx *cx, Window *w, int d, Dim in, Dim k);
/* The result's size along d. */
Dim window_out(Cx *cx, const Window *w, int d, Dim in, int64_t k);
/* Zeros (or another value) around the spatial dimensions, which begin at 1. */
Value *window_pad(Cx *cx, Value *x, const Window *w, double value);
/* All windows: [n, h, w, c] as [n, oh, ow, kh * kw, c], and so in three dimensions. */
Value *window_taps(Cx *cx, Value *x, const Window *w, double pad);
/* i32 [out, window]: the pixel at each place along d, also outside the image. */
Value *window_places(Cx *cx, const Window *w, int d, Dim out);
/* bool [oh, ow, kh * kw, 1]: whether that is a pixel of the image. */
Value *window_mask(Cx *cx, const Window *w, const Dim *in, const Dim *out);
/* [n, spatial, c/groups * groups] with a filter [k, c/groups, o]; pads are known by now. */
Value *conv(Cx *cx, Value *x, Value *filter, const Window *w, int64_t groups);
/* The whole of Conv2D and Conv3D, and DepthwiseConv2dNative, without the node's surroundings; channels last.
 */
Value *conv_any(Cx *cx, Value *x, Value *filter, Window *w);
Value *depthwise(Cx *cx, Value *x, Value *filter, Window *w);
/* The largest, or the mean, of each window; channels last. */
Value *pool(Cx *cx, Value *x, Window *w, OpCode code);

/* -- Loops -------------------------------------------------------------------------------------------- */
/* One round: t counts from 0; var[] as it is before, next[] as it is after. False: reported. */
typedef bool LoopStep(Cx *cx, const void *arg, Value *t, Value *const *var, Value **next);
/* `limit` (i64) rounds; var[0..n) are replaced by what they are in the end. */
bool counted_loop(Cx *cx, Value *limit, Value **var, int n, LoopStep *step, const void *arg);
Value *loop_slice(Cx *cx, Value *stack, Value *t); /* stack[t] */
Value *loop_update(Cx *cx, Value *stack, Value *t, Value *x);

/* -- Shared by families ------------------------------------------------------------------------------- */
Value *activation(Cx *cx, Value *v, const char *name); /* of fused operations; reports unknown names */
/* scale * (x - mean) / sqrt(var + epsilon) + offset along the last dimension. */
Value *batch_norm(Cx *cx, Value *x, Value *scale, Value *offset, Value *mean, Value *var, double epsilon);
Value *bias_add(Cx *cx, Value *x, Value *bias, bool nchw);
Value *matmul(Cx *cx, Value *a, Value *b);
ImportFn import_einsum, import_reshape;
/* Height and width of the result of resizing x. */
bool image_size(Cx *cx, const Value *x, Value *size, Dim d[2]);
Value *mirror_pad(Cx *cx, Value *x, Value *paddings);
Value *resize(Cx *cx, OpCode code, Value *x, Value *size, bool align_corners, bool half_pixel);
/* Pairs of a [rank, 2] tensor of paddings; those that data tells are checked where x is read. */
bool known_pads(Cx *cx, Value *v, int rank, Dim *lo, Dim *hi, Value **x);
#endif
