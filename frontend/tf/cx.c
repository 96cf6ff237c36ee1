/* Attributes and operands, checked: what a file says is never trusted. */
#include <float.h>

#include "frontend/tf/tf.h"

void fail(Cx *cx, const char *fmt, ...)
{
    cx->failed = true;
    if (cx->job->nerrors >= MAX_PROBLEMS) return;
    va_list ap;
    char text[1024];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    job_error(cx->job, "node '%s%s' (%s): %s", cx->prefix, cx->node->name, cx->node->op, text);
}

/* -- Attributes --------------------------------------------------------------------------------------- */
static const TfAttr *get_attr(Cx *cx, const char *name, TfAttrKind kind, const char *what)
{
    const TfAttr *a = tf_attr_find(cx->node, name);
    if (!a || a->kind == kind) return a;
    fail(cx, "attribute '%s' must be %s", name, what);
    return NULL;
}

int64_t get_int(Cx *cx, const char *name, int64_t def)
{
    const TfAttr *a = get_attr(cx, name, TF_ATTR_I, "an integer");
    return a ? a->i : def;
}

bool get_bool(Cx *cx, const char *name, bool def)
{
    const TfAttr *a = get_attr(cx, name, TF_ATTR_B, "a bool");
    return a ? a->b : def;
}

double get_float(Cx *cx, const char *name, double def)
{
    const TfAttr *a = get_attr(cx, name, TF_ATTR_F, "a float");
    return a ? (double)a->f : def;
}

const char *get_str(Cx *cx, const char *name, const char *def)
{
    const TfAttr *a = get_attr(cx, name, TF_ATTR_S, "a string");
    if (a && strlen(a->s.at) != a->s.n) fail(cx, "attribute '%s' holds a NUL character", name);
    return a ? a->s.at : def;
}

bool tf_type_usable(int32_t t)
{
    if (t <= 0 || t > 31 || t == TF_STRING) return false;
    return dtype_is_float((DType)t) || dtype_is_int((DType)t) || dtype_is_complex((DType)t) || t == TF_BOOL;
}

DType get_type(Cx *cx, const char *name, DType def)
{
    const TfAttr *a = get_attr(cx, name, TF_ATTR_TYPE, "a type");
    if (!a) return def;
    int32_t t = tf_plain_type(a->type);
    if (tf_type_usable(t)) return (DType)t;
    fail(cx, "type %s (attribute '%s') is not supported", tf_dtype_name(a->type), name);
    return 0;
}

int get_ints(Cx *cx, const char *name, int64_t *v, int max)
{
    const TfAttr *a = get_attr(cx, name, TF_ATTR_LIST, "a list of integers");
    if (!a) return 0;
    const TfList *l = a->list;
    if (l->ns || l->nf || l->nb || l->ntype || l->nshape || l->ntensor || l->nfunc) {
        fail(cx, "attribute '%s' must be a list of integers", name);
        return 0;
    }
    if (l->ni > (uint32_t)max) {
        fail(cx, "attribute '%s' has %u elements; at most %d are possible", name, l->ni, max);
        return 0;
    }
    for (uint32_t i = 0; i < l->ni; i++) v[i] = l->i[i];
    return (int)l->ni;
}

bool need_attr(Cx *cx, const char *name)
{
    if (tf_attr_find(cx->node, name)) return true;
    fail(cx, "attribute '%s' is missing", name);
    return false;
}

bool get_nchw(Cx *cx)
{
    const char *f = get_str(cx, "data_format", "NHWC");
    if (strcmp(f, "NHWC") != 0 && strcmp(f, "NCHW") != 0)
        fail(cx, "data_format '%s' is not supported; NHWC and NCHW are", f);
    return strcmp(f, "NCHW") == 0;
}

/* -- Operands ----------------------------------------------------------------------------------------- */
const char *type_string(Cx *cx, const Type *t)
{
    Str s = {0};
    type_print(cx->m, &s, t);
    const char *text = job_strndup(cx->job, str_text(&s), s.n);
    str_free(&s);
    return text;
}

bool need_rank(Cx *cx, const Value *v, const char *what, int min, int max)
{
    if (v->type.rank >= min && v->type.rank <= max) return true;
    char range[32];
    snprintf(range, sizeof range, min == max ? "%d" : "%d to %d", min, max);
    fail(cx, "%s must have rank %s, but is %s", what, range, type_string(cx, &v->type));
    return false;
}

