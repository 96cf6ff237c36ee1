#include "codegen/plan/work.h"

#include <math.h>

int64_t guess_numel(const Type *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->rank; d++)
        if (!mul_ok(n, guess(t->dim[d]), &n)) return INT64_MAX;
    return n;
}

/* -- Counts ------------------------------------------------------------------------------------ */
/* Terms of each of a contraction's sums. */
static double terms(const Op *op)
{
    const Type *x = &op->in[0]->type, *w = &op->in[1]->type;
    if (op->code == OP_dot) return (double)guess(x->dim[x->rank - (attr_i(op, "trans_a") ? 2 : 1)]);
    if (op->code == OP_winograd) {
        const int64_t *window = attr_v(op, "window", NULL);
        return (double)guess(x->dim[x->rank - 1]) * (double)window[0] * (double)window[1];
    }
    return (double)guess(w->dim[0]) * (double)guess(w->dim[1]) * (double)guess(w->dim[2]);
}

double work_flops(const Op *op)
{
    double out = op->nout ? (double)guess_numel(&op->out[0]->type) : 0;
    switch (op->def->kind) {
    case KIND_CONST:
    case KIND_VIEW:
    case KIND_SIZE:
    case KIND_REGION:
    case KIND_MOVE:
    case KIND_INDEX: return 0;
    case KIND_CONTRACT: return 2 * out * terms(op);
    case KIND_WINDOW: {
        const int64_t *w = attr_v(op, "window", NULL);
        return out * (double)w[0] * (double)w[1];
    }
    case KIND_REDUCE:
    case KIND_SCAN: return (double)guess_numel(&op->in[0]->type);
    case KIND_ROUTINE:
        for (int i = 0; i < op->nin; i++) out += (double)guess_numel(&op->in[i]->type);
        return out * op_cost(op->def);
    default: return out * op_cost(op->def);
    }
}

/* Tiles at the edges are computed whole. */
static double done_flops(const Op *op)
{
    if (op->code != OP_winograd) return work_flops(op);
    const Type *x = &op->in[0]->type, *y = &op->out[0]->type;
    const int64_t *tile = attr_v(op, "tile", NULL);
    double tiles = (double)guess(y->dim[0]) * ceil((double)guess(y->dim[1]) / (double)tile[0]) *
                   ceil((double)guess(y->dim[2]) / (double)tile[1]);
    double products = (double)guess(op->in[1]->type.dim[0]);
    return 2 * tiles * products * (double)guess(x->dim[3]) * (double)guess(y->dim[3]);
}

static double type_work(const Type *t)
{
    return type_static(t) ? (double)type_bytes(t) : (double)guess_numel(t) * (double)dtype_size(t->dtype);
}

/* What picks elements reads no more than it writes. */
static double operand_bytes(const Value *a)
{
    double all = type_work(&a->type), read = 0;
    for (uint32_t i = 0; i < a->nuses; i++) {
        const Op *op = a->uses[i];
        if (op->def->kind != KIND_MOVE && op->def->kind != KIND_INDEX) return all;
        read += (double)guess_numel(&op->out[0]->type) * (double)dtype_size(a->type.dtype);
    }
    return a->nuses && read < all ? read : all;
}

double work_bytes(const Op *kernel)
{
    double bytes = 0;
    for (uint32_t i = 0; i < kernel->body->nargs; i++) bytes += operand_bytes(kernel->body->args[i]);
    for (int i = 0; i < kernel->nout; i++) bytes += type_work(&kernel->out[i]->type);
    return bytes;
}

static bool is_open(const Op *kernel)
{
    for (int i = 0; i < kernel->nin; i++)
        if (!type_static(&kernel->in[i]->type)) return true;
    for (int i = 0; i < kernel->nout; i++)
        if (!type_static(&kernel->out[i]->type)) return true;
    return false;
}

/* -- What it is about -------------------------------------------------------------------------- */
const Op *work_anchor(const Op *kernel)
{
    static const int rank[] = {[KIND_CONST] = 0, [KIND_MAP] = 2,    [KIND_REDUCE] = 5,   [KIND_ROW] = 5,
                               [KIND_SCAN] = 5,  [KIND_WINDOW] = 6, [KIND_CONTRACT] = 7, [KIND_VIEW] = 1,
                               [KIND_MOVE] = 3,  [KIND_INDEX] = 4,  [KIND_ROUTINE] = 6,  [KIND_REGION] = 0};
    const Op *best = NULL;
    ir_each_op (op, kernel->body) {
        if (op->code == OP_relayout && best) continue; /* how images lie */
        if (!best || best->code == OP_relayout || rank[op->def->kind] > rank[best->def->kind]) best = op;
    }
    return best;
}

