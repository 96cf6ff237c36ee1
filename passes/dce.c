/* Dead code: every op is pure, so one whose results nobody reads goes. A `bind` stays while a size that it
 * tells occurs anywhere, a `check` always. */
#include "ir/dim.h"
#include "passes/util.h"

typedef struct {
    Module *m;
    uint8_t *named; /* by node of the dim table: occurs in a type or an attribute */
    bool changed;
} Dce;

static void name_dim(Dce *d, Dim x)
{
    int64_t k;
    if (dim_known(x) || dim_const(d->m, x, &k) || d->named[-x - 1]) return;
    d->named[-x - 1] = 1;
    DimExpr e = dim_parts(d->m, x);
    if (e.op == DIM_SYM) return;
    name_dim(d, e.a);
    name_dim(d, e.b);
}

static void name_type(Dce *d, const Type *t)
{
    for (int i = 0; i < t->rank; i++) name_dim(d, t->dim[i]);
}

static void name_sizes(Dce *d)
{
    Module *m = d->m;
    Regions r = ir_regions(m);
    bool any = false;
    for (uint32_t i = 0; i < r.n && !any; i++)
        ir_each_op (op, r.at[i]) any = any || op->def->kind == KIND_SIZE;
    if (!any) return;
    d->named = job_array(m->job, uint8_t, dim_count(m) + 1);
    for (uint32_t i = 0; i < r.n; i++) {
        for (uint32_t k = 0; k < r.at[i]->nargs; k++) name_type(d, &r.at[i]->args[k]->type);
        ir_each_op (op, r.at[i]) {
            if (op->code == OP_bind) continue;
            for (int k = 0; k < op->nout; k++) name_type(d, &op->out[k]->type);
            for (int k = 0; k < IR_MAX_ATTRS && op->def->attrs[k].name; k++)
                for (uint32_t j = 0; op->attrs[k].kind == ATTR_DIMS && j < op->attrs[k].n; j++)
                    name_dim(d, op->attrs[k].v[j]);
        }
    }
}

static bool stays(const Dce *d, const Op *op)
{
    if (op->code == OP_yield || op->code == OP_check) return true;
    for (int i = 0; i < op->nout; i++)
        if (op->out[i]->nuses) return true;
    if (op->code != OP_bind) return false;
    int n;
    const Dim *sym = attr_v(op, "dims", &n);
    for (int i = 0; i < n; i++)
        if (d->named[-sym[i] - 1]) return true;
    return false;
}

static void sweep(Dce *d, Region *r)
{
    for (Op *op = r->last, *prev; op; op = prev) {
        prev = op->prev;
        if (!stays(d, op)) {
            ir_erase(d->m, op);
            d->changed = true;
        } else if (op->other) {
            sweep(d, op->body);
            sweep(d, op->other);
        }
    }
}

bool pass_dce(Module *m, PassCx *cx)
{
    (void)cx;
    Dce d = {.m = m};
    name_sizes(&d);
    for (Func *f = m->funcs; f; f = f->next) sweep(&d, f->body);
    return d.changed;
}
