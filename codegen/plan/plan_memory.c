/* Places of slots in the arena. */
#include <stdlib.h>

#include "codegen/plan/plan_private.h"

enum { ALIGN = 64 };

typedef struct {
    Store *store;
    int64_t bytes;
} Sized;

static int by_size(const void *a, const void *b)
{
    const Sized *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    if (x->store->first != y->store->first) return x->store->first < y->store->first ? -1 : 1;
    return (x->store > y->store) - (x->store < y->store);
}

static bool live_together(const Store *a, const Store *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* Those of known sizes, greedy by size: the largest first, each at the lowest place that is free for all of
 * its life. */
static int64_t place_known(Planner *p, const Sized *order, uint32_t n)
{
    Store **placed = job_array(p->job, Store *, n + 1);
    int64_t end = 0;
    for (uint32_t i = 0; i < n; i++) {
        Store *s = order[i].store;
        int64_t at = 0, to;
        for (uint32_t j = 0; j < i && placed[j]->offset < at + s->bytes; j++)
            if (placed[j]->bytes && live_together(placed[j], s))
                at = max_i64(at, round_up(placed[j]->offset + placed[j]->bytes, ALIGN));
        s->offset = at;
        if (!add_ok(at, s->bytes, &to) || to > INT64_MAX / 2) job_fail(p->job, JITC_E_NOMEM);
        end = max_i64(end, round_up(to, ALIGN));
        uint32_t k = i; /* placed is in order of offsets */
        for (; k && placed[k - 1]->offset > at; k--) placed[k] = placed[k - 1];
        placed[k] = s;
        job_tick(p->job);
    }
    return end;
}

/* Memory for stores that follow each other in time, as large as the largest of them. */
typedef struct {
    VEC(Store *) member;
} Lane;

static bool lane_takes(const Lane *l, const Store *s)
{
    for (uint32_t i = 0; i < l->member.n; i++)
        if (live_together(l->member.at[i], s)) return false;
    return true;
}

static PlanNum lane_bytes(Planner *p, const Lane *l)
{
    PlanNum bytes = 0;
    for (uint32_t i = 0; i < l->member.n; i++) {
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++) seen = l->member.at[k]->bytes == l->member.at[i]->bytes;
        if (!seen) bytes = num_op(p, REG_MAX, bytes, l->member.at[i]->bytes);
    }
    bytes = num_op(p, REG_DIV, num_op(p, REG_ADD, bytes, ALIGN - 1), ALIGN);
    return num_op(p, REG_MUL, bytes, ALIGN);
}

/* Those whose sizes are told at entry: in lanes, in the order of what they probably are. */
static PlanNum place_open(Planner *p, const Sized *order, uint32_t n, PlanNum from)
{
    VEC(Lane) lanes = {0};
    for (uint32_t i = 0; i < n; i++) {
        uint32_t k = 0;
        while (k < lanes.n && !lane_takes(&lanes.at[k], order[i].store)) k++;
        if (k == lanes.n) vec_push(p->job, &lanes, (Lane){0});
        vec_push(p->job, &lanes.at[k].member, order[i].store);
        job_tick(p->job);
    }
    for (uint32_t k = 0; k < lanes.n; k++) {
        PlanNum bytes = lane_bytes(p, &lanes.at[k]);
        for (uint32_t i = 0; i < lanes.at[k].member.n; i++) lanes.at[k].member.at[i]->offset = from;
        from = num_op(p, REG_ADD, from, bytes);
    }
    return from;
}

/* Sizes for inputs of medium sizes, to compare stores by. */
static int64_t *guess_registers(Planner *p)
{
    int64_t *reg = job_array(p->job, int64_t, p->regs.n + 1);
    for (uint32_t i = 0; i < p->regs.n; i++) {
        const PlanReg *r = &p->regs.at[i];
        if (r->kind == REG_INPUT)
            reg[i] = 32;
        else if (r->entry)
            reg[i] = plan_reg_value(r, reg);
    }
    return reg;
}

void place_stores(Planner *p)
{
    uint32_t n = p->stores.n, known = 0, open = 0;
    Sized *order = job_array(p->job, Sized, n + 1), *later = job_array(p->job, Sized, n + 1);
    const int64_t *reg = guess_registers(p);
    for (uint32_t i = 0; i < n; i++) {
        Store *s = &p->stores.at[i];
        Sized x = {s, plan_num(s->bytes, reg)};
        if (s->bytes >= 0)
            order[known++] = x;
        else
            later[open++] = x;
    }
    qsort(order, known, sizeof *order, by_size);
    qsort(later, open, sizeof *later, by_size);
    p->plan->arena = place_open(p, later, open, place_known(p, order, known));
}
