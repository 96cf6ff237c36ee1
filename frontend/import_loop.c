/* Loops of the IR. The types of the variables are found by trying: the body is imported with the types that
 * the variables begin with; sizes that it changes become symbols, lists that it fills get their elements, and
 * it is imported again. */
#include "frontend/import_private.h"

#include "ir/dim.h"

enum { MAX_ATTEMPTS = 64 };

typedef struct {
    bool kept, fresh_list; /* fresh_list: of unknown elements */
    List list;
    bool has_list;
    int parts;      /* IR variables: 1, or 2 of a ragged list */
    Value *part[2]; /* before the loop */
    Type type[2];   /* inside */
    Value *arg;     /* as the body's importers see it */
} Variable;

typedef struct {
    Importer *im;
    const LoopSpec *spec;
    Variable *var;
    VEC(Dim) syms;
    bool again, failed;
} Loop;

static void begin_with(Loop *l, Variable *v, Value *init)
{
    Cx *cx = &l->im->cx;
    const List *list = list_of(cx, init);
    v->has_list = list != NULL;
    v->fresh_list = list && !list->ragged;
    if (list) v->list = *list;
    v->parts = list && list->ragged ? 2 : 1;
    v->part[0] = init;
    if (v->parts == 2) v->part[1] = list->lengths;
    for (int i = 0; i < v->parts; i++) v->type[i] = v->part[i]->type;
}

/* Arguments of a region, as values that importers see. */
static Value **arguments(Loop *l, Region *r)
{
    Cx *cx = &l->im->cx;
    uint32_t n = l->spec->n;
    Value **vars = job_array(cx->job, Value *, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        Variable *v = &l->var[i];
        vars[i] = v->kept ? l->spec->init[i] : NULL;
        if (v->kept || !v->part[0]) continue;
        vars[i] = ir_arg(cx->m, r, v->type[0], NULL);
        List list = v->list;
        if (v->parts == 2) list.lengths = ir_arg(cx->m, r, v->type[1], NULL);
        if (v->has_list) list_note(cx, vars[i], &list);
    }
    return vars;
}

static void odd_elements(Loop *l)
{
    fail(&l->im->cx, "elements of a tensor list get different sizes in a loop");
    l->failed = true;
}

/* The body fills a list of which nothing was known before. */
static void learn_list(Loop *l, Variable *v, const Region *body, const Value *next)
{
    Cx *cx = &l->im->cx;
    const List *known = list_of(cx, next);
    Elements e = known ? ELEMENTS_VARY : elements_of(cx->m, body, next, l->syms.at, l->syms.n);
    Dim element[IR_MAX_RANK + 1] = {0};
    bool ragged = known != NULL;
    int rank = next->type.rank - 1 + ragged;
    memcpy(element + ragged, next->type.dim + 1, sizeof(Dim) * (size_t)(next->type.rank - 1));
    if (e == ELEMENTS_ODD || (e == ELEMENTS_VARY && !ragged && v->list.origin->ragged)) {
        odd_elements(l);
        return;
    }
    l->again = true;
    if (e == ELEMENTS_VARY && !ragged) {
        v->list.origin->ragged = true;
        return;
    }
    Value *init = ragged ? list_ragged(cx, &v->list, rank, element) : list_zeros(cx, &v->list, rank, element);
    if (init) begin_with(l, v, init);
    l->failed |= !init;
}

/* -- Sizes ------------------------------------------------------------------------------------- */
typedef struct {
    Dim *at; /* in the variable's type */
    Dim init, before, after, sym;
} Size;

static bool own(const Loop *l, Dim d)
{
    for (uint32_t i = 0; i < l->syms.n; i++)
        if (l->syms.at[i] == d) return true;
    return false;
}

/* Sizes that change get symbols: one for all that begin alike and change alike. */
static void settle_sizes(Loop *l, Size *s, uint32_t n)
{
    Module *m = l->im->cx.m;
    for (uint32_t i = 0; i < n; i++) {
        bool changes = s[i].before != s[i].after || s[i].init != s[i].before;
        if (!own(l, s[i].before) && !changes) continue;
        bool split = !own(l, s[i].before);
        for (uint32_t k = 0; k < n && !split; k++)
            split = s[k].before == s[i].before && (s[k].after != s[i].after || s[k].init != s[i].init);
        if (!split) continue;
        l->again = true;
        for (uint32_t k = 0; k < i && !s[i].sym; k++)
            if (s[k].sym && s[k].before == s[i].before && s[k].after == s[i].after && s[k].init == s[i].init)
                s[i].sym = s[k].sym;
        if (s[i].sym) continue;
        s[i].sym = dim_fresh(m, "w");
        vec_push(m->job, &l->syms, s[i].sym);
    }
    for (uint32_t i = 0; i < n; i++)
        if (s[i].sym) *s[i].at = s[i].sym;
}

static void compare(Loop *l, uint32_t var, const Value *next, int part, Size *s, uint32_t *n)
{
    Cx *cx = &l->im->cx;
    Variable *v = &l->var[var];
    Type *t = &v->type[part];
    if (t->dtype != next->type.dtype || t->rank != next->type.rank) {
        fail(cx, "loop variable %u is %s before, and %s after a round", var, type_string(cx, t),
             type_string(cx, &next->type));
        l->failed = true;
        return;
    }
    for (int d = 0; d < t->rank; d++)
        s[(*n)++] = (Size){&t->dim[d], v->part[part]->type.dim[d], t->dim[d], next->type.dim[d], 0};
}