bool need_float(Cx *cx, const Value *v, const char *what)
{
    if (dtype_is_float(v->type.dtype)) return true;
    fail(cx, "%s must be floating point, but is %s", what, type_string(cx, &v->type));
    return false;
}

static int known_count(Cx *cx, Value *v, const char *what, int max)
{
    if (!dtype_is_int(v->type.dtype) || v->type.rank > 1) {
        fail(cx, "%s must be an integer or a vector of them, but is %s", what, type_string(cx, &v->type));
        return -1;
    }
    if (!type_static(&v->type)) {
        fail(cx, "the length of %s is not known when compiling", what);
        return -1;
    }
    int64_t n = type_numel(&v->type);
    if (n <= max) return (int)n;
    fail(cx, "%s has %lld elements; at most %d are possible", what, (long long)n, max);
    return -1;
}

static void depends(Cx *cx, const Value *v, const char *what)
{
    const char *t = v->tensor ? v->tensor : "an input";
    fail(cx,
         "%s depends on data (%s), but must be known when compiling: make it a constant, or cut the graph "
         "behind "
         "this node (--input)",
         what, t);
}

/* Without data: -2 when it takes some. */
static int dims_at_hand(Cx *cx, Value *v, const char *what, Dim *out, int max)
{
    int n = known_count(cx, v, what, max);
    if (n <= 0) return n;
    if (n <= 64) {
        if (ir_dims_of(cx->m, v, out, n)) return n;
    } else {
        const Tensor *t = ir_reveal(cx->m, v);
        for (int i = 0; t && i < n; i++) {
            int64_t x = tensor_i(t, i);
            out[i] = x >= 0 ? x : dim_add(cx->m, dim_sub(cx->m, 0, -(x + 1)), dim_sub(cx->m, 0, 1));
        }
        if (t) return n;
    }
    return -2;
}

/* Sizes that data tells: symbols, bound where the data is there. What is joined of several vectors is taken
 * apart, so that only unknown elements are bound. */
static bool bind_dims(Cx *cx, Value *v, Dim *out, int n)
{
    if (ir_dims_of(cx->m, v, out, n)) return true;
    if (is_op(v, OP_concat)) {
        for (int i = 0, at = 0; i < v->def->nin; i++) {
            int64_t part = type_numel(&v->def->in[i]->type);
            if (part && !bind_dims(cx, v->def->in[i], out + at, (int)part)) return false;
            at += (int)part;
        }
        return true;
    }
    if (is_op(v, OP_reshape) || (is_op(v, OP_cast) && dtype_is_int(v->def->in[0]->type.dtype) &&
                                 dtype_size(v->def->in[0]->type.dtype) >= 4))
        return bind_dims(cx, v->def->in[0], out, n);
    for (uint32_t i = 0; i < v->nuses; i++) { /* bound already, where it can be seen from here */
        const Op *u = v->uses[i];
        if (u->code != OP_bind || !sees(cx, u->parent)) continue;
        memcpy(out, attr_v(u, "dims", NULL), (size_t)n * sizeof *out);
        return true;
    }
    if (v->type.rank > 1) v = ir_reshape(&cx->b, v, (Dim[]){n}, 1);
    for (int i = 0; i < n; i++) out[i] = dim_fresh(cx->m, "d");
    return ir_v(&cx->b, OP_bind, IN(v), AT(at_ds("dims", out, n))) != NULL;
}

int known_dims(Cx *cx, Value *v, const char *what, Dim *out, int max)
{
    int n = dims_at_hand(cx, v, what, out, max);
    if (n != -2) return n;
    n = (int)type_numel(&v->type);
    if (n <= 64 && bind_dims(cx, v, out, n)) return n;
    depends(cx, v, what);
    return -1;
}

Value *take_rows(Cx *cx, Value *padded, Value *count)
{
    Dim n;
    if (!padded || !count || known_dims(cx, count, "the number of rows", &n, 1) != 1) return NULL;
    return ir_v(&cx->b, OP_prefix, IN(padded), AT(at_ds("rows", &n, 1)));
}

