/* Places of slots in the arena. */
#include <stdlib.h>

#include "codegen/plan/plan_private.h"

enum { ALIGN = 64 };

static int by_size(const void *a, const void *b)
{
    const Store *x = *(Store *const *)a, *y = *(Store *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return (x->first > y->first) - (x->first < y->first);
}

/* Greedy by size: the largest first, each at the lowest place that is free for all of its life. */
void place_stores(Planner *p)
{
    uint32_t n = p->stores.n;
    Store **order = job_array(p->job, Store *, n + 1), **placed = job_array(p->job, Store *, n + 1);
    for (uint32_t i = 0; i < n; i++) order[i] = &p->stores.at[i];
    qsort(order, n, sizeof *order, by_size);
    for (uint32_t i = 0; i < n; i++) {
        Store *s = order[i];
        int64_t at = 0;
        for (uint32_t j = 0; j < i && placed[j]->offset < at + s->bytes; j++)
            if (placed[j]->bytes && placed[j]->first <= s->last && s->first <= placed[j]->last)
                at = max_i64(at, round_up(placed[j]->offset + placed[j]->bytes, ALIGN));
        s->offset = at;
        int64_t end;
        if (!add_ok(at, s->bytes, &end) || end > INT64_MAX / 2) job_fail(p->job, JITC_E_NOMEM);
        p->plan->arena = max_i64(p->plan->arena, round_up(end, ALIGN));
        uint32_t k = i; /* placed is in order of offsets */
        for (; k && placed[k - 1]->offset > at; k--) placed[k] = placed[k - 1];
        placed[k] = s;
        job_tick(p->job);
    }
}
