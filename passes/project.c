/* Recurrent cells: what a product of a loop reads of a sequence, one element a round, is multiplied for all
 * rounds at once before the loop.
 *
 *     dot(gather(s, i), w)          -> gather(dot(s, w), i)       s, w: from outside; i: counts the rounds
 *     dot(concat(gather(s, i), h), w) -> dot(gather(s, i), w[:k]) + dot(h, w[k:])
 *
 * The rounds read the weights of the recurrent part only, and the product before the loop reads its weights
 * once instead of once a round. */
#include "ir/dim.h"
#include "passes/util.h"

typedef struct {
    Module *m;
    Op *loop;
    Dim rounds;
} Project;

static bool outside(const Project *p, const Value *v)
{
    return !ir_inside(v->def ? v->def->parent : v->owner, p->loop->body);
}

/* An element of a sequence from outside, taken by the number of the round; the sequence is not much longer
 * than the loop. */
static Op *step_of(const Project *p, const Value *v)
{
    Dim start;
    int64_t step;
    if (!is_op(v, OP_gather)) return NULL;
    Op *g = v->def;
    const Value *s = g->in[0], *i = g->in[1];
    if (!outside(p, s) || i->owner != p->loop->body || i->type.rank || attr_i(g, "axis") || s->type.rank < 2)
        return NULL;
    if (!loop_counter(p->m, p->loop, (int)i->index, &start, &step) || step != 1) return NULL;
    Dim n = s->type.dim[0];
    bool as_long = n == p->rounds || (dim_known(n) && dim_known(p->rounds) && n <= 2 * p->rounds);
    return as_long ? g : NULL;
}

/* Through views that leave the last dim alone. */
static Op *step_behind(const Project *p, const Value *v)
{
    while (is_op(v, OP_reshape) && v->type.rank && v->def->in[0]->type.rank &&
           last_dim(&v->type) == last_dim(&v->def->in[0]->type))
        v = v->def->in[0];
    return step_of(p, v);
}

static bool plain_dot(const Op *op)
{
    return op->code == OP_dot && !attr_i(op, "trans_a") && op->in[0]->type.rank >= 2 &&
           op->in[1]->type.rank == 2 && op->out[0]->nuses;
}

static Value *dot_with(Builder *b, const Op *op, Value *x, Value *w)
{
    return ir_v(b, OP_dot, IN(x, w), AT(at_b("trans_b", attr_i(op, "trans_b"))));
}

static bool ahead(Project *p, Op *op)
{
    Module *m = p->m;
    if (!plain_dot(op) || !outside(p, op->in[1])) return false;
    Op *g = step_behind(p, op->in[0]);
    if (!g) return false;
    Value *s = g->in[0];
    int rank = s->type.rank;
    Dim k = last_dim(&s->type), n = last_dim(&op->out[0]->type), rows = 1, dim[IR_MAX_RANK];
    if (k != last_dim(&op->in[0]->type)) return false;
    for (int d = 0; d < rank - 1; d++) rows = dim_mul(m, rows, s->type.dim[d]);
    Builder before = builder_at(m, p->loop), here = builder_at(m, op);
    before.from = op->from;
    Value *all = dot_with(&before, op, ir_reshape(&before, s, (Dim[]){rows, k}, 2), op->in[1]);
    memcpy(dim, s->type.dim, sizeof dim);
    dim[rank - 1] = n;
    all = ir_reshape(&before, all, dim, rank);
    Value *one = ir_v(&here, OP_gather, IN(all, g->in[1]), AT(at_i("axis", 0), at_i("batch_dims", 0)));
    Value *y = one ? ir_reshape(&here, one, op->out[0]->type.dim, op->out[0]->type.rank) : NULL;
    ir_remark(m, "project", op->from, "the product of all rounds at once, before the loop");
    return replace(m, op->out[0], y);
}

static Value *part_of(Builder *b, Value *w, int axis, Dim begin, Dim size)
{
    Dim from[2] = {0, 0}, many[2] = {w->type.dim[0], w->type.dim[1]};
    from[axis] = begin;
    many[axis] = size;
    return ir_v(b, OP_slice, IN(w),
                AT(at_ds("begin", from, 2), at_ds("size", many, 2), at_is("strides", (int64_t[]){1, 1}, 2)));
}

static bool split(Project *p, Op *op)
{
    Module *m = p->m;
    if (!plain_dot(op) || !outside(p, op->in[1]) || !is_op(op->in[0], OP_concat)) return false;
    Op *joined = op->in[0]->def;
    bool worth = false;
    if (attr_i(joined, "axis") != joined->out[0]->type.rank - 1 || joined->nin > 4) return false;
    for (int i = 0; i < joined->nin; i++)
        worth = worth || step_behind(p, joined->in[i]) || outside(p, joined->in[i]);
    if (!worth) return false;
    Builder b = builder_at(m, op), before = builder_at(m, p->loop);
    before.from = op->from;
    Value *sum = NULL;
    Dim at = 0;
    for (int i = 0; i < joined->nin; i++) {
        Dim k = last_dim(&joined->in[i]->type);
        Value *w = part_of(&before, op->in[1], attr_i(op, "trans_b") ? 1 : 0, at, k);
        Value *y = dot_with(&b, op, joined->in[i], w);
        sum = sum ? ir_binary(&b, OP_add, sum, y) : y;
        at = dim_add(m, at, k);
    }
    return replace(m, op->out[0], sum);
}

bool pass_project(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    for (uint32_t i = 0; i < r.n; i++) {
        Project p = {.m = m, .loop = r.at[i]->owner};
        if (!p.loop || r.at[i] != p.loop->body || !loop_rounds(m, p.loop, &p.rounds)) continue;
        ir_each_op (op, r.at[i]) changed |= split(&p, op);
        ir_each_op (op, r.at[i]) changed |= ahead(&p, op);
    }
    return changed;
}
