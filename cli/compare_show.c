/* What `jitc compare` prints. */
#include "cli/compare.h"

static void put_tensor_type(Str *s, const Type *t)
{
    put_type(s, t->dtype, t->rank, t->dim);
}

static void put_error(Str *s, const Entry *e, const Difference *d)
{
    if (!d->n && d->wrong)
        str_put(s, "another type or shape");
    else if (!d->n)
        str_put(s, "empty");
    else if (d->wrong && !d->max_abs)
        str_put(s, "NaN or infinity");
    else
        str_printf(s, "%-9.3g %-9.3g", d->max_abs, d->max_rel);
    if (d->max_abs > 0 || d->wrong) {
        str_put(s, "  ");
        if (d->n) put_place(s, &e->want.type, d->at);
    }
    if (d->wrong && d->n)
        str_printf(s, "  %lld of %lld wrong: %.6g, not %.6g", (long long)d->wrong, (long long)d->n, d->got,
                   d->want);
}

static void put_row(Str *s, const Entry *e, const Difference *d, const char *what, int names, int types)
{
    Str type = {0};
    put_tensor_type(&type, &e->want.type);
    put_name(s, e->tensor, names);
    str_printf(s, "  %-*s  %s", types, str_text(&type), what);
    str_free(&type);
    put_error(s, e, d);
    str_put(s, "\n");
}

static void put_inside(Str *s, const Comparison *x)
{
    for (uint32_t i = 0; i < x->entries.n; i++) {
        const Entry *e = &x->entries.at[i];
        if (e->code.done || !e->inside) continue;
        str_put(s, "  ");
        str_escape(s, e->tensor, strlen(e->tensor));
        str_put(s, " is inside the kernel of ");
        str_escape(s, e->inside, strlen(e->inside));
        str_put(s, "\n");
    }
}

void compare_text(Str *s, const Comparison *x)
{
    int names = 6, types = 5;
    for (uint32_t i = 0; i < x->entries.n; i++) {
        const Entry *e = &x->entries.at[i];
        if (!e->code.done && !e->eval.done) continue;
        Str type = {0};
        put_tensor_type(&type, &e->want.type);
        int w = name_width(e->tensor, 48);
        names = w > names ? w : names;
        types = (int)type.n > types ? (int)type.n : types;
        str_free(&type);
    }
    str_printf(s, "%-*s  %-*s  max error of largest  at\n", names, "tensor", types, "type");
    for (uint32_t i = 0; i < x->entries.n; i++) {
        const Entry *e = &x->entries.at[i];
        if (e->eval.done) put_row(s, e, &e->eval, "evaluator: ", names, types);
        if (e->code.done) put_row(s, e, &e->code, "", names, types);
    }
    if (x->first) {
        str_put(s, "first difference: ");
        str_escape(s, x->first->tensor, strlen(x->first->tensor));
        if (x->first->with) {
            str_put(s, ", in a kernel with ");
            str_escape(s, x->first->with, strlen(x->first->with));
        }
        str_put(s, "\n");
    }
    if (x->o->verbose) put_inside(s, x);
    uint32_t right = 0;
    for (uint32_t i = 0; i < x->entries.n; i++)
        right += x->entries.at[i].code.done && !x->entries.at[i].code.wrong;
    str_printf(s, "%u of %u tensors within the tolerance", right, x->compared);
    if (x->inside)
        str_printf(s, "; %u others are inside kernels%s", x->inside,
                   x->o->verbose ? "" : " (--verbose lists them)");
    if (x->loops) str_put(s, "; values inside loops and branches are not compared");
    str_put(s, "\n");
}

static void put_json_difference(Str *s, const char *name, const Difference *d)
{
    str_printf(s, ", \"%s\": ", name);
    if (!d->done) {
        str_put(s, "null");
        return;
    }
    str_printf(s, "{\"elements\": %lld, \"wrong\": %lld, \"max_abs\": ", (long long)d->n,
               (long long)d->wrong);
    put_json_number(s, d->max_abs);
    str_put(s, ", \"max_rel\": ");
    put_json_number(s, d->max_rel);
    str_printf(s, ", \"at\": %lld}", (long long)d->at);
}

void compare_json(Str *s, const Comparison *x)
{
    str_put(s, "{\n  \"model\": ");
    put_json(s, x->m->path);
    str_printf(s, ",\n  \"compared\": %u,\n  \"inside_kernels\": %u,\n  \"wrong\": %u,\n  \"first\": ",
               x->compared, x->inside, x->wrong);
    put_json(s, x->first ? x->first->tensor : "");
    str_put(s, ",\n  \"tensors\": [");
    for (uint32_t i = 0; i < x->entries.n; i++) {
        const Entry *e = &x->entries.at[i];
        str_put(s, i ? ",\n    {\"tensor\": " : "\n    {\"tensor\": ");
        put_json(s, e->tensor);
        str_put(s, ", \"op\": ");
        put_json(s, e->node ? e->node->op : "");
        str_printf(s, ", \"dtype\": \"%s\", \"shape\": ", dtype_name(e->want.type.dtype));
        put_json_dims(s, e->want.type.rank, e->want.type.dim);
        put_json_difference(s, "error", &e->code);
        put_json_difference(s, "evaluator_error", &e->eval);
        str_put(s, ", \"inside\": ");
        if (e->inside)
            put_json(s, e->inside);
        else
            str_put(s, "null");
        str_put(s, "}");
    }
    str_put(s, x->entries.n ? "\n  ]\n}\n" : "]\n}\n");
}
