/* Shared by the op definitions: type checks for `infer`, loops for `eval`. */
#ifndef JITC_OPS_COMMON_H
#define JITC_OPS_COMMON_H

#include "ir/ir.h"

#include <math.h>

/* -- Type inference --------------------------------------------------------------------------------- */
enum { TAKE_FLOAT = 1, TAKE_INT = 2, TAKE_BOOL = 4, TAKE_NUM = 3, TAKE_ANY = 15 };

static inline const Type *in_type(const Op *op, int i)
{
    return &op->in[i]->type;
}
const char *type_text(InferCx *cx, const Type *t); /* "f32[2,3]", in the job's memory */

const char *dim_text(InferCx *cx, Dim d);

/* Operand i has one of the kinds of element in `take` and plain layout. */
bool takes(InferCx *cx, const Op *op, int i, unsigned take);
bool takes_rank(InferCx *cx, const Op *op, int i, int min, int max);
/* Matrices in the last two dimensions, f32 or f64; the same number of rows and columns. */
bool takes_matrix(InferCx *cx, const Op *op, int i);
bool takes_square(InferCx *cx, const Op *op, int i);
int outer_of_matrices(const Op *op); /* dims that count them */
bool same_dtype(InferCx *cx, const Op *op, int i, int j);
bool axis_in_range(InferCx *cx, const char *attr, int64_t axis, int rank);
/* The list attribute has n elements, each in lo..hi. */
bool ints_in_range(InferCx *cx, const Op *op, const char *attr, int n, int64_t lo, int64_t hi);
/* The list attribute is a shape: rank within the limit, no negative size. */
bool shape_attr(InferCx *cx, const Op *op, const char *attr, const Dim **dim, int *rank);
bool dim_is_negative(Module *m, Dim d); /* surely */
/* Two sizes must agree: false when both are numbers and differ. What cannot be told is noted for run time. */
bool dims_agree(InferCx *cx, Dim a, Dim b);
/* The result's size in bytes is representable; last check of every infer that can enlarge. */
bool result_fits(InferCx *cx, const Type *t);
/* Elementwise: all operands of one dtype out of `take`; the result has dtype `to`, or theirs when 0. */
bool infer_elementwise(InferCx *cx, const Op *op, Type *out, unsigned take, DType to);
bool infer_bool_map(InferCx *cx, const Op *op, Type *out);   /* bool in, bool out */
bool infer_float_test(InferCx *cx, const Op *op, Type *out); /* floating point in, bool out */
bool infer_reduce(InferCx *cx, const Op *op, Type *out, unsigned take);
bool infer_reduce_num(InferCx *cx, const Op *op, Type *out);
bool infer_reduce_bool(InferCx *cx, const Op *op, Type *out);
bool infer_arg(InferCx *cx, const Op *op, Type *out); /* argmax, argmin */
bool infer_row(InferCx *cx, const Op *op, Type *out); /* softmax, log_softmax */
bool infer_scan(InferCx *cx, const Op *op, Type *out, unsigned take);
bool infer_pool(InferCx *cx, const Op *op, Type *out, unsigned take);
bool infer_resize(InferCx *cx, const Op *op, Type *out, DType to);
/* Output size of a window: (in + lo + hi - ((k - 1) * dilation + 1)) / stride + 1, at least 0. */
Dim window_size(Module *m, Dim in, Dim k, int64_t dilation, int64_t stride, Dim lo, Dim hi);
/* The list attribute has n elements; those that are numbers are in 0..most. */
bool pads_in_range(InferCx *cx, const Op *op, const char *attr, int n, int64_t most);
/* The size with padding; false when it is not representable. */
bool padded_size(InferCx *cx, Dim in, Dim lo, Dim hi, Dim *out);
enum {
    WINDOW_MAX = INT32_MAX
}; /* limit of strides, windows, pads, dilations: keeps sums far from overflow */

/* -- Abstract evaluation over dims -------------------------------------------------------------------- */
enum { DIMS_MAX = 64 };
bool dims_ints(const Type *t); /* i32 or i64: what shapes are computed in */
bool dim_from_int(Module *m, int64_t v, Dim *d);
/* Elements of operand i, at most DIMS_MAX; n receives their number. */
bool dims_operand(Module *m, const Op *op, int i, Dim *out, int *n);
/* DIMS_FLOOR, DIMS_TRUNC: f divides; the divisors must be positive numbers. Sizes are not negative, so
 * truncation is taken for flooring, except of a number that is negative. */
typedef enum { DIMS_ANY, DIMS_FLOOR, DIMS_TRUNC } DimsRule;
bool dims_binary(Module *m, const Op *op, Dim *out, int n, Dim (*f)(Module *, Dim, Dim), DimsRule rule);
bool dims_reduce(Module *m, const Op *op, Dim *out, int n, Dim init, Dim (*f)(Module *, Dim, Dim));

