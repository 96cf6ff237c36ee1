/* A loop that counts, for operations over sequences. */
#include "frontend/tf/tf.h"

static Region *open_region(Cx *cx, Value *const *in, int n, Value **arg)
{
    Region *r = ir_region(cx->m, NULL);
    for (int i = 0; i < n; i++) arg[i] = ir_arg(cx->m, r, in[i]->type, NULL);
    cx->b.region = r;
    cx->b.before = NULL;
    return r;
}

bool counted_loop(Cx *cx, Value *limit, Value **var, int n, LoopStep *step, const void *arg)
{
    enum { MOST = 16 };
    Value *in[MOST + 1], *now[MOST + 1] = {NULL}, *next[MOST + 1];
    if (!limit || n < 0 || n > MOST) return false;
    for (int i = 0; i < n; i++)
        if (!var[i]) return false;
    Builder here = cx->b;
    in[0] = ir_const_i(&cx->b, JITC_INT64, 0);
    memcpy(in + 1, var, (size_t)n * sizeof *var);
    Region *cond = open_region(cx, in, n + 1, now);
    Value *more = ir_binary(&cx->b, OP_less, now[0], limit);
    if (more) ir_yield(&cx->b, &more, 1);
    Region *body = open_region(cx, in, n + 1, now);
    next[0] = ir_binary(&cx->b, OP_add, now[0], ir_const_i(&cx->b, JITC_INT64, 1));
    bool fine = more && next[0] && step(cx, arg, now[0], now + 1, next + 1);
    if (fine) ir_yield(&cx->b, next, n + 1);
    cx->b = here;
    Op *loop = fine ? ir_while(&cx->b, in, n + 1, cond, body) : NULL;
    for (int i = 0; loop && i < n; i++) var[i] = loop->out[1 + i];
    return loop != NULL;
}

Value *loop_slice(Cx *cx, Value *stack, Value *t)
{
    return stack && t ? ir_v(&cx->b, OP_gather, IN(stack, t), AT(at_i("axis", 0))) : NULL;
}

Value *loop_update(Cx *cx, Value *stack, Value *t, Value *x)
{
    return stack && t && x ? ir_v(&cx->b, OP_update, IN(stack, t, x), NO_ATTRS) : NULL;
}
