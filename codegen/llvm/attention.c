/* Attention: for each head the keys and the values are packed in panels, in scratch; then block after block
 * of queries goes through three functions: the product with the keys gives scores, which stay in scratch, the
 * softmax works on those in place, and the product with the values gives the result's rows. */
#include "codegen/llvm/emit.h"
#include "codegen/llvm/part_call.h"
#include "codegen/plan/spec.h"

enum { QUERIES, KEYS, VALUES };

typedef struct {
    Gen *g;
    const Kernel *k;
    PartCall call;
    int strides, part[ATTENTION_PARTS]; /* where their dims begin */
    Ival batch, head, row;              /* of the unit */
    Ptr keys, values, scores;
} Attention;

static Ival stride(Attention *c, int operand, int which)
{
    return part_dim(c->g, c->strides + operand * AS_DIMS + which);
}

/* Where operand i, or the result, begins for this head, and from row `row` on. */
static Ptr operand_at(Attention *c, int i, Ival row)
{
    Gen *g = c->g;
    Ival at = i_add(g, i_mul(g, c->batch, stride(c, i, AS_BATCH)), i_mul(g, c->head, stride(c, i, AS_HEAD)));
    return p_at(g, g_ptr(g, i), i_add(g, at, i_mul(g, row, stride(c, i, AS_ROW))), JITC_FLOAT32);
}

/* -- Panels ------------------------------------------------------------------------------------------- */
/* A matrix of k rows of n outputs, `pitch` elements apart. */
static void pack_rows(Gen *g, Ptr from, Ival pitch, Ival k, Ival n, Ptr to)
{
    FOR (g, at, ival(0), n, ival(PANEL)) {
        Ptr panel = p_at(g, to, i_mul(g, at.i, k), JITC_FLOAT32), x = p_at(g, from, at.i, JITC_FLOAT32);
        Ival rest = i_sub(g, n, at.i);
        Cond whole = c_le(g, ival(PANEL), rest);
        IF(g, all, whole)
        FOR (g, i, ival(0), k, ival(1))
            v_store(g, panel, i_mul(g, i.i, ival(PANEL)),
                    v_load(g, x, i_mul(g, i.i, pitch), JITC_FLOAT32, PANEL));
        IF(g, some, c_not(g, whole))
        {
            Vec mask = v_first(g, rest);
            FOR (g, i, ival(0), k, ival(1))
                v_store(g, panel, i_mul(g, i.i, ival(PANEL)),
                        v_load_n(g, x, i_mul(g, i.i, pitch), JITC_FLOAT32, mask));
        }
    }
}

/* The same of a matrix that lies transposed: n rows of k elements, k >= TRANSPOSE_SIDE. The products do not
 * store what comes of outputs behind the last, so that one stands there. */
static void pack_columns(Gen *g, Ptr from, Ival pitch, Ival k, Ival n, Ptr to)
{
    enum { SIDE = TRANSPOSE_SIDE };
    FOR (g, at, ival(0), n, ival(SIDE)) {
        Ptr panel = p_at(g, to,
                         i_add(g, i_mul(g, i_div(g, at.i, ival(PANEL)), i_mul(g, k, ival(PANEL))),
                               i_mod(g, at.i, ival(PANEL))),
                         JITC_FLOAT32);
        Ival row[SIDE];
        for (int i = 0; i < SIDE; i++)
            row[i] = i_mul(g, i_min(g, i_add(g, at.i, ival(i)), i_sub(g, n, ival(1))), pitch);
        FOR (g, j, ival(0), k, ival(SIDE)) {
            Ival first = i_min(g, j.i, i_sub(g, k, ival(SIDE))); /* the last block overlaps the one before */
            Vec r[SIDE];
            for (int i = 0; i < SIDE; i++)
                r[i] = v_load(g, from, i_add(g, row[i], first), JITC_FLOAT32, SIDE);
            transpose_block(g, r);
            for (int i = 0; i < SIDE; i++)
                v_store(g, panel, i_mul(g, i_add(g, first, ival(i)), ival(PANEL)), r[i]);
        }
    }
}

