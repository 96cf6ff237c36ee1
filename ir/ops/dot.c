#include "ir/ops/common.h"

/* The sizes of one product; a is read as [m, k], b as [k, n]. */
static void shape(const Op *op, Dim *m, Dim *k, Dim *k2, Dim *n)
{
    const Type *a = in_type(op, 0), *b = in_type(op, 1);
    bool ta = attr_i(op, "trans_a"), tb = attr_i(op, "trans_b");
    *m = a->dim[a->rank - (ta ? 1 : 2)];
    *k = a->dim[a->rank - (ta ? 2 : 1)];
    *k2 = b->dim[b->rank - (tb ? 1 : 2)];
    *n = b->dim[b->rank - (tb ? 2 : 1)];
}

static bool infer(InferCx *cx, const Op *op, Type *out)
{
    /* The right operand may be packed. */
    if (!takes(cx, op, 0, TAKE_NUM) || !same_dtype(cx, op, 0, 1) || !takes_rank(cx, op, 0, 2, IR_MAX_RANK) ||
        !takes_rank(cx, op, 1, 2, IR_MAX_RANK))
        return false;
    if (in_type(op, 1)->layout == LAYOUT_FILTER)
        return infer_fail(cx, "the right operand is packed as a filter: %s", type_text(cx, in_type(op, 1)));
    Type a = *in_type(op, 0), b = *in_type(op, 1), batch = {0};
    Dim m, k, k2, n;
    shape(op, &m, &k, &k2, &n);
    if (!dims_agree(cx, k, k2))
        return infer_fail(cx, "matrix size-incompatible: %s, %s%s%s", type_text(cx, &a), type_text(cx, &b),
                          attr_i(op, "trans_a") ? ", first transposed" : "",
                          attr_i(op, "trans_b") ? ", second transposed" : "");
    a.rank -= 2;
    b.rank -= 2;
    if (!ir_broadcast_dims(cx->m, &a, &b, &batch))
        return infer_fail(cx, "incompatible batch dimensions: %s, %s", type_text(cx, in_type(op, 0)),
                          type_text(cx, in_type(op, 1)));
    batch.dim[batch.rank] = m;
    batch.dim[batch.rank + 1] = n;
    *out = type_make(a.dtype, batch.rank + 2, batch.dim);
    return result_fits(cx, out);
}

/* One operand of one product: where it starts and how it is stepped through. */
typedef struct {
    const Tensor *t;
    int64_t at, row, k; /* first element; strides of m (or n) and of k */
} Side;

static void row_floats(EvalCx *cx, Side a, Side b, int64_t k, int64_t n, Tensor *out, int64_t to, double *buf)
{
    double *x = buf, *acc = buf + k, *y = acc + n;
    const float *bf = b.t->type.dtype == JITC_FLOAT32 ? (const float *)b.t->data + b.at : NULL;
    job_tick(cx->job);
    load_f(a.t, a.at, a.k, k, x);
    if (b.k == 1) {
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            if (bf) {
                for (int64_t i = 0; i < k; i++) sum += x[i] * bf[j * b.row + i];
            } else {
                load_f(b.t, b.at + j * b.row, 1, k, y);
                for (int64_t i = 0; i < k; i++) sum += x[i] * y[i];
            }
            acc[j] = sum;
        }
    } else {
        for (int64_t j = 0; j < n; j++) acc[j] = 0;
        for (int64_t i = 0; i < k; i++) {
            if (bf) {
                for (int64_t j = 0; j < n; j++) acc[j] += x[i] * bf[i * b.k + j * b.row];
            } else {
                load_f(b.t, b.at + i * b.k, b.row, n, y);
                for (int64_t j = 0; j < n; j++) acc[j] += x[i] * y[j];
            }
        }
    }
    store_f(out, to, n, acc);
}

static void row_ints(EvalCx *cx, Side a, Side b, int64_t k, int64_t n, Tensor *out, int64_t to)
{
    job_tick(cx->job);
    for (int64_t j = 0; j < n; j++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < k; i++)
            sum = wrap_add(
                sum, wrap_mul(tensor_i(a.t, a.at + i * a.k), tensor_i(b.t, b.at + j * b.row + i * b.k)));
        tensor_set_i(out, to + j, sum);
    }
}

static void eval(EvalCx *cx, const Tensor *in, Tensor *out)
{
    bool ta = attr_i(cx->op, "trans_a"), tb = attr_i(cx->op, "trans_b");
    bool floats = dtype_is_float(in->type.dtype);
    int ra = in[0].type.rank, rb = in[1].type.rank, rank = out->type.rank;
    const int64_t *da = in[0].type.dim + ra - 2, *db = in[1].type.dim + rb - 2;
    int64_t m = da[ta], k = da[!ta], n = db[!tb];
    if (type_numel(&out->type) == 0) return;
    double *buf = floats ? job_array(cx->job, double, k + n + max_i64(k, n)) : NULL;
    /* Batches are walked with strides that are 0 where an operand is broadcast. */
    Type a = in[0].type, b = in[1].type, o = out->type;
    a.rank -= 2, b.rank -= 2, o.rank -= 2;
    int64_t sa[IR_MAX_RANK], sb[IR_MAX_RANK], so[IR_MAX_RANK];
    broadcast_strides(&a, &o, sa);
    broadcast_strides(&b, &o, sb);
    strides_of(&o, so);
    for (Walk w = walk_start(rank - 2, o.dim, 3, (const int64_t *[]){so, sa, sb}); w.more; walk_next(&w))
        for (int64_t j = 0; j < w.n; j++) {
            Side x = {&in[0], (w.at[1] + j * w.step[1]) * m * k, ta ? 1 : k, ta ? m : 1};
            Side y = {&in[1], (w.at[2] + j * w.step[2]) * k * n, tb ? k : 1, tb ? 1 : n};
            int64_t to = (w.at[0] + j * w.step[0]) * m * n;
            for (int64_t i = 0; i < m; i++, x.at += x.row, to += n) {
                if (floats)
                    row_floats(cx, x, y, k, n, out, to, buf);
                else
                    row_ints(cx, x, y, k, n, out, to);
            }
        }
}

const OpDef op_dot = {
    .name = "dot",
    .doc = "matrix product a[..., m, k] * b[..., k, n]; leading dimensions broadcast",
    .kind = KIND_CONTRACT,
    .nin = 2,
    .nout = 1,
    .attrs = {{"trans_a", ATTR_BOOL, true}, {"trans_b", ATTR_BOOL, true}},
    .infer = infer,
    .eval = eval,
};