/* -- Simplification ----------------------------------------------------------------------------------- */
static inline bool same_type(const Value *v, const Op *op)
{
    return type_equal(&v->type, &op->out[0]->type);
}
/* v when replacing the op's result by it keeps the type, else NULL. */
static inline Value *if_same_type(Value *v, const Op *op)
{
    return same_type(v, op) ? v : NULL;
}
static inline bool all_equal(Builder *b, Value *v, double x)
{
    return is_const_like(v) && ir_all_equal(b->m, v, x);
}
Value *simplify_idempotent(Builder *b, Op *op);    /* f(f(x)) = f(x) */
Value *simplify_same_operands(Builder *b, Op *op); /* f(x, x) = x */
Value *simplify_no_axes(Builder *b, Op *op);

/* -- Evaluation --------------------------------------------------------------------------------------- */
void load_f(const Tensor *t, int64_t at, int64_t stride, int64_t n, double *to);
void load_i(const Tensor *t, int64_t at, int64_t stride, int64_t n, int64_t *to);
void store_f(Tensor *t, int64_t at, int64_t n, const double *from);
void store_i(Tensor *t, int64_t at, int64_t n, const int64_t *from);
int64_t dtype_lowest(DType t); /* of integers and bool; u64 as its bits */
int64_t dtype_highest(DType t);
double float_lowest(DType t); /* most negative finite number */
static inline int64_t wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline int64_t wrap_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}
/* TensorFlow's maximum and minimum: a NaN wins, the first operand wins ties. */
static inline double max_f(double a, double b)
{
    return b > a || (b != b && a == a) ? b : a;
}
static inline double min_f(double a, double b)
{
    return b < a || (b != b && a == a) ? b : a;
}
static inline int64_t max_i(int64_t a, int64_t b)
{
    return b > a ? b : a;
}
static inline int64_t min_i(int64_t a, int64_t b)
{
    return b < a ? b : a;
}

/* A walk over a box in row-major order, one innermost row at a time, with an element offset per operand.
 * Neighbouring dims that every operand steps through evenly are merged, so rows are long. */
enum { WALK_MAX = 4 };
typedef struct {
    int rank, nop;
    int64_t dim[IR_MAX_RANK], index[IR_MAX_RANK];
    int64_t stride[WALK_MAX][IR_MAX_RANK];
    int64_t at[WALK_MAX];   /* offset of the row's first element */
    int64_t n;              /* elements in a row */
    int64_t step[WALK_MAX]; /* stride within a row */
    bool more;
} Walk;
/* stride[o] has one entry per dim. */
Walk walk_start(int rank, const int64_t *dim, int nop, const int64_t *const *stride);
void walk_next(Walk *w);
/* The strides by which `in` is read when broadcast to `out`. */
void broadcast_strides(const Type *in, const Type *out, int64_t *stride);
/* A walk over `out` (operand 0) and up to three operands broadcast to it. */
Walk walk_broadcast(const Tensor *in, int nin, const Tensor *out);

void eval_map(EvalCx *cx, const Tensor *in, Tensor *out);
/* The same for ops that depend on the order of integers: u64 compares as unsigned. */
void eval_map_ordered(EvalCx *cx, const Tensor *in, Tensor *out);
void eval_map_fns(EvalCx *cx, const MapFns *fns, const Tensor *in, Tensor *out);

typedef struct {
    double f0; /* result of an empty reduction */
    double (*f)(double, double);
    int64_t i0;
    int64_t (*i)(int64_t, int64_t);
    bool ordered; /* u64 compares as unsigned */
} ReduceFns;
void eval_reduce(EvalCx *cx, const ReduceFns *fns, const Tensor *in, Tensor *out);
void eval_scan(EvalCx *cx, const ReduceFns *fns, const Tensor *in, Tensor *out); /* along `axis` */
void eval_arg(EvalCx *cx, const Tensor *in, Tensor *out, bool max);
/* out[dst_base + Σ i·dst] = in[src_base + Σ i·src] over the box `dim`. */
void copy_box(Tensor *out, int64_t dst_base, const int64_t *dst, const Tensor *in, int64_t src_base,
              const int64_t *src, int rank, const int64_t *dim);
/* The real pixels under one window of an NHWC image: rows y0..y1, columns x0..x1 of image n. */
typedef struct {
    int64_t n, y0, y1, x0, x1;
} Window;
static inline int64_t window_at(const Tensor *in, const Window *w, int64_t y, int64_t x, int64_t c)
{
    const int64_t *dim = in->type.dim;
    return ((w->n * dim[1] + y) * dim[2] + x) * dim[3] + c;
}
typedef void PoolFn(const Tensor *in, const Window *w, int64_t c, Tensor *out, int64_t at);
void eval_pool(EvalCx *cx, const Tensor *in, Tensor *out, PoolFn *pool);
void fill_f(Tensor *out, double v);
/* Number of elements in dims [from, to). */
int64_t numel_between(const Type *t, int from, int to);
/* The list of dims, which must be numbers by now. */
void eval_dims(EvalCx *cx, const char *attr, int64_t *v);
/* TensorFlow's source coordinate scale. */
float resize_scale(int64_t in, int64_t out, bool align_corners);
#endif
