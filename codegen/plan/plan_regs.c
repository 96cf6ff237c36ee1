/* Sizes as registers. */
#include "codegen/plan/plan_private.h"

int64_t plan_reg_value(const PlanReg *r, const int64_t *reg)
{
    static const DimOp op[] = {[REG_ADD] = DIM_ADD, [REG_MUL] = DIM_MUL, [REG_DIV] = DIM_DIV,
                               [REG_MOD] = DIM_MOD, [REG_MIN] = DIM_MIN, [REG_MAX] = DIM_MAX};
    if (r->kind == REG_CONST) return r->a;
    return dim_apply(op[r->kind], plan_num(r->a, reg), plan_num(r->b, reg));
}

static int32_t *node_reg(Planner *p, Dim d)
{
    uint32_t node = (uint32_t)(-d - 1);
    if (node >= p->nnodes) {
        uint32_t n = dim_count(p->m) + 64;
        int32_t *at = job_array(p->job, int32_t, n);
        for (uint32_t i = 0; i < n; i++) at[i] = i < p->nnodes ? p->reg_of_node[i] : NONE;
        p->reg_of_node = at;
        p->nnodes = n;
    }
    return &p->reg_of_node[node];
}

static uint32_t add_reg(Planner *p, PlanReg r)
{
    vec_push(p->job, &p->regs, r);
    vec_push(p->job, &p->valid, r.entry || r.kind == REG_RUN);
    return p->regs.n - 1;
}

void reg_input(Planner *p, const Type *t, uint32_t input)
{
    for (int d = 0; d < t->rank; d++) {
        if (!dim_is_sym(p->m, t->dim[d])) continue;
        int32_t *r = node_reg(p, t->dim[d]);
        if (*r == NONE) *r = (int32_t)add_reg(p, (PlanReg){REG_INPUT, input, d, true});
    }
}

uint32_t reg_symbol(Planner *p, Dim sym)
{
    int32_t *r = node_reg(p, sym);
    if (*r == NONE) *r = (int32_t)add_reg(p, (PlanReg){.kind = REG_RUN});
    return (uint32_t)*r;
}

bool is_entry(const Planner *p, PlanNum n)
{
    return n >= 0 || p->regs.at[-n - 1].entry;
}

PlanNum reg_of(Planner *p, Dim d)
{
    static const RegKind kind[] = {[DIM_ADD] = REG_ADD, [DIM_MUL] = REG_MUL, [DIM_DIV] = REG_DIV,
                                   [DIM_MOD] = REG_MOD, [DIM_MIN] = REG_MIN, [DIM_MAX] = REG_MAX};
    int64_t k;
    if (dim_known(d)) return d;
    int32_t *have = node_reg(p, d);
    if (*have != NONE) return -(PlanNum)*have - 1;
    PlanReg r;
    if (dim_const(p->m, d, &k)) {
        r = (PlanReg){REG_CONST, k, 0, true};
    } else {
        DimExpr e = dim_parts(p->m, d);
        if (e.op == DIM_SYM) {
            job_error(p->job, "the size '%s' is too complicated, or nothing tells it", e.name);
            job_stop_on_errors(p->job);
        }
        PlanNum a = reg_of(p, e.a), b = reg_of(p, e.b);
        r = (PlanReg){kind[e.op], a, b, is_entry(p, a) && is_entry(p, b)};
    }
    uint32_t n = add_reg(p, r);
    *node_reg(p, d) = (int32_t)n;
    return -(PlanNum)n - 1;
}

/* Registers in need of a computation, operands first. */
static void collect(Planner *p, PlanNum n)
{
    if (n >= 0 || p->valid.at[-n - 1]) return;
    const PlanReg *r = &p->regs.at[-n - 1];
    collect(p, r->a);
    collect(p, r->b);
    p->valid.at[-n - 1] = true;
    vec_push(p->job, &p->validated, (uint32_t)(-n - 1));
    vec_push(p->job, &p->evals, (uint32_t)(-n - 1));
}

PlanNum num_of(Planner *p, Dim d)
{
    PlanNum n = reg_of(p, d);
    uint32_t from = p->evals.n;
    collect(p, n);
    if (p->evals.n == from) return n;
    Ctl *last = p->code.n ? &p->code.at[p->code.n - 1] : NULL;
    if (last && last->code == CTL_eval && last->a + last->b == from)
        last->b = p->evals.n - last->a;
    else
        emit(p, CTL_eval, from, p->evals.n - from, 0);
    return n;
}

uint32_t scope_begin(const Planner *p)
{
    return p->validated.n;
}

void scope_end(Planner *p, uint32_t mark)
{
    while (p->validated.n > mark) p->valid.at[p->validated.at[--p->validated.n]] = false;
}

static Dim open_bytes(Planner *p, const Type *t)
{
    Dim n = (Dim)dtype_size(t->dtype);
    for (int d = 0; d < t->rank; d++) {
        Dim size = t->dim[d];
        if ((t->layout == LAYOUT_PANEL || t->layout == LAYOUT_FILTER) && d == t->rank - 1)
            size = dim_mul(p->m, dim_ceildiv(p->m, size, PANEL), PANEL);
        n = dim_mul(p->m, n, size);
    }
    return n;
}

PlanNum bytes_of(Planner *p, const Type *t)
{
    return has_open_dims(t) ? num_of(p, open_bytes(p, t)) : type_bytes(t);
}

/* A symbol without a register is not an input's. */
static bool dim_at_entry(Planner *p, Dim d)
{
    int64_t k;
    if (dim_known(d)) return true;
    int32_t have = *node_reg(p, d);
    if (have != NONE) return p->regs.at[have].entry;
    if (dim_const(p->m, d, &k)) return true;
    DimExpr e = dim_parts(p->m, d);
    return e.op != DIM_SYM && dim_at_entry(p, e.a) && dim_at_entry(p, e.b);
}

bool known_at_entry(Planner *p, const Type *t)
{
    for (int d = 0; d < t->rank; d++)
        if (!dim_at_entry(p, t->dim[d])) return false;
    return true;
}

PlanNum num_op(Planner *p, RegKind kind, PlanNum a, PlanNum b)
{
    PlanReg r = {kind, a, b, true};
    if (a >= 0 && b >= 0) return plan_reg_value(&r, NULL);
    return -(PlanNum)add_reg(p, r) - 1;
}