static void pack(Attention *c)
{
    Gen *g = c->g;
    Ival keys = part_dim(g, AT_KEYS), depth = part_dim(g, AT_DEPTH);
    (c->k->bykey ? pack_columns : pack_rows)(g, operand_at(c, KEYS, ival(0)), stride(c, KEYS, AS_ROW), depth,
                                             keys, c->keys);
    pack_rows(g, operand_at(c, VALUES, ival(0)), stride(c, VALUES, AS_ROW), keys, part_dim(g, AT_WIDTH),
              c->values);
}

/* -- Parts -------------------------------------------------------------------------------------------- */
/* Part i for so many rows. */
static void compute(Attention *c, int i, Ival rows)
{
    const KernelPart *p = &c->k->part[i];
    part_dims(&c->call, p, c->part[i]);
    for (int k = 0; k < p->kernel->nin; k++) {
        int from = p->operand[k];
        part_ptr(&c->call, k,
                 from < 0         ? c->scores
                 : from == KEYS   ? c->keys
                 : from == VALUES ? c->values
                                  : operand_at(c, from, c->row));
    }
    bool last = i + 1 == ATTENTION_PARTS;
    part_ptr(&c->call, p->kernel->nin, last ? operand_at(c, c->k->nin, c->row) : c->scores);
    bool rows_are_units = strcmp(p->kernel->algo, "igemm") != 0;
    part_call(&c->call, p, rows_are_units ? rows : part_igemm_rows(&c->call, c->part[i], rows));
}

static void setup(Attention *c)
{
    Gen *g = c->g;
    int at = AT_DIMS + (c->k->nin + 1) * AS_DIMS;
    c->strides = AT_DIMS;
    if (c->k->nparts != ATTENTION_PARTS) g_fail(g, "an attention of other parts");
    for (int i = 0; i < ATTENTION_PARTS; i++) {
        c->part[i] = at;
        at += c->k->part[i].ndims;
    }
    Ival keys = part_dim(g, AT_KEYS), panel = ival(PANEL);
    Ival for_keys = i_mul(g, i_mul(g, part_ceil(g, keys, panel), panel), part_dim(g, AT_DEPTH)),
         for_values = i_mul(g, i_mul(g, part_ceil(g, part_dim(g, AT_WIDTH), panel), panel), keys),
         for_scores = i_mul(g, part_ceil(g, i_mul(g, keys, part_dim(g, AT_BLOCK)), panel), panel);
    c->keys = part_tables(g, &c->call, p_bytes(g, g_scratch(g), ival(CHAIN_STATE)));
    c->values = p_at(g, c->keys, for_keys, JITC_FLOAT32);
    c->scores = p_at(g, c->values, for_values, JITC_FLOAT32);
    c->call.scratch = p_at(g, c->scores, for_scores, JITC_FLOAT32);
}

void emit_attention(Gen *g, const Kernel *k)
{
    Attention *c = job_new(g_job(g), Attention);
    c->g = g;
    c->k = k;
    setup(c);
    Ival queries = part_dim(g, AT_QUERIES), block = part_dim(g, AT_BLOCK), heads = part_dim(g, AT_HEADS),
         blocks = part_ceil(g, queries, block);
    i_store(g, g_scratch(g), ival(0), JITC_INT64, ival(-1)); /* the head whose panels scratch holds */
    FOR (g, u, g_unit0(g), g_unit1(g), ival(1)) {
        Ival which = i_div(g, u.i, blocks);
        c->row = i_mul(g, i_mod(g, u.i, blocks), block);
        c->batch = i_div(g, which, heads);
        c->head = i_mod(g, which, heads);
        IF(g, other, c_not(g, c_eq(g, i_load(g, g_scratch(g), ival(0), JITC_INT64), which)))
        {
            pack(c);
            i_store(g, g_scratch(g), ival(0), JITC_INT64, which);
        }
        Ival rows = i_min(g, block, i_sub(g, queries, c->row));
        for (int i = 0; i < ATTENTION_PARTS; i++) compute(c, i, rows);
    }
}
