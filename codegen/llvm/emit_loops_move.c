/* Transposition of matrices in memory, by blocks of 8 x 8 elements in registers. */
#include "codegen/llvm/access.h"

enum { SIDE = TRANSPOSE_SIDE };

typedef struct {
    Gen *g;
    DType t;
    Ptr in, out;
    Ival rows, size; /* extent of the dim that is last in the operand; of the result's last dim */
    Ival step;       /* elements of the operand from one to the next along the result's last dim */
    Ival between;    /* units from row to row of a block */
    Ival unit0, unit1;
} Blocks;

/* Three rounds: pairs of elements, of two, of four. The first two stay within 16 bytes of 4-byte elements. */
void transpose_block(Gen *g, Vec *r)
{
    static const int pick[3][2][SIDE] = {{{0, 8, 1, 9, 4, 12, 5, 13}, {2, 10, 3, 11, 6, 14, 7, 15}},
                                         {{0, 1, 8, 9, 4, 5, 12, 13}, {2, 3, 10, 11, 6, 7, 14, 15}},
                                         {{0, 1, 2, 3, 8, 9, 10, 11}, {4, 5, 6, 7, 12, 13, 14, 15}}};
    Vec s[SIDE], t[SIDE];
    for (int i = 0; i < SIDE; i += 2)
        for (int h = 0; h < 2; h++) s[i + h] = v_shuffle(g, r[i], r[i + 1], pick[0][h], SIDE);
    for (int i = 0; i < SIDE; i += 4)
        for (int k = 0; k < 2; k++)
            for (int h = 0; h < 2; h++)
                t[i + 2 * k + h] = v_shuffle(g, s[i + k], s[i + k + 2], pick[1][h], SIDE);
    for (int i = 0; i < SIDE / 2; i++)
        for (int h = 0; h < 2; h++)
            r[i + h * SIDE / 2] = v_shuffle(g, t[i], t[i + SIDE / 2], pick[2][h], SIDE);
}

/* SIDE rows of the result from unit u; `from` is the operand's element of the first. */
static void whole_rows(Blocks *b, Ival u, Ival from)
{
    Gen *g = b->g;
    FOR (g, j, ival(0), b->size, ival(SIDE)) {
        Ival at = i_min(g, j.i, i_sub(g, b->size, ival(SIDE))); /* the last block overlaps the one before */
        Vec r[SIDE];
        for (int i = 0; i < SIDE; i++)
            r[i] = v_load(g, b->in, i_add(g, from, i_mul(g, i_add(g, at, ival(i)), b->step)), b->t, SIDE);
        transpose_block(g, r);
        for (int i = 0; i < SIDE; i++) {
            Ival row = i_mul(g, i_add(g, u, i_mul(g, ival(i), b->between)), b->size);
            v_store(g, b->out, i_add(g, row, at), r[i]);
        }
    }
}

/* One by one: what is left of the units, at the end of the dim or of the share. */
static void part_rows(Blocks *b, Ival u, Ival from, Ival n)
{
    Gen *g = b->g;
    FOR (g, i, ival(0), n, ival(1)) {
        Ival unit = i_add(g, u, i_mul(g, i.i, b->between));
        Cond mine = c_and(g, c_le(g, b->unit0, unit), c_lt(g, unit, b->unit1));
        IF(g, some, mine)
        {
            Ival row = i_mul(g, unit, b->size), start = i_add(g, from, i.i);
            FOR (g, j, ival(0), b->size, ival(1)) {
                Vec v = v_load(g, b->in, i_add(g, start, i_mul(g, j.i, b->step)), b->t, 1);
                v_store(g, b->out, i_add(g, row, j.i), v);
            }
        }
    }
}

static bool small(Dim d)
{
    return dim_known(d) && d < SIDE;
}

bool emit_transpose_kernel(Gen *g, const Kernel *k)
{
    const Op *yield = ir_terminator(k->body), *op = yield->in[0]->def;
    if (yield->nin != 1 || !op || op->code != OP_transpose) return false;
    const Value *arg = op->in[0];
    while (arg->def && arg->def->code == OP_reshape) arg = arg->def->in[0];
    const Type *in = &op->in[0]->type, *out = &op->out[0]->type;
    if (arg->def || in->layout != LAYOUT_PLAIN || out->layout != LAYOUT_PLAIN || in->rank < 2) return false;
    const int64_t *perm = attr_v(op, "perm", NULL);
    int last = out->rank - 1, q = 0;
    while (perm[q] != in->rank - 1) q++;
    if (q == last || small(out->dim[q]) || small(out->dim[last])) return false;
    Eval *e = job_new(k->m->job, Eval);
    Ival stride[IR_MAX_RANK];
    eval_begin(e, g, k);
    ival_strides(e, in, stride);
    Blocks b = {.g = g,
                .t = in->dtype == JITC_BOOL ? JITC_UINT8 : carrier(in->dtype),
                .in = g_ptr(g, (int)arg->index),
                .out = g_ptr(g, k->nin),
                .rows = dim_ival(e, out->dim[q]),
                .size = dim_ival(e, out->dim[last]),
                .step = stride[perm[last]],
                .between = dims_product(e, out, q + 1, last),
                .unit0 = g_unit0(g),
                .unit1 = g_unit1(g)};
    Ival outer_units = ix_mul(e, b.rows, b.between), many = ix_max(e, outer_units, ival(1));
    Ival first = i_div(g, b.unit0, many), end = i_div(g, i_add(g, b.unit1, ix_sub(e, many, ival(1))), many);
    FOR (g, o, first, end, ival(1))
        FOR (g, inner, ival(0), b.between, ival(1)) {
            Ival from = ival(0), rest = o.i;
            for (int d = q - 1; d >= 0; d--) {
                from = i_add(g, from, i_mul(g, i_mod(g, rest, dim_divisor(e, out->dim[d])), stride[perm[d]]));
                rest = i_div(g, rest, dim_divisor(e, out->dim[d]));
            }
            rest = inner.i;
            for (int d = last - 1; d > q; d--) {
                from = i_add(g, from, i_mul(g, i_mod(g, rest, dim_divisor(e, out->dim[d])), stride[perm[d]]));
                rest = i_div(g, rest, dim_divisor(e, out->dim[d]));
            }
            Ival u0 = i_add(g, i_mul(g, o.i, outer_units), inner.i);
            FOR (g, row, ival(0), b.rows, ival(SIDE)) {
                Ival u = i_add(g, u0, i_mul(g, row.i, b.between)),
                     n = i_min(g, ival(SIDE), i_sub(g, b.rows, row.i));
                Ival top = i_add(g, u, i_mul(g, ival(SIDE - 1), b.between));
                Cond whole =
                    c_and(g, c_eq(g, n, ival(SIDE)), c_and(g, c_le(g, b.unit0, u), c_lt(g, top, b.unit1)));
                whole = c_and(g, whole, c_le(g, ival(SIDE), b.size));
                IF(g, all, whole) whole_rows(&b, u, i_add(g, from, row.i));
                IF(g, part, c_not(g, whole)) part_rows(&b, u, i_add(g, from, row.i), n);
            }
        }
    return true;
}