/* -- The body ---------------------------------------------------------------------------------- */
static void check_variable(Loop *l, uint32_t i, const Region *body, Value *arg, Value **next, Size *s,
                           uint32_t *n)
{
    Cx *cx = &l->im->cx;
    Variable *v = &l->var[i];
    if (!*next) {
        l->failed = true;
        return;
    }
    if (*next == arg) {
        v->kept = l->again = true;
        return;
    }
    const List *after = list_of(cx, *next);
    if (v->fresh_list && (!after || after->ragged)) {
        learn_list(l, v, body, *next);
        return;
    }
    if (after && !after->ragged && !v->fresh_list) { /* begun anew */
        Dim element[IR_MAX_RANK + 1] = {0};
        memcpy(element + (v->parts == 2), v->type[0].dim + 1, sizeof(Dim) * (size_t)(v->type[0].rank - 1));
        int rank = v->type[0].rank - 1 + (v->parts == 2);
        *next = v->parts == 2 ? list_ragged(cx, after, rank, element) : list_zeros(cx, after, rank, element);
        after = *next ? list_of(cx, *next) : NULL;
        if (!*next) l->failed = true;
        if (!*next) return;
    }
    if ((v->parts == 2) != (after && after->ragged)) {
        odd_elements(l);
        return;
    }
    compare(l, i, *next, 0, s, n);
    if (v->parts == 2 && after) compare(l, i, after->lengths, 1, s, n);
}

static Region *import_body(Loop *l)
{
    Importer *im = l->im;
    Cx *cx = &im->cx;
    const From *from = cx->b.from;
    const TfNode *node = cx->node;
    uint32_t n = l->spec->n, nsizes = 0;
    Region *body = ir_region(cx->m, NULL), *outer = im->place->region;
    Value **vars = arguments(l, body), **next = job_array(cx->job, Value *, n + 1);
    Size *sizes = job_array(cx->job, Size, 2 * (size_t)n * IR_MAX_RANK + 1);
    place_push(im, (Place){.kind = PLACE_REGION, .region = body, .repeats = true});
    l->spec->body(im, l->spec->arg, vars, next);
    cx->b.from = from;
    cx->node = node;
    cx->b.region = body;
    Value **yield = job_array(cx->job, Value *, 2 * n + 1);
    int parts = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (l->var[i].kept) continue;
        bool restarted = next[i] && list_of(cx, next[i]) && !l->var[i].fresh_list;
        cx->b.region = restarted ? body : outer;
        check_variable(l, i, body, vars[i], &next[i], sizes, &nsizes);
        if (!next[i]) continue;
        const List *list = list_of(cx, next[i]);
        yield[parts++] = next[i];
        if (list && list->ragged) yield[parts++] = list->lengths;
    }
    cx->b.region = body;
    settle_sizes(l, sizes, nsizes);
    if (!l->failed && !l->again) ir_yield(&cx->b, yield, parts);
    place_pop(im);
    return body;
}

void import_loop(Importer *im, const LoopSpec *spec, Value **out)
{
    Cx *cx = &im->cx;
    Module *m = cx->m;
    const From *from = cx->b.from;
    Loop l = {.im = im, .spec = spec, .var = job_array(cx->job, Variable, spec->n + 1)};
    for (uint32_t i = 0; i < spec->n; i++) {
        l.var[i].kept = spec->kept && spec->kept[i];
        if (spec->init[i]) begin_with(&l, &l.var[i], spec->init[i]);
        if (!spec->init[i]) return; /* reported */
    }
    Mark mark = mark_here(im);
    Region *body = NULL;
    for (int attempt = 0;; attempt++) {
        body = import_body(&l);
        bool wrong = cx->job->nerrors > mark.nerrors;
        if (!l.again) {
            if (wrong || l.failed) return;
            break;
        }
        if (attempt == MAX_ATTEMPTS) {
            fail(cx, "the sizes of its variables do not settle");
            return;
        }
        drop_region(m, body);
        mark_back(im, &mark);
        l.again = l.failed = false;
    }
    Region *cond = ir_region(m, NULL);
    Value **vars = arguments(&l, cond);
    place_push(im, (Place){.kind = PLACE_REGION, .region = cond, .repeats = true});
    Value *go = spec->cond(im, spec->arg, vars);
    cx->b.from = from;
    cx->b.region = cond;
    if (go) ir_yield(&cx->b, &go, 1);
    place_pop(im);
    if (!go) return;
    Value **in = job_array(cx->job, Value *, 2 * (size_t)spec->n + 1);
    int n = 0;
    for (uint32_t i = 0; i < spec->n; i++)
        for (int k = 0; k < l.var[i].parts && !l.var[i].kept; k++) in[n++] = l.var[i].part[k];
    Op *op = ir_while(&cx->b, in, n, cond, body);
    n = 0;
    for (uint32_t i = 0; i < spec->n; i++) {
        Variable *v = &l.var[i];
        out[i] = v->kept ? spec->init[i] : op ? op->out[n] : NULL;
        if (v->kept) continue;
        if (v->has_list && op) {
            if (v->parts == 2) v->list.lengths = op->out[n + 1];
            list_note(cx, out[i], &v->list);
        }
        n += v->parts;
    }
}
