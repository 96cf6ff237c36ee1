/* Kernels whose images lie in another way than channels last. In the IR, relayouts inside such a kernel, at
 * its arguments and before its result, say how. The classes of matrix kernels know this as strides, and read
 * the kernel without relayouts; an elementwise kernel works on the images as they lie. */
#include "codegen/plan/spec_private.h"

static bool is_relayout(const Op *op)
{
    return op->code == OP_relayout;
}

bool in_blocks(const Value *v)
{
    return v->type.layout == LAYOUT_BLOCKED;
}

const char *blocks_in_header(const Op *kernel, const Value *x)
{
    bool in = in_blocks(kernel->in[x->index]), out = in_blocks(kernel->out[0]);
    return in && out ? " xblocked=1 oblocked=1" : in ? " xblocked=1" : out ? " oblocked=1" : "";
}

bool images_are_plain(const Op *kernel)
{
    for (int i = 0; i < kernel->nin; i++)
        if (layout_of_images(kernel->in[i]->type.layout)) return false;
    return kernel->nout != 1 || !layout_of_images(kernel->out[0]->type.layout);
}

/* -- Without relayouts --------------------------------------------------------------------------------- */
/* Types of values as they are in the copy; NULL: all as they are, but plain. */
typedef Type Lie(Module *m, const Type *t, Layout l);

static Op *copy_kernel(Module *m, const Op *kernel, Lie *lie, Layout l)
{
    Region *body = ir_region(m, NULL);
    Builder b = {.m = m, .region = body}, at = {.m = m, .region = ir_region(m, NULL)};
    Value **map = job_array(m->job, Value *, m->next_value + 1);
    Value **in = job_array(m->job, Value *, kernel->nin + 1), *result = NULL;
    for (int i = 0; i < kernel->nin; i++) {
        Type t = kernel->body->args[i]->type;
        if (layout_of_images(t.layout)) t.layout = LAYOUT_PLAIN;
        if (lie) t = lie(m, &t, l);
        in[i] = ir_arg(m, at.region, t, NULL);
        map[kernel->body->args[i]->id] = ir_arg(m, body, t, NULL);
    }
    const Op *end = ir_terminator(kernel->body);
    for (const Op *op = kernel->body->first; op != end; op = op->next) {
        Value **args = job_array(m->job, Value *, op->nin + 1);
        for (int i = 0; i < op->nin; i++) args[i] = map[op->in[i]->id];
        Value *v = is_relayout(op) ? args[0] : NULL;
        if (!v && (!lie || op->code == OP_const)) v = ir_clone(&b, op, args)->out[0];
        if (!v) {
            AttrArg attrs[IR_MAX_ATTRS];
            int n = 0;
            for (; n < IR_MAX_ATTRS && op->def->attrs[n].name; n++)
                attrs[n] = (AttrArg){op->def->attrs[n].name, op->attrs[n]};
            v = ir_v(&b, op->code, args, op->nin, attrs, n);
            if (!v) job_bug(m->job, "'%s' on images as they lie", op->def->name);
        }
        map[op->out[0]->id] = v;
    }
    result = map[end->in[0]->id];
    ir_yield(&b, &result, 1);
    return ir_kernel(&at, in, kernel->nin, attr_s(kernel, "algo"), body);
}

const Op *without_relayouts(Module *m, const Op *kernel)
{
    if (images_are_plain(kernel)) return kernel;
    Op *copy = copy_kernel(m, kernel, NULL, LAYOUT_PLAIN);
    memcpy(copy->in, kernel->in, kernel->nin * sizeof *copy->in);
    copy->out[0] = kernel->out[0];
    return copy;
}

/* -- As they lie ------------------------------------------------------------------------------------ */
/* Dims of the memory of an image of type t, or of what broadcasts to one. */
static Type as_it_lies(Module *m, const Type *t, Layout l)
{
    if (t->rank == 0) return *t;
    Dim d[4] = {1, 1, 1, 1};
    for (int i = 0; i < t->rank; i++) d[4 - t->rank + i] = t->dim[i];
    if (l == LAYOUT_NCHW) return type_make(t->dtype, 4, (Dim[]){d[0], d[3], d[1], d[2]});
    Dim blocks = d[3] == 1 ? 1 : dim_floordiv(m, d[3], PANEL), block = d[3] == 1 ? 1 : PANEL;
    return type_make(t->dtype, 5, (Dim[]){d[0], blocks, d[1], d[2], block});
}

const Op *maps_as_they_lie(Module *m, const Op *kernel)
{
    return copy_kernel(m, kernel, as_it_lies, kernel->out[0]->type.layout);
}

/* From or to channels first: a transpose of what lies there. */
const Op *relayout_as_transpose(Module *m, const Op *kernel)
{
    static const int64_t first[] = {0, 3, 1, 2}, last[] = {0, 2, 3, 1};
    const Op *op = kernel->body->first;
    bool to = kernel->out[0]->type.layout == LAYOUT_NCHW;
    if (kernel->nin != 1 || !is_relayout(op) || op->next != ir_terminator(kernel->body) ||
        (!to && kernel->in[0]->type.layout != LAYOUT_NCHW))
        return NULL;
    Type t = kernel->in[0]->type;
    if (!to) t = as_it_lies(m, &t, LAYOUT_NCHW);
    Region *body = ir_region(m, NULL);
    Builder b = {.m = m, .region = body}, at = {.m = m, .region = ir_region(m, NULL)};
    Value *in = ir_arg(m, at.region, t, NULL),
          *y = ir_transpose(&b, ir_arg(m, body, t, NULL), to ? first : last);
    ir_yield(&b, &y, 1);
    return ir_kernel(&at, &in, 1, "move", body);
}
