/* Branches and loops of the IR, from whatever form the graph has them in. */
#include "frontend/import_private.h"

#include "ir/dim.h"

bool known_scalar(Importer *im, Value *v, int64_t *out)
{
    if (!type_static(&v->type) || type_numel(&v->type) != 1 || dtype_is_float(v->type.dtype)) return false;
    Dim d;
    if (v->type.dtype != JITC_BOOL && ir_dims_of(im->cx.m, v, &d, 1)) return dim_const(im->cx.m, d, out);
    const Tensor *t = ir_reveal(im->cx.m, v);
    if (t) *out = tensor_i(t, 0);
    return t != NULL;
}

void drop_region(Module *m, Region *r)
{
    while (r->last) ir_erase(m, r->last);
}

/* -- Sizes that only exist inside a region ------------------------------------------------------------ */
static bool told_in(const Module *m, const Region *r, Dim sym)
{
    for (const Op *op = r->first; op; op = op->next) {
        int n = 0;
        const Dim *d = op->code == OP_bind ? attr_v(op, "dims", &n) : NULL;
        for (int i = 0; i < n; i++)
            if (d[i] == sym) return true;
        const Op *end = op->body && op->code != OP_kernel ? ir_terminator(op->body) : NULL;
        for (int i = 0; end && i < op->nout; i++)
            for (int k = 0; k < op->out[i]->type.rank; k++)
                if (op->out[i]->type.dim[k] == sym && end->in[i]->type.dim[k] != sym) return true;
        if (end && (told_in(m, op->body, sym) || (op->other && told_in(m, op->other, sym)))) return true;
    }
    return false;
}

/* Whether a size is made of symbols that `r` tells, or of those given. */
static bool inside(const Module *m, const Region *r, Dim d, const Dim *syms, uint32_t nsyms)
{
    int64_t v;
    if (dim_const(m, d, &v)) return false;
    DimExpr e = dim_parts(m, d);
    if (e.op != DIM_SYM) return inside(m, r, e.a, syms, nsyms) || inside(m, r, e.b, syms, nsyms);
    for (uint32_t i = 0; i < nsyms; i++)
        if (syms[i] == d) return true;
    return told_in(m, r, d);
}

Elements elements_of(const Module *m, const Region *r, const Value *v, const Dim *syms, uint32_t nsyms)
{
    Elements e = ELEMENTS_ALIKE;
    for (int d = 1; d < v->type.rank; d++)
        if (inside(m, r, v->type.dim[d], syms, nsyms))
            e = d == 1 && e == ELEMENTS_ALIKE ? ELEMENTS_VARY : ELEMENTS_ODD;
    return e;
}

/* -- Branches -------------------------------------------------------------------------------------------- */
typedef struct {
    BranchFn *fn;
    void *arg;
    uint32_t nout, n;
    Value *selector;
} Branches;

static void choose(Importer *im, Branches *b, uint32_t lo, uint32_t hi, Value **out);

static Region *branch_region(Importer *im, Branches *b, uint32_t lo, uint32_t hi, Value **out)
{
    Region *r = ir_region(im->cx.m, NULL);
    place_push(im, (Place){.kind = PLACE_REGION, .region = r});
    choose(im, b, lo, hi, out);
    place_pop(im);
    return r;
}

/* Makes a list of unknown elements in one branch one like the other's. Returns false to try again. */
static bool match_lists(Importer *im, Region *const *r, Value **x, Value **y, Value **len)
{
    Cx *cx = &im->cx;
    for (int side = 0; side < 2; side++) {
        Value **a = side ? y : x, *other = side ? *x : *y;
        const List *l = list_of(cx, *a), *o = list_of(cx, other);
        if (!l || l->ragged || (o && !o->ragged)) continue;
        Region *here = cx->b.region;
        Elements e = o ? ELEMENTS_VARY : elements_of(cx->m, r[!side], other, NULL, 0);
        int rank = other->type.rank - 1 + (o != NULL);
        Dim element[IR_MAX_RANK + 1] = {0};
        memcpy(element + (o != NULL), other->type.dim + 1, sizeof(Dim) * (size_t)(other->type.rank - 1));
        if (e == ELEMENTS_ODD) {
            fail(cx, "elements of a tensor list have different sizes");
            return true;
        }
        if (!o && e == ELEMENTS_VARY) {
            bool before = l->origin->ragged;
            l->origin->ragged = true;
            if (!before) return false;
            fail(cx, "elements of a tensor list have different sizes");
            return true;
        }
        cx->b.region = r[side];
        *a = o ? list_ragged(cx, l, rank, element) : list_zeros(cx, l, rank, element);
        cx->b.region = here;
    }
    const List *l = list_of(cx, *x), *o = list_of(cx, *y);
    if (l && o && l->ragged && o->ragged) len[0] = l->lengths, len[1] = o->lengths;
    return true;
}