uint32_t work_node(const Module *m, const Op *kernel)
{
    static const char *const main_ops[] = {"Conv", "MatMul", "Einsum", "Pool"};
    const Op *about = work_anchor(kernel);
    const From *from = about && about->from && about->from->n ? about->from : kernel->from;
    if (!from || !from->n) return UINT32_MAX;
    bool main_op = about && (about->def->kind == KIND_CONTRACT || about->def->kind == KIND_WINDOW);
    /* A padding before it, say, has joined it, and is not what it is about. */
    for (uint32_t i = 0; main_op && i < from->n; i++)
        for (size_t k = 0; k < COUNT(main_ops); k++)
            if (from->node[i] < m->node_ops.n && strstr(m->node_ops.at[from->node[i]], main_ops[k]))
                return from->node[i];
    return from->node[0];
}

/* -- Words ------------------------------------------------------------------------------------- */
static void put_dim(Str *s, Dim d)
{
    if (dim_known(d))
        str_printf(s, "%lld", (long long)d);
    else
        str_put(s, "?");
}

static void put_dims(Str *s, const Type *t, int from, int to)
{
    for (int d = from; d < to; d++) {
        if (d > from) str_put(s, "×");
        put_dim(s, t->dim[d]);
    }
}

static void put_steps(Str *s, const char *name, const int64_t *v)
{
    if (v[0] == 1 && v[1] == 1) return;
    str_printf(s, " %s%lld", name, (long long)v[0]);
    if (v[1] != v[0]) str_printf(s, "×%lld", (long long)v[1]);
}

static void put_window(Str *s, const int64_t *w)
{
    str_printf(s, " %lld×%lld", (long long)w[0], (long long)w[1]);
}

/* The elementwise ops of a kernel, after `n` other words. */
static void put_maps(Str *s, const Op *kernel, int n)
{
    enum { SHOWN = 4 };
    ir_each_op (op, kernel->body) {
        if (op->def->kind != KIND_MAP) continue;
        if (n < SHOWN)
            str_printf(s, "%s%s", n ? "+" : "", op->def->name);
        else if (n == SHOWN)
            str_put(s, "+…");
        n++;
    }
    if (!n) str_put(s, "copy");
}

static void put_conv(Str *s, const Op *op, bool depthwise)
{
    str_put(s, depthwise ? "depthwise " : "conv ");
    put_dims(s, &op->in[1]->type, 0, 2);
    put_steps(s, "s", attr_v(op, "strides", NULL));
    put_steps(s, "d", attr_v(op, "dilations", NULL));
    if (!depthwise && attr_i(op, "groups") > 1) str_printf(s, " g%lld", (long long)attr_i(op, "groups"));
}

static void put_chain(Str *s, const Op *kernel)
{
    int n = 0;
    ir_each_op (op, kernel->body) {
        if (op->def->kind != KIND_CONTRACT) continue;
        str_put(s, n++ ? ", " : "");
        put_conv(s, op, attr_i(op, "groups") > 1);
    }
}

static void put_algorithm(Str *s, const Op *kernel, const char *class)
{
    const Op *op = work_anchor(kernel);
    if (strcmp(class, "chain") == 0) {
        put_chain(s, kernel);
        return;
    }
    if (strcmp(class, "attention") == 0) {
        str_put(s, class);
        return;
    }
    if (!op || op->def->kind == KIND_MAP || op->def->kind == KIND_CONST) {
        put_maps(s, kernel, 0);
        return;
    }
    if (op->code == OP_winograd) {
        const int64_t *tile = attr_v(op, "tile", NULL), *w = attr_v(op, "window", NULL);
        str_printf(s, "winograd F(%lld×%lld,%lld×%lld)", (long long)tile[0], (long long)tile[1],
                   (long long)w[0], (long long)w[1]);
        return;
    }
    bool depthwise = strcmp(class, "depthwise") == 0, plain = strcmp(class, "loops") == 0;
    if (op->def->kind == KIND_CONTRACT && plain) str_put(s, "loops ");
    if (op->code == OP_conv)
        put_conv(s, op, depthwise);
    else
        str_put(s, op->code == OP_dot ? "matmul" : op->def->name);
    if (op->code == OP_custom) str_printf(s, " %s", attr_s(op, "op"));
    if (op->def->kind == KIND_WINDOW) {
        put_window(s, attr_v(op, "window", NULL));
        put_steps(s, "s", attr_v(op, "strides", NULL));
    }
    if (op->def->kind != KIND_CONTRACT) put_maps(s, kernel, 1);
}

