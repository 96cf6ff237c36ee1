/* Texts of attention: two products with a softmax between them, by blocks of rows. */
#include "codegen/plan/spec_private.h"

typedef struct {
    Op *scores, *softmax, *sum; /* the two products */
    Dim keys, queries;
    int64_t depth, width, block;
} Attention;

/* A part on the way to its text: a kernel of its own, for one block. */
typedef struct {
    Module *m;
    Region *body;
    Value *in[64];
    int operand[64], nin; /* of the attention */
    KernelSpec spec;
} Part;

static Attention attention_of(Module *m, const Op *kernel)
{
    Attention a = {0};
    ir_each_op (op, kernel->body) {
        if (op->def->kind == KIND_ROW) a.softmax = op;
        if (op->def->kind == KIND_CONTRACT && !a.scores)
            a.scores = op;
        else if (op->def->kind == KIND_CONTRACT)
            a.sum = op;
    }
    if (!a.softmax || !a.sum) job_bug(m->job, "an attention without products or softmax");
    const Type *q = &a.scores->in[0]->type, *t = &a.softmax->in[0]->type, *y = &a.sum->out[0]->type;
    a.queries = t->dim[t->rank - 2];
    a.keys = t->dim[t->rank - 1];
    a.depth = q->dim[q->rank - 1];
    a.width = y->dim[y->rank - 1];
    return a;
}

/* So many rows that their scores, and what the products gather of them, stay in the second-level cache beside
 * the packed keys and values, which each block reads. */
static int64_t block_rows(const Attention *a, const Machine *machine)
{
    enum { TILE = TILE_WIDE_ROWS, MOST_BLOCK = 11 * TILE };
    int64_t row = (2 * max_i64(guess(a->keys), 1) + a->depth) * (int64_t)sizeof(float);
    int64_t rows = max_i64(min_i64(machine->l2 / 4 / row, MOST_BLOCK) / TILE, 1) * TILE;
    if (!dim_known(a->queries)) return rows;
    int64_t all = max_i64(a->queries, 1);
    return round_rows(ceil_div(all, ceil_div(all, rows)), all, TILE_PANELS);
}

/* -- Distances ---------------------------------------------------------------------------------------- */
/* Elements from one to the next along each dim: batch, head, row, column. There is nothing to go along a dim
 * of size 1. */
typedef struct {
    Dim along[4];
} Strides;

/* Of a tensor whose dims are the products' last ones; perm, not NULL: dim i is theirs number perm[i]. */
static Strides tensor_strides(Module *m, const Type *t, int rank, const int64_t *perm)
{
    static const int heads[] = {0, 1, 2, 3}, no_heads[] = {0, 2, 3};
    Strides s = {{0}};
    Dim n = 1;
    for (int d = t->rank; d-- > 0;) {
        int64_t of = perm ? perm[d] : d + rank - t->rank;
        s.along[rank == 4 ? heads[of] : no_heads[of]] = t->dim[d] == 1 ? 0 : n;
        n = dim_mul(m, n, t->dim[d]);
    }
    return s;
}

/* Of what the kernel reads as v, an operand or a transpose of one. */
static Strides operand_strides(Module *m, const Value *v)
{
    int64_t back[IR_MAX_RANK];
    if (!v->def || v->def->code != OP_transpose) return tensor_strides(m, &v->type, v->type.rank, NULL);
    const int64_t *perm = attr_v(v->def, "perm", NULL);
    for (int d = 0; d < v->type.rank; d++) back[perm[d]] = d;
    return tensor_strides(m, &v->def->in[0]->type, v->type.rank, back);
}

static Strides result_strides(Module *m, const Op *kernel, const Attention *a)
{
    const Op *after = ir_terminator(kernel->body)->in[0]->def;
    return tensor_strides(m, &kernel->out[0]->type, a->sum->out[0]->type.rank,
                          after->code == OP_transpose ? attr_v(after, "perm", NULL) : NULL);
}

/* -- Parts -------------------------------------------------------------------------------------------- */
static void part_begin(Part *p, Module *m)
{
    *p = (Part){.m = m, .body = ir_region(m, NULL)};
}