static bool branches_fit(Cx *cx, uint32_t i, const Value *x, const Value *y)
{
    if (x->type.dtype == y->type.dtype && x->type.rank == y->type.rank) return true;
    fail(cx, "result %u is %s in one branch and %s in another", i, type_string(cx, &x->type),
         type_string(cx, &y->type));
    return false;
}

/* One of two ranges of branches. */
static void split(Importer *im, Branches *b, Value *pred, uint32_t lo, uint32_t mid, uint32_t hi, Value **out)
{
    Cx *cx = &im->cx;
    Module *m = cx->m;
    const From *from = cx->b.from;
    for (int attempt = 0;; attempt++) {
        Mark mark = mark_here(im);
        Value **x = job_array(cx->job, Value *, 2 * b->nout + 2),
              **y = job_array(cx->job, Value *, 2 * b->nout + 2);
        Region *r[2];
        r[0] = branch_region(im, b, lo, mid, x);
        r[1] = branch_region(im, b, mid, hi, y);
        cx->b.from = from;
        int *lengths = job_array(cx->job, int, b->nout + 1);
        Value **yield[2] = {job_array(cx->job, Value *, 2 * b->nout + 2),
                            job_array(cx->job, Value *, 2 * b->nout + 2)};
        int n = 0;
        bool again = false;
        for (uint32_t i = 0; i < b->nout && !again; i++) {
            Value *len[2] = {0};
            lengths[i] = -1;
            if (!x[i] || !y[i]) continue;
            again = !match_lists(im, r, &x[i], &y[i], len);
            if (again || !x[i] || !y[i] || !branches_fit(cx, i, x[i], y[i])) x[i] = NULL;
            if (!x[i]) continue;
            yield[0][n] = x[i];
            yield[1][n++] = y[i];
            if (len[0]) lengths[i] = n, yield[0][n] = len[0], yield[1][n++] = len[1];
        }
        if (!again) {
            Builder one = {.m = m, .region = r[0], .from = from},
                    two = {.m = m, .region = r[1], .from = from};
            ir_yield(&one, yield[0], n);
            ir_yield(&two, yield[1], n);
            Op *op = ir_if(&cx->b, pred, r[0], r[1]);
            n = 0;
            for (uint32_t i = 0; i < b->nout; i++) {
                const List *l = x[i] ? list_of(cx, x[i]) : NULL;
                out[i] = op && x[i] && y[i] ? op->out[n] : NULL;
                n += x[i] && y[i] ? 1 + (lengths[i] >= 0) : 0;
                if (!l || !out[i]) continue;
                List copy = *l;
                if (lengths[i] >= 0) copy.lengths = op->out[lengths[i]];
                list_note(cx, out[i], &copy);
            }
            return;
        }
        drop_region(m, r[0]);
        drop_region(m, r[1]);
        mark_back(im, &mark);
    }
}

static void choose(Importer *im, Branches *b, uint32_t lo, uint32_t hi, Value **out)
{
    Cx *cx = &im->cx;
    if (hi - lo == 1) {
        b->fn(im, b->arg, b->n == 2 && b->selector->type.dtype == JITC_BOOL ? !lo : lo, out);
        return;
    }
    uint32_t mid = lo + (hi - lo) / 2;
    Value *pred = b->selector;
    if (pred->type.dtype != JITC_BOOL)
        pred = ir_binary(&cx->b, OP_less, pred, ir_const_i(&cx->b, pred->type.dtype, mid));
    if (pred) split(im, b, pred, lo, mid, hi, out);
}

void import_branches(Importer *im, Value *selector, uint32_t nbranches, BranchFn *fn, void *arg,
                     uint32_t nout, Value **out)
{
    Cx *cx = &im->cx;
    Branches b = {fn, arg, nout, nbranches, selector};
    int64_t k;
    bool is_bool = selector->type.dtype == JITC_BOOL;
    if (selector->type.rank) b.selector = selector = ir_reshape(&cx->b, selector, NULL, 0);
    if (!selector) return;
    if (known_scalar(im, selector, &k)) {
        fn(im, arg, is_bool ? k != 0 : k < 0 || k >= nbranches ? nbranches - 1 : (uint32_t)k, out);
        return;
    }
    if (!is_bool && nbranches > 1) { /* one that is too small means the last, too */
        DType t = selector->type.dtype;
        Value *low = ir_binary(&cx->b, OP_less, selector, ir_const_i(&cx->b, t, 0));
        Value *last = ir_const_i(&cx->b, t, nbranches - 1);
        b.selector = low ? ir_v(&cx->b, OP_select, IN(low, last, selector), NO_ATTRS) : NULL;
    }
    if (b.selector) choose(im, &b, 0, nbranches, out);
}
