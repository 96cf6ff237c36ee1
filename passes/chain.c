/* Kernels of which each computes rows of an image from rows of the one before become one kernel, where what
 * lies between them does not stay in the second-level cache: a depthwise convolution, with the 1×1
 * convolution before it, after it, or both. The kernel goes through the image in bands of rows
 * (codegen/plan/spec.h). */
#include "passes/util.h"

enum { CACHE = 1 << 20, PARTS = 3 };

static bool is_kernel(const Op *op, const char *algo)
{
    return op && op->code == OP_kernel && op->nout == 1 && has_algo(op, algo);
}

static Op *anchor_of(const Op *kernel)
{
    ir_each_op (op, kernel->body)
        if (op->def->kind == KIND_CONTRACT) return op;
    return NULL;
}

/* The kernel's operand that its convolution reads, and nothing else in it; or NULL. */
static Value *image_of(const Op *kernel)
{
    const Op *conv = anchor_of(kernel);
    if (!conv || conv->code != OP_conv || conv->in[0]->def || conv->in[0]->nuses != 1) return NULL;
    Value *v = kernel->in[conv->in[0]->index];
    int times = 0;
    for (int i = 0; i < kernel->nin; i++) times += kernel->in[i] == v;
    return times == 1 ? v : NULL;
}

/* A 1×1 convolution of stride 1. */
static bool is_pointwise(const Op *kernel)
{
    const Op *conv = is_kernel(kernel, "igemm") ? anchor_of(kernel) : NULL;
    if (!conv || conv->code != OP_conv || !image_of(kernel)) return false;
    const Type *w = &conv->in[1]->type;
    const int64_t *s = attr_v(conv, "strides", NULL);
    const Dim *lo = attr_v(conv, "pad_lo", NULL), *hi = attr_v(conv, "pad_hi", NULL);
    return w->dim[0] == 1 && w->dim[1] == 1 && s[0] == 1 && s[1] == 1 && !lo[0] && !lo[1] && !hi[0] && !hi[1];
}

/* Images of a known size, all of which together are too large. */
static bool is_large(const Type *t)
{
    Type image = *t;
    if (!dim_known(image.dim[0])) image.dim[0] = 1;
    return type_static(&image) && type_bytes(&image) >= CACHE;
}

static void add_part(Module *m, Builder *b, Region *body, const Op *kernel, Value *image, Value *inside,
                     Value **in, int *nin, Value **result)
{
    Value **args = job_array(m->job, Value *, kernel->nin + 1);
    for (int i = 0; i < kernel->nin; i++) {
        Value *v = kernel->in[i];
        if (inside && v == image) {
            args[i] = inside;
            continue;
        }
        int k = 0;
        while (k < *nin && in[k] != v) k++;
        if (k == *nin) {
            in[(*nin)++] = v;
            ir_arg(m, body, v->type, NULL);
        }
        args[i] = body->args[k];
    }
    ir_copy_region(b, kernel->body, args, result);
}

static void join(Module *m, Op **part, int n)
{
    Op *last = part[n - 1];
    Region *body = ir_region(m, NULL);
    Builder b = {.m = m, .region = body}, at = builder_at(m, last);
    int nin = 0, most = 0;
    for (int i = 0; i < n; i++) most += part[i]->nin;
    Value **in = job_array(m->job, Value *, most), *result = NULL;
    for (int i = 0; i < n; i++) {
        add_part(m, &b, body, part[i], i ? part[i - 1]->out[0] : NULL, result, in, &nin, &result);
        at.from = ir_from_union(m, at.from, part[i]->from);
    }
    ir_yield(&b, &result, 1);
    Op *kernel = ir_kernel(&at, in, nin, "chain", body);
    must_replace(m, last->out[0], kernel->out[0]);
    ir_remark(m, "chain", kernel->from, "%d kernels go through the image together, in bands of rows", n);
    for (int i = n; i-- > 0;) ir_erase(m, part[i]);
    if (m->fuel != INT64_MAX) m->fuel--;
}

static bool chain_of(Module *m, Op *depthwise)
{
    Value *x = image_of(depthwise), *y = depthwise->out[0];
    if (!x || m->fuel <= 0) return false;
    const Type *t = &y->type;
    if (t->rank != 4 || !dim_known(t->dim[1]) || !dim_known(t->dim[2]) || !dim_known(t->dim[3])) return false;
    Op *part[PARTS], *before = x->def, *after = one_use(y) ? y->uses[0] : NULL;
    int n = 0;
    bool first =
        is_pointwise(before) && one_use(x) && before->parent == depthwise->parent && is_large(&x->type);
    bool last = after && is_pointwise(after) && image_of(after) == y && after->parent == depthwise->parent &&
                (first || is_large(t));
    if (first) part[n++] = before;
    part[n++] = depthwise;
    if (last) part[n++] = after;
    if (n > 1) join(m, part, n);
    return n > 1;
}

bool pass_chain(Module *m, PassCx *cx)
{
    (void)cx;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    bool changed = false;
    for (uint32_t k = 0; k < r.n; k++) {
        uint32_t n = number_ops(r.at[k]), found = 0;
        Op **op = job_array(m->job, Op *, n + 1);
        ir_each_op (o, r.at[k])
            if (is_kernel(o, "depthwise")) op[found++] = o;
        for (uint32_t i = 0; i < found; i++) changed |= chain_of(m, op[i]);
    }
    return changed;
}
