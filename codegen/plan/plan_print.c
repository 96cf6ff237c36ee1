/* Plans printed and checked. */
#include "codegen/plan/plan.h"

#include <stdlib.h>

enum { ALIGN = 64 };

/* -- Text ------------------------------------------------------------------------------------- */
static void print_num(Str *s, const char *before, PlanNum n)
{
    str_put(s, before);
    if (n >= 0)
        str_printf(s, "%lld", (long long)n);
    else
        str_printf(s, "r%lld", (long long)(-n - 1));
}

static void print_nums(Str *s, const char *before, const PlanNum *n, uint32_t many)
{
    str_put(s, before);
    for (uint32_t i = 0; i < many; i++) print_num(s, i ? "," : "[", n[i]);
    str_put(s, many ? "]" : "[]");
}

static void print_type(Str *s, const Type *t)
{
    str_put(s, dtype_name(t->dtype));
    print_nums(s, "", t->dim, t->rank);
    if (t->layout != LAYOUT_PLAIN) str_printf(s, "{%s}", layout_name((Layout)t->layout));
}

static void print_node(Str *s, const char *node)
{
    str_put(s, "  @\"");
    str_escape(s, node, strlen(node));
    str_put(s, "\"");
}

static void print_call(const Plan *p, Str *s, const PlanCall *c)
{
    str_printf(s, "  call k%u(", c->kernel);
    for (uint32_t i = 0; i < c->noperands + c->nresults; i++)
        str_printf(s, "%sb%u", i == c->noperands ? " -> " : i ? ", " : "", p->call_buf[c->buf0 + i]);
    str_put(s, ")");
    if (c->ndims) print_nums(s, " dims=", &p->dim[c->dim0], c->ndims);
    print_num(s, " units=", c->units);
    str_printf(s, " grain=%lld", (long long)c->grain);
    if (c->in_place >= 0) str_printf(s, " in_place=b%u", p->call_buf[c->buf0 + (uint32_t)c->in_place]);
    for (uint32_t i = 0; i < c->nnodes; i++) {
        str_put(s, i ? "," : "  @\"");
        if (i) str_put(s, "\"");
        str_escape(s, c->nodes[i], strlen(c->nodes[i]));
        str_put(s, "\"");
    }
    str_put(s, "\n");
}

static void print_reg(const Plan *p, Str *s, uint32_t i)
{
    static const char *const name[] = {[REG_ADD] = "add ", [REG_MUL] = "mul ", [REG_DIV] = "div ",
                                       [REG_MOD] = "mod ", [REG_MIN] = "min ", [REG_MAX] = "max "};
    const PlanReg *r = &p->reg[i];
    str_printf(s, "register r%u = ", i);
    switch (r->kind) {
    case REG_INPUT: str_printf(s, "input %lld dim %lld\n", (long long)r->a, (long long)r->b); break;
    case REG_RUN: str_put(s, "set by the run\n"); break;
    case REG_CONST: str_printf(s, "%lld\n", (long long)r->a); break;
    default:
        print_num(s, name[r->kind], r->a);
        print_num(s, ", ", r->b);
        str_put(s, r->entry ? "  at entry\n" : "\n");
    }
}

static bool is_target(const Plan *p, uint32_t at)
{
    for (uint32_t i = 0; p->moves && i < p->ncode; i++) {
        if (p->code[i].code == CTL_jump && p->code[i].a == at) return true;
        if (p->code[i].code == CTL_branch && p->code[i].b == at) return true;
    }
    return false;
}

static void print_site(const Plan *p, Str *s, const char *what, const Ctl *c)
{
    const PlanSite *x = &p->site[c->a];
    str_printf(s, "  %s", what);
    if (c->code != CTL_check) str_printf(s, " b%u", c->b);
    if (c->code == CTL_bind) {
        for (uint32_t i = 0; i < x->nnums; i++)
            str_printf(s, "%sr%lld", i ? "," : " -> ", (long long)p->num[x->num0 + i]);
        str_printf(s, " least=%lld", (long long)x->least);
    } else {
        print_nums(s, " ", p->num + x->num0, x->nnums);
    }
    print_node(s, x->node);
    str_put(s, "\n");
}