int known_ints(Cx *cx, Value *v, const char *what, int64_t *out, int max)
{
    int n = dims_at_hand(cx, v, what, out, max);
    if (n == -2) depends(cx, v, what);
    if (n < 0) return -1;
    for (int i = 0; i < n; i++)
        if (!dim_const(cx->m, out[i], &out[i])) {
            fail(cx, "%s depends on an open dimension of an input, but must be a number: fix it (--shape)",
                 what);
            return -1;
        }
    return n;
}

bool known_int(Cx *cx, Value *v, const char *what, int64_t *out)
{
    int64_t x[1];
    int n = known_ints(cx, v, what, x, 1);
    if (n == 0) fail(cx, "%s must not be empty", what);
    if (n == 1) *out = x[0];
    return n == 1;
}

const Tensor *known_tensor(Cx *cx, Value *v, const char *what)
{
    const Tensor *t = ir_reveal(cx->m, v);
    if (!t) depends(cx, v, what);
    return t;
}

int check_axis(Cx *cx, int64_t axis, const char *what, int rank)
{
    if (axis >= -(int64_t)rank && axis < rank) return (int)(axis < 0 ? axis + rank : axis);
    fail(cx, "%s is %lld, but must be in [%d, %d)", what, (long long)axis, -rank, rank);
    return -1;
}

int known_axis(Cx *cx, Value *v, const char *what, int rank)
{
    int64_t axis;
    return known_int(cx, v, what, &axis) ? check_axis(cx, axis, what, rank) : -1;
}

bool sizes_match(Cx *cx, Dim a, Dim b)
{
    if (a == b) return true;
    if (dim_known(a) && dim_known(b)) return false;
    ir_op(&cx->b, OP_check, NO_IN, AT(at_ds("a", &a, 1), at_ds("b", &b, 1)));
    return true;
}

Dim dims_product(Cx *cx, const Dim *d, int n)
{
    Dim p = 1;
    for (int i = 0; i < n; i++)
        if (d[i] == 0) return 0;
    for (int i = 0; i < n; i++) p = dim_mul(cx->m, p, d[i]);
    return p;
}

/* -- Building ----------------------------------------------------------------------------------------- */
Value *transpose(Cx *cx, Value *v, const int64_t *perm)
{
    bool same = true;
    for (int i = 0; v && i < v->type.rank; i++) same = same && perm[i] == i;
    return same ? v : ir_transpose(&cx->b, v, perm);
}

Value *to_nhwc(Cx *cx, Value *v, bool nchw)
{
    if (!nchw || !v) return v;
    int rank = v->type.rank;
    int64_t perm[IR_MAX_RANK] = {0};
    for (int d = 1; d < rank; d++) perm[d] = d == rank - 1 ? 1 : d + 1;
    return transpose(cx, v, perm);
}

Value *from_nhwc(Cx *cx, Value *v, bool nchw)
{
    if (!nchw || !v) return v;
    int rank = v->type.rank;
    int64_t perm[IR_MAX_RANK] = {0};
    for (int d = 1; d < rank; d++) perm[d] = d == 1 ? rank - 1 : d - 1;
    return transpose(cx, v, perm);
}

Value *slice(Cx *cx, Value *v, const Dim *begin, const Dim *size)
{
    if (!v) return NULL;
    int64_t one[IR_MAX_RANK];
    int rank = v->type.rank;
    bool whole = true;
    for (int d = 0; d < rank; d++) {
        one[d] = 1;
        whole = whole && begin[d] == 0 && size[d] == v->type.dim[d];
    }
    if (whole) return v;
    return ir_v(&cx->b, OP_slice, IN(v),
                AT(at_ds("begin", begin, rank), at_ds("size", size, rank), at_is("strides", one, rank)));
}

Value *slice_axis(Cx *cx, Value *v, int axis, Dim begin, Dim size)
{
    if (!v) return NULL;
    Dim b[IR_MAX_RANK] = {0}, s[IR_MAX_RANK];
    memcpy(s, v->type.dim, sizeof s);
    b[axis] = begin;
    s[axis] = size;
    return slice(cx, v, b, s);
}

Value *concat(Cx *cx, Value *const *v, uint32_t n, int axis)
{
    if (n == 1) return v[0];
    if (n > 60000) {
        fail(cx, "it joins %u tensors; at most 60000 are possible", n);
        return NULL;
    }
    return ir_v(&cx->b, OP_concat, v, (int)n, AT(at_i("axis", axis)));
}