/* operand: of the attention; -1: what the part before has left in scratch. */
static Value *part_arg(Part *p, Type t, int operand)
{
    p->operand[p->nin] = operand;
    p->in[p->nin++] = ir_arg(p->m, ir_region(p->m, NULL), t, NULL);
    return ir_arg(p->m, p->body, t, NULL);
}

static void part_end(Part *p, Value *result, const char *algo, const Machine *machine)
{
    Builder b = {.m = p->m, .region = p->body}, at = {.m = p->m, .region = ir_region(p->m, NULL)};
    ir_yield(&b, &result, 1);
    spec_make(p->m, ir_kernel(&at, p->in, p->nin, algo, p->body), machine, &p->spec);
}

static Value *same_map(Builder *b, const Op *op, Value *const *in)
{
    AttrArg attrs[IR_MAX_ATTRS];
    int n = 0;
    for (; n < IR_MAX_ATTRS && op->def->attrs[n].name; n++)
        attrs[n] = (AttrArg){op->def->attrs[n].name, op->attrs[n]};
    return ir_v(b, op->code, in, op->nin, attrs, n);
}

/* What the elementwise ops read besides scores: of each matrix a number, a row, or all of it. */
static Type mask_type(const Attention *a, const Type *t)
{
    Type full = type_make(JITC_FLOAT32, 2, (Dim[]){a->block, a->keys});
    if (t->rank > 1 && t->dim[t->rank - 2] != 1) return full;
    bool row = t->rank && t->dim[t->rank - 1] != 1;
    return row ? type_make(JITC_FLOAT32, 1, &a->keys) : type_scalar(JITC_FLOAT32);
}

static void make_scores(Part *p, const Attention *a, const Machine *machine)
{
    Module *m = p->m;
    Builder b = {.m = m, .region = p->body};
    Type keys = type_make(JITC_FLOAT32, 2, (Dim[]){a->depth, a->keys});
    keys.layout = LAYOUT_PANEL;
    Value *q = part_arg(p, type_make(JITC_FLOAT32, 2, (Dim[]){a->block, a->depth}), 0),
          *k = part_arg(p, keys, 1);
    Value **known = job_array(m->job, Value *, m->next_value + 1), *x = ir_v(&b, OP_dot, IN(q, k), NO_ATTRS);
    known[a->scores->out[0]->id] = x;
    for (const Op *op = a->scores->next; op && op != a->softmax; op = op->next) {
        if (op->def->kind != KIND_MAP) continue;
        Value *in[MAP_MAX_IN];
        for (int i = 0; i < op->nin; i++) {
            const Value *v = op->in[i];
            if (!known[v->id]) known[v->id] = part_arg(p, mask_type(a, &v->type), (int)v->index);
            in[i] = known[v->id];
        }
        known[op->out[0]->id] = x = same_map(&b, op, in);
    }
    part_end(p, x, "igemm", machine);
}

static void make_softmax(Part *p, const Attention *a, const Machine *machine)
{
    Builder b = {.m = p->m, .region = p->body};
    Value *x = part_arg(p, type_make(JITC_FLOAT32, 2, (Dim[]){a->block, a->keys}), -1);
    part_end(p, ir_v(&b, OP_softmax, IN(x), NO_ATTRS), "row", machine);
}

static void make_sum(Part *p, const Attention *a, const Machine *machine)
{
    Builder b = {.m = p->m, .region = p->body};
    Type values = type_make(JITC_FLOAT32, 2, (Dim[]){a->keys, a->width});
    values.layout = LAYOUT_PANEL;
    Value *x = part_arg(p, type_make(JITC_FLOAT32, 2, (Dim[]){a->block, a->keys}), -1),
          *v = part_arg(p, values, 2);
    part_end(p, ir_v(&b, OP_dot, IN(x, v), NO_ATTRS), "igemm", machine);
}

