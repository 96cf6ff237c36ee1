/* Texts of chains: kernels that go through an image in bands of rows together. */
#include "codegen/plan/spec_private.h"

/* A part on the way to its text: a kernel of its own, and which operand of the chain each of its operands is;
 * -1: the image before it. */
typedef struct {
    Op *kernel;
    const Op *anchor; /* in the chain */
    int operand[64];
    KernelSpec spec;
} Part;

typedef struct {
    Module *m;
    Region *body;
    const Value *image; /* the result of the part before */
    Part *part;
    Value **map; /* by value id of the module */
    Value *in[64];
    int nin;
} Splitter;

/* What stands for the chain's value v in the part. */
static Value *in_part(Splitter *s, const Value *v)
{
    if (s->map[v->id]) return s->map[v->id];
    Builder b = {.m = s->m, .region = s->body};
    if (v->def && v->def->code == OP_const) return s->map[v->id] = ir_clone(&b, v->def, NULL)->out[0];
    if ((v->def && v != s->image) || s->nin == (int)COUNT(s->in))
        job_bug(s->m->job, "a part of a chain reads more than the image before it");
    s->part->operand[s->nin] = v->def ? -1 : (int)v->index;
    s->in[s->nin++] = ir_arg(s->m, ir_region(s->m, NULL), v->type, NULL);
    return s->map[v->id] = ir_arg(s->m, s->body, v->type, NULL);
}

/* The ops from `op` on that belong to one contraction; its result is `result`. Returns the next part's first.
 */
static const Op *split(Module *m, const Op *op, const Value *image, const Value *result, Part *part)
{
    Splitter s = {.m = m, .body = ir_region(m, NULL), .image = image, .part = part};
    s.map = job_array(m->job, Value *, m->next_value + 1);
    uint32_t known = m->next_value;
    Builder b = {.m = m, .region = s.body};
    bool contract = false;
    for (; op->next; op = op->next) {
        if (op->def->kind == KIND_CONST) continue;
        if (op->def->kind == KIND_CONTRACT) {
            if (contract) break;
            contract = true;
            part->anchor = op;
        }
        Value **args = job_array(m->job, Value *, op->nin + 1);
        for (int i = 0; i < op->nin; i++) args[i] = in_part(&s, op->in[i]);
        s.map[op->out[0]->id] = ir_clone(&b, op, args)->out[0];
    }
    Value *end = result->id < known ? s.map[result->id] : NULL;
    if (!contract || !end) job_bug(m->job, "a part of a chain has no result");
    ir_yield(&b, &end, 1);
    Builder at = {.m = m, .region = ir_region(m, NULL)};
    part->kernel =
        ir_kernel(&at, s.in, s.nin, attr_i(part->anchor, "groups") > 1 ? "depthwise" : "igemm", s.body);
    return op;
}

/* Rows of the image before the part that `rows` rows of its result need. */
static int64_t rows_before(const Op *conv, int64_t rows)
{
    const Type *w = &conv->in[1]->type;
    return (rows - 1) * attr_v(conv, "strides", NULL)[0] +
           (w->dim[0] - 1) * attr_v(conv, "dilations", NULL)[0] + 1;
}

static int64_t row_bytes(const Value *v)
{
    return v->type.dim[2] * v->type.dim[3] * (int64_t)dtype_size(v->type.dtype);
}

/* Rows of each part's result for a band of the last; returns the bytes between the parts. */
static int64_t band_rows(const Part *part, int n, int64_t band, int64_t *rows)
{
    int64_t bytes = 0;
    rows[n - 1] = band;
    for (int i = n - 1; i > 0; i--) {
        rows[i - 1] = min_i64(rows_before(part[i].anchor, rows[i]), part[i].anchor->in[0]->type.dim[1]);
        bytes += round_up(rows[i - 1] * row_bytes(part[i].anchor->in[0]), 64);
    }
    return bytes;
}

