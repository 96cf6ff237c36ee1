/* Work that a loop repeats without need moves before it; work on weights alone leaves branches too, since it
 * is done once at load. What may fail at run time stays, or a loop of no rounds would report it. */
#include "ir/dim.h"
#include "passes/util.h"

typedef struct {
    Module *m;
    Cone cone;
    uint8_t *inner; /* by node of the dim table: a symbol that the region in question binds */
    bool changed;
} Hoist;

static bool may_move(const Op *op)
{
    switch (op->def->kind) {
    case KIND_CONST:
    case KIND_MAP:
    case KIND_REDUCE:
    case KIND_ROW:
    case KIND_SCAN:
    case KIND_WINDOW:
    case KIND_CONTRACT:
    case KIND_VIEW:
    case KIND_MOVE: return true;
    default: return op->code == OP_sizes;
    }
}

static void bind_dims(Hoist *h, const Dim *d, int n)
{
    for (int i = 0; i < n; i++)
        if (dim_is_sym(h->m, d[i])) h->inner[-d[i] - 1] = 1;
}

/* The symbols that get their values in region r: sizes of its arguments, of results of control flow, bound
 * ones. Those that come from outside through an argument's type are taken along; that only loses a move. */
static void bound_inside(Hoist *h, const Region *r)
{
    for (uint32_t i = 0; i < r->nargs; i++) bind_dims(h, r->args[i]->type.dim, r->args[i]->type.rank);
    for (const Op *op = r->first; op; op = op->next) {
        if (op->code == OP_bind) {
            int n;
            const Dim *d = attr_v(op, "dims", &n);
            bind_dims(h, d, n);
        }
        if (!op->other) continue;
        for (int i = 0; i < op->nout; i++) bind_dims(h, op->out[i]->type.dim, op->out[i]->type.rank);
        bound_inside(h, op->body);
        bound_inside(h, op->other);
    }
}

static bool depends(const Hoist *h, Dim d)
{
    int64_t k;
    if (dim_known(d) || dim_const(h->m, d, &k)) return false;
    DimExpr e = dim_parts(h->m, d);
    return e.op == DIM_SYM ? h->inner[-d - 1] : depends(h, e.a) || depends(h, e.b);
}

static bool sized_inside(const Hoist *h, const Op *op)
{
    for (int i = 0; i < op->nout; i++)
        for (int d = 0; d < op->out[i]->type.rank; d++)
            if (depends(h, op->out[i]->type.dim[d])) return true;
    for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++)
        for (uint32_t j = 0; op->attrs[k].kind == ATTR_DIMS && j < op->attrs[k].n; j++)
            if (depends(h, op->attrs[k].v[j])) return true;
    return false;
}

static bool made_inside(const Op *op, const Region *r)
{
    for (int i = 0; i < op->nin; i++) {
        const Value *v = op->in[i];
        if (ir_inside(v->def ? v->def->parent : v->owner, r)) return true;
    }
    return false;
}

static void leave(Hoist *h, Region *r)
{
    bool loop = r->owner->code == OP_while;
    h->inner = job_array(h->m->job, uint8_t, dim_count(h->m) + 1);
    bound_inside(h, r);
    Builder out = {.m = h->m, .region = r->owner->parent, .before = r->owner};
    ir_each_op (op, r) {
        if (op->code == OP_yield || op->nout != 1 || made_inside(op, r)) continue;
        if (!cone_has(&h->cone, op->out[0]) && (!loop || !may_move(op) || sized_inside(h, op))) continue;
        ir_move(op, &out);
        h->changed = true;
    }
}

bool pass_hoist(Module *m, PassCx *cx)
{
    (void)cx;
    Hoist h = {.m = m};
    cone_init(&h.cone, m);
    Regions r = ir_func_regions(m, ir_find_func(m, "main"));
    for (uint32_t i = r.n; i-- > 1;)
        leave(&h, r.at[i]); /* inner ones first; the first is the function's own */
    return h.changed;
}