/* -- The kernel --------------------------------------------------------------------------------------- */
static void put_strides(KernelSpec *out, const Strides *s, int row)
{
    Dim *d = out->dim + out->ndims;
    d[AS_BATCH] = s->along[0];
    d[AS_HEAD] = s->along[1];
    d[AS_ROW] = s->along[row];
    out->ndims += AS_DIMS;
}

static void put_part(Str *s, KernelSpec *out, const Part *p)
{
    str_printf(s, "#part %d", p->spec.ndims);
    for (int k = 0; k < p->spec.noperands; k++) str_printf(s, " %d", p->operand[p->spec.operand[k]]);
    str_printf(s, "\n%s", p->spec.text);
    if (out->ndims + p->spec.ndims > SPEC_MAX_DIMS) job_bug(p->m->job, "an attention of too many sizes");
    memcpy(out->dim + out->ndims, p->spec.dim, (size_t)p->spec.ndims * sizeof *out->dim);
    out->ndims += p->spec.ndims;
}

void make_attention(Module *m, const Op *kernel, const Machine *machine, KernelSpec *out)
{
    Attention a = attention_of(m, kernel);
    a.block = block_rows(&a, machine);
    const Value *keys = a.scores->in[1]->def->in[0];
    Strides q = operand_strides(m, a.scores->in[0]), k = operand_strides(m, keys),
            v = operand_strides(m, a.sum->in[1]->def->in[0]), y = result_strides(m, kernel, &a);
    bool by_key = k.along[2] == 1; /* a key's elements lie side by side; else one element of all keys */
    Part *part = job_array(m->job, Part, ATTENTION_PARTS);
    for (int i = 0; i < ATTENTION_PARTS; i++) part_begin(&part[i], m);
    make_scores(&part[0], &a, machine);
    make_softmax(&part[1], &a, machine);
    make_sum(&part[2], &a, machine);
    part[0].spec.dim[IG_XW] = q.along[2];
    part[2].spec.dim[IG_OS] = y.along[2];

    const Type *t = &a.softmax->in[0]->type;
    Dim heads = t->rank == 4 ? t->dim[1] : 1, blocks = dim_ceildiv(m, a.queries, a.block);
    out->dim[AT_HEADS] = heads;
    out->dim[AT_QUERIES] = a.queries;
    out->dim[AT_BLOCK] = a.block;
    out->dim[AT_KEYS] = a.keys;
    out->dim[AT_DEPTH] = a.depth;
    out->dim[AT_WIDTH] = a.width;
    out->ndims = AT_DIMS;
    for (int i = 0; i < kernel->nin; i++) {
        const Value *arg = kernel->body->args[i];
        Strides mask = tensor_strides(m, &arg->type, t->rank, NULL);
        put_strides(out, i == 0 ? &q : i == 1 ? &k : i == 2 ? &v : &mask, i == 1 && by_key ? 3 : 2);
    }
    put_strides(out, &y, 2);
    Str s = {0};
    Dim scratch = 0;
    str_printf(&s, "#algo=attention bykey=%d\n", by_key);
    for (int i = 0; i < ATTENTION_PARTS; i++) {
        put_part(&s, out, &part[i]);
        scratch = dim_max(m, scratch, part[i].spec.scratch);
    }
    spec_of_parts(m, kernel, &s, out);
    out->units = dim_mul(m, rows_of(m, t, t->rank - 2), blocks);
    Dim panels = dim_add(m, dim_mul(m, dim_mul(m, dim_ceildiv(m, a.keys, PANEL), PANEL), a.depth),
                         dim_mul(m, a.keys, round_up(a.width, PANEL)));
    Dim scores = dim_mul(m, dim_ceildiv(m, dim_mul(m, a.keys, a.block), PANEL), PANEL);
    Dim between = dim_mul(m, dim_add(m, panels, scores), (int64_t)sizeof(float));
    out->scratch = dim_add(m, dim_add(m, scratch, between), CHAIN_STATE + CHAIN_CALL + 64);
    spec_grain(out, 50);
    /* Blocks of one head use the same keys and values. */
    if (dim_known(out->units) && dim_known(blocks))
        out->grain = max_i64(out->grain, machine_share(machine, out->units, blocks));
}
