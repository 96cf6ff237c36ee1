/* Local rewrites: the simpler value that an op's own hook or a rule of passes/rules knows. */
#include "passes/util.h"

static const Rule *const tables[] = {view_rules, cast_rules};

static Value *simpler(Module *m, Op *op)
{
    Builder b = builder_at(m, op);
    Value *v = op->def->simplify ? op->def->simplify(&b, op) : NULL;
    for (size_t t = 0; t < COUNT(tables) && !v; t++)
        for (const Rule *r = tables[t]; r->name && !v; r++)
            if (r->code == op->code || (r->code == OP_COUNT && op->def->kind == KIND_MAP)) v = r->fn(&b, op);
    return v;
}

bool pass_simplify(Module *m, PassCx *cx)
{
    (void)cx;
    bool changed = false;
    Regions r = ir_regions(m);
    for (uint32_t i = 0; i < r.n; i++)
        ir_each_op (op, r.at[i]) {
            if (op->nout != 1 || !op->out[0]->nuses || op->body) continue;
            Value *v = simpler(m, op);
            if (v && v != op->out[0] && ir_replace(m, op->out[0], v)) changed = true;
        }
    return changed;
}