void make_chain(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out)
{
    enum { LEAST_BANDS = 8, LEAST_SHARE = 8, LEAST_THREADS = 2 };
    const Op *op = kernel->body->first, *anchor[CHAIN_PARTS];
    Part *part = job_array(m->job, Part, CHAIN_PARTS);
    int n = 0;
    for (; op; op = op->next) {
        if (op->def->kind != KIND_CONTRACT) continue;
        if (n == CHAIN_PARTS) job_bug(m->job, "a chain of too many parts");
        anchor[n++] = op;
    }
    op = kernel->body->first;
    for (int i = 0; i < n; i++) {
        const Value *result = i + 1 < n ? anchor[i + 1]->in[0] : ir_terminator(kernel->body)->in[0];
        op = split(m, op, i ? anchor[i]->in[0] : NULL, result, &part[i]);
        spec_make(m, part[i].kernel, machine, &part[i].spec);
    }
    const Type *last = &kernel->out[0]->type;
    int64_t oh = last->dim[1], band = ceil_div(oh, LEAST_BANDS), rows[CHAIN_PARTS];
    while (band > 1 && band_rows(part, n, band, rows) > machine->l2 / 4) band--;
    band = ceil_div(oh, ceil_div(oh, band));
    int64_t bytes = band_rows(part, n, band, rows);

    Str s = {0};
    Dim scratch = 0;
    str_put(&s, "#algo=chain\n");
    out->dim[CH_BAND] = band;
    out->ndims = CH_DIMS;
    for (int i = 0; i < n; i++) {
        const KernelSpec *p = &part[i].spec;
        const Value *x = part[i].anchor->in[0], *y = part[i].anchor->out[0];
        int64_t esize = (int64_t)dtype_size(y->type.dtype);
        Dim *d = out->dim + out->ndims;
        d[CP_H] = x->type.dim[1];
        d[CP_OH] = y->type.dim[1];
        d[CP_OW] = y->type.dim[2];
        d[CP_IN] = row_bytes(x) / esize;
        d[CP_OUT] = row_bytes(y) / esize;
        d[CP_ROWS] = i + 1 < n ? rows[i] : 0;
        memcpy(d + CP_DIMS, p->dim, (size_t)p->ndims * sizeof *d);
        if (i && attr_i(part[i].anchor, "groups") > 1) {
            d[CP_DIMS + DW_CHUNK] = depthwise_chunk(p->dim, part[i].anchor->in[1]->type.dim[0], esize);
            d[CP_DIMS + DW_ROWS] = max_i64(rows[i], band);
        }
        out->ndims += CP_DIMS + p->ndims;
        str_printf(&s, "#part %d", p->ndims);
        for (int k = 0; k < p->noperands; k++) str_printf(&s, " %d", part[i].operand[p->operand[k]]);
        str_printf(&s, "\n%s", p->text);
        scratch = dim_max(m, scratch, p->scratch);
    }
    spec_of_parts(m, kernel, &s, out);
    out->units = dim_mul(m, last->dim[0], ceil_div(oh, band));
    out->scratch = dim_add(m, scratch, CHAIN_STATE + CHAIN_CALL + bytes + 64);
    spec_grain(out, 50);
    /* A share computes rows that another one has too: so that they are few, it has many bands; but there is
     * work for every thread. */
    int64_t again = 0;
    for (int i = 1; i < n; i++)
        again = max_i64(
            again, ceil_div(rows_before(part[i].anchor, 1) - 1, attr_v(part[i].anchor, "strides", NULL)[0]));
    int64_t threads = machine->threads ? machine->threads : LEAST_THREADS, bands = ceil_div(oh, band);
    int64_t share = min_i64(ceil_div(LEAST_SHARE * again, band), max_i64(bands / threads, 1));
    out->grain = max_i64(out->grain, max_i64(share, ceil_div(2 * again, band)));
}