static void print_ctl(const Plan *p, Str *s, uint32_t at)
{
    const Ctl *c = &p->code[at];
    if (is_target(p, at)) str_printf(s, "L%u:\n", at);
    switch (c->code) {
    case CTL_call: print_call(p, s, &p->call[c->a]); return;
    case CTL_copy:
        str_printf(s, "  copy b%u -> b%u", c->a, c->b);
        if (c->n < 0) print_num(s, " bytes=", c->n);
        break;
    case CTL_eval:
        for (uint32_t i = 0; i < c->b; i++) str_printf(s, "%sr%u", i ? "," : "  eval ", p->eval[c->a + i]);
        break;
    case CTL_set:
        for (uint32_t i = 0; i < c->b; i++)
            str_printf(s, "%sr%u=r%u", i ? ", " : "  set ", p->set[c->a + 2 * i], p->set[c->a + 2 * i + 1]);
        break;
    case CTL_bind: print_site(p, s, "bind", c); return;
    case CTL_sizes: print_site(p, s, "sizes", c); return;
    case CTL_check: print_site(p, s, "check", c); return;
    case CTL_alloc:
        str_printf(s, "  alloc b%u", c->a);
        print_num(s, " bytes=", c->n);
        break;
    case CTL_free: str_printf(s, "  free b%u", c->a); break;
    case CTL_alias: str_printf(s, "  alias b%u <- b%u", c->a, c->b); break;
    case CTL_swap: str_printf(s, "  swap b%u, b%u", c->a, c->b); break;
    case CTL_jump: str_printf(s, "  jump L%u", c->a); break;
    case CTL_branch: str_printf(s, "  branch b%u else L%u", c->a, c->b); break;
    case CTL_ret: str_put(s, "  ret"); break;
    }
    str_put(s, "\n");
}

void plan_print(const Plan *p, Str *s)
{
    static const char *const kinds[] = {"input", "output", "weight", "slot", "heap"};
    print_num(s, "plan arena=", p->arena);
    print_num(s, " scratch=", p->scratch);
    str_printf(s, " macs=%lld\n", (long long)p->macs);
    for (uint32_t i = 0; i < p->nkernel; i++) {
        str_printf(s, "kernel k%u ", i);
        for (const char *t = p->kernel[i].text; *t;) {
            size_t n = strcspn(t, "\n");
            str_printf(s, "%s%.*s\n", t == p->kernel[i].text ? "" : "  ", (int)n, t);
            t += n + (t[n] == '\n');
        }
    }
    for (uint32_t i = 0; i < p->nbuf; i++) {
        const PlanBuf *b = &p->buf[i];
        str_printf(s, "buffer b%u = %s", i, kinds[b->kind]);
        if (b->kind < BUF_SLOT) str_printf(s, " %u", b->index);
        str_put(s, " ");
        print_type(s, &b->type);
        if (b->part && b->kind == BUF_OUTPUT) print_num(s, " part at ", b->offset);
        if (b->kind == BUF_SLOT) {
            str_put(s, b->part ? " part" : "");
            print_num(s, " at ", b->offset);
            print_num(s, "+", b->bytes);
            str_printf(s, " live %d..%d", b->first, b->last);
        }
        str_put(s, "\n");
    }
    for (uint32_t i = 0; i < p->nreg; i++) print_reg(p, s, i);
    str_put(s, "code\n");
    for (uint32_t i = 0; i < p->ncode; i++) print_ctl(p, s, i);
}

static const PlanCall *call_at(const Plan *p, int32_t step)
{
    for (uint32_t i = 0; i < p->ncall; i++)
        if (p->call[i].step == step) return &p->call[i];
    return NULL;
}

static bool check_slots(const Plan *p, const int64_t *reg, Str *why)
{
    for (uint32_t i = 0; i < p->nbuf; i++) {
        const PlanBuf *a = &p->buf[i];
        int64_t bytes = plan_num(a->bytes, reg), at = plan_num(a->offset, reg);
        if (a->kind != BUF_SLOT || a->part || bytes <= 0) continue;
        if (at < 0 || at % ALIGN || bytes > plan_num(p->arena, reg) - at) {
            str_printf(why, "b%u lies outside the arena", i);
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            const PlanBuf *b = &p->buf[j];
            int64_t other = plan_num(b->offset, reg), more = plan_num(b->bytes, reg);
            if (b->kind != BUF_SLOT || b->part || more <= 0) continue;
            if (at >= other + more || other >= at + bytes) continue;
            if (a->first > b->last || b->first > a->last) continue;
            const PlanBuf *early = a->first < b->first ? a : b, *late = early == a ? b : a;
            uint32_t early_no = (uint32_t)(early - p->buf), late_no = (uint32_t)(late - p->buf);
            const PlanCall *c = call_at(p, late->first);
            bool in_place = c && early->last == late->first && at == other && bytes == more &&
                            c->in_place >= 0 && p->call_buf[c->buf0 + (uint32_t)c->in_place] == early_no &&
                            p->call_buf[c->buf0 + c->noperands] == late_no;
            if (!in_place) {
                str_printf(why, "b%u and b%u share memory while both are in use", j, i);
                return false;
            }
        }
    }
    return true;
}

bool plan_check(const Plan *p, Str *why)
{
    static const int64_t size[] = {1, 7, 60}; /* that inputs may have */
    int64_t *reg = calloc(p->nreg + 1, sizeof *reg);
    bool fine = reg != NULL;
    for (size_t k = 0; k < COUNT(size) && fine; k++) {
        for (uint32_t i = 0; i < p->nreg; i++)
            if (p->reg[i].entry)
                reg[i] = p->reg[i].kind == REG_INPUT ? size[k] : plan_reg_value(&p->reg[i], reg);
        fine = check_slots(p, reg, why);
    }
    free(reg);
    return fine;
}