Value *reduce(Cx *cx, OpCode code, Value *v, const int64_t *axes, int naxes, bool keep)
{
    return ir_v(&cx->b, code, IN(v), AT(at_is("axes", axes, naxes), at_b("keep", keep)));
}

Value *scalar(Cx *cx, DType t, double x)
{
    return ir_const_f(&cx->b, t, x);
}

Value *lowest(Cx *cx, DType t)
{
    switch (t) {
    case JITC_FLOAT16: return scalar(cx, t, -65504);
    case JITC_BFLOAT16: return scalar(cx, t, -0x1.fep127);
    case JITC_FLOAT32: return scalar(cx, t, (double)-FLT_MAX);
    case JITC_FLOAT64: return scalar(cx, t, -DBL_MAX);
    default:
        return ir_const_i(&cx->b, t, dtype_is_signed(t) ? -((int64_t)1 << (8 * dtype_size(t) - 2)) * 2 : 0);
    }
}

Value *broadcast(Cx *cx, Value *v, const Dim *dim, int rank)
{
    if (v && v->type.rank == rank && !memcmp(v->type.dim, dim, (size_t)rank * sizeof *dim)) return v;
    return ir_v(&cx->b, OP_broadcast, IN(v), AT(at_ds("shape", dim, rank)));
}

Value *tensor_value(Cx *cx, const Tensor *t)
{
    if (type_numel(&t->type) <= 4096 && !dtype_is_float(t->type.dtype)) return ir_const(&cx->b, t);
    return ir_weight(&cx->b, t->type, (WeightRef){.kind = WEIGHT_BYTES, .bytes = t->data});
}

Value *dot(Cx *cx, Value *a, Value *b, bool trans_a, bool trans_b)
{
    return ir_v(&cx->b, OP_dot, IN(a, b), AT(at_b("trans_a", trans_a), at_b("trans_b", trans_b)));
}

Value *channel_vector(Cx *cx, Value *v, int rank, int axis)
{
    if (!v || axis == rank - 1) return v;
    Dim dim[IR_MAX_RANK];
    for (int d = 0; d < rank; d++) dim[d] = 1;
    dim[axis] = v->type.dim[0];
    return ir_reshape(&cx->b, v, dim, rank);
}

Value *iota_vector(Cx *cx, DType t, Dim n)
{
    enum { MAX = 1 << 24 };
    if (!dim_known(n)) {
        Value *ones = broadcast(cx, ir_const_i(&cx->b, t, 1), &n, 1);
        return ones ? ir_v(&cx->b, OP_cumsum, IN(ones), AT(at_i("axis", 0), at_b("exclusive", true))) : NULL;
    }
    if (n > MAX) {
        fail(cx, "%lld indices; at most %d are supported", (long long)n, MAX);
        return NULL;
    }
    Type type = type_make(t, 1, &n);
    Tensor x = tensor_new(cx->job, &type);
    for (int64_t i = 0; i < n; i++) tensor_set_i(&x, i, i);
    return tensor_value(cx, &x);
}

Value *size_value(Cx *cx, Dim d, DType t)
{
    if (dim_known(d)) return ir_const_i(&cx->b, t, d);
    return ir_v(&cx->b, OP_sizes, NO_IN, AT(at_ds("dims", &d, 1), at_b("scalar", true), at_t("to", t)));
}

/* An index out of range is what kernels report. */
Value *checked(Cx *cx, Value *x, Value *ok)
{
    return checked_as(cx, x, ok, "");
}

Value *checked_as(Cx *cx, Value *x, Value *ok, const char *report)
{
    if (!x || !ok) return NULL;
    Dim dim[IR_MAX_RANK] = {1};
    if (x->type.rank == IR_MAX_RANK) {
        fail(cx, "it has %d dimensions", IR_MAX_RANK);
        return NULL;
    }
    memcpy(dim + 1, x->type.dim, x->type.rank * sizeof *dim);
    Value *index = ir_cast(&cx->b, ir_unary(&cx->b, OP_logical_not, ok), JITC_INT32);
    Value *v = ir_reshape(&cx->b, x, dim, x->type.rank + 1);
    return index && v ? ir_v(&cx->b, OP_gather, IN(v, index), AT(at_i("axis", 0), at_s("report", report)))
                      : NULL;
}