static void put_image_shape(Str *s, const Type *x, const Type *y)
{
    if (y->dim[0] != 1) {
        put_dim(s, y->dim[0]);
        str_put(s, "× ");
    }
    put_dims(s, y, 1, 3);
    str_put(s, " ");
    put_dim(s, x->dim[3]);
    if (x->dim[3] != y->dim[3]) {
        str_put(s, "→");
        put_dim(s, y->dim[3]);
    }
}

static void put_dot_shape(Str *s, const Op *dot)
{
    const Type *a = &dot->in[0]->type, *y = &dot->out[0]->type;
    bool batched = false;
    for (int d = 0; d < y->rank - 2; d++) batched = batched || y->dim[d] != 1;
    if (batched) {
        put_dims(s, y, 0, y->rank - 2);
        str_put(s, "× ");
    }
    put_dims(s, y, y->rank - 2, y->rank - 1);
    str_put(s, "×");
    put_dim(s, a->dim[a->rank - (attr_i(dot, "trans_a") ? 2 : 1)]);
    str_put(s, "→");
    put_dim(s, y->dim[y->rank - 1]);
}

static void put_sizes(Str *s, const Type *t)
{
    if (t->rank)
        put_dims(s, t, 0, t->rank);
    else
        str_put(s, "1");
}

static bool same_sizes(const Type *a, const Type *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, a->rank * sizeof(Dim)) == 0;
}

static void put_shape(Str *s, const Op *kernel)
{
    const Op *op = work_anchor(kernel);
    const Type *y = &kernel->out[0]->type;
    if (op && op->nout) y = &op->out[0]->type;
    DType element = y->dtype;
    bool image = op && (op->code == OP_conv || op->code == OP_winograd || op->def->kind == KIND_WINDOW);
    if (image && y->rank == kernel->out[0]->type.rank && strcmp(attr_s(kernel, "algo"), "chain") == 0)
        y = &kernel->out[0]->type; /* from the first part's image to the last one's */
    if (image && y->rank == 4) {
        put_image_shape(s, &op->in[0]->type, y);
    } else if (op && op->code == OP_dot && y->rank >= 2) {
        put_dot_shape(s, op);
    } else {
        if (op && op->nin && op->def->kind != KIND_MAP && !same_sizes(&op->in[0]->type, y)) {
            put_sizes(s, &op->in[0]->type);
            str_put(s, "→");
        }
        put_sizes(s, y);
    }
    if (element != JITC_FLOAT32) str_printf(s, " %s", dtype_name(element));
}

static const char *text_of(Job *job, Str *s)
{
    const char *text = s->oom ? NULL : job_strndup(job, str_text(s), s->n);
    str_free(s);
    if (!text) job_fail(job, JITC_E_NOMEM);
    return text;
}

void work_of(const Module *m, const Op *kernel, const char *kernel_class, KernelWork *out)
{
    *out = (KernelWork){.bytes = work_bytes(kernel), .open = is_open(kernel), .kernel = kernel_class};
    ir_each_op (op, kernel->body) {
        out->flops += work_flops(op);
        out->done += done_flops(op);
    }
    Str algorithm = {0}, shape = {0};
    put_algorithm(&algorithm, kernel, kernel_class);
    out->algorithm = text_of(m->job, &algorithm);
    put_shape(&shape, kernel);
    out->shape = text_of(m->job, &shape);
    uint32_t node = work_node(m, kernel);
    if (node < m->nodes.n) {
        out->node = m->nodes.at[node];
        out->op = node < m->node_ops.n ? m->node_ops.at[node] : NULL;
    }
}
