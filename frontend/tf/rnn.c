/* Recurrent cells, and the LSTM over a sequence. */
#include "frontend/tf/tf.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}
static Value *product(Cx *cx, Value *x, Value *w)
{
    return x && w ? dot(cx, x, w, false, false) : NULL;
}

/* -- LSTM --------------------------------------------------------------------------------------------- */
enum { LSTM_I, LSTM_CS, LSTM_F, LSTM_O, LSTM_CI, LSTM_CO, LSTM_H, LSTM_OUTS };

typedef struct {
    Dim cell;
    bool peephole, ifco;
    double forget_bias, clip;
    Value *wci, *wcf, *wco; /* peepholes */
    Value *wh;              /* [cell, 4 cell] */
    Value *x; /* what the input gives to the gates: [batch, 4 cell], of a sequence [time, …] */
} Lstm;

/* One step from the gates' sums [batch, 4 cell]. */
static bool lstm_step(Cx *cx, const Lstm *l, Value *gates, Value *cs_prev, Value **out)
{
    Value *part[4];
    for (int k = 0; k < 4; k++) part[k] = slice_axis(cx, gates, 1, dim_mul(cx->m, l->cell, k), l->cell);
    Value *i = part[0], *ci = part[l->ifco ? 2 : 1], *f = part[l->ifco ? 1 : 2], *o = part[3];
    if (!i || !ci || !f || !o || !cs_prev) return false;
    DType t = gates->type.dtype;
    if (l->forget_bias != 0) f = bi(cx, OP_add, f, scalar(cx, t, l->forget_bias));
    if (l->peephole) {
        i = bi(cx, OP_add, i, bi(cx, OP_mul, cs_prev, l->wci));
        f = bi(cx, OP_add, f, bi(cx, OP_mul, cs_prev, l->wcf));
    }
    i = un(cx, OP_sigmoid, i);
    f = un(cx, OP_sigmoid, f);
    ci = un(cx, OP_tanh, ci);
    Value *cs = bi(cx, OP_add, bi(cx, OP_mul, ci, i), bi(cx, OP_mul, f, cs_prev));
    if (l->clip > 0 && cs)
        cs = ir_v(&cx->b, OP_clamp, IN(cs, scalar(cx, t, -l->clip), scalar(cx, t, l->clip)), NO_ATTRS);
    if (l->peephole) o = bi(cx, OP_add, o, bi(cx, OP_mul, cs, l->wco));
    o = un(cx, OP_sigmoid, o);
    Value *co = un(cx, OP_tanh, cs), *h = bi(cx, OP_mul, o, co);
    Value *const all[LSTM_OUTS] = {i, cs, f, o, ci, co, h};
    memcpy(out, all, sizeof all);
    return h != NULL;
}

/* The attributes and operands that cell and sequence share; in: cs_prev, h_prev, w, wci, wcf, wco, b */
static bool lstm_operands(Cx *cx, Value *x, Value **in, Lstm *l)
{
    static const char *const names[] = {"cs_prev", "h_prev", "w", "wci", "wcf", "wco", "b"};
    static const int8_t ranks[] = {2, 2, 2, 1, 1, 1, 1};
    l->ifco = cx->op->arg;
    l->forget_bias = get_float(cx, "forget_bias", l->ifco ? 0 : 1);
    l->clip = get_float(cx, "cell_clip", l->ifco ? 0 : 3);
    l->peephole = get_bool(cx, "use_peephole", false);
    if (cx->failed || !need_float(cx, x, "x")) return false;
    for (int k = 0; k < 7; k++) {
        if ((k < 3 || k == 6 || l->peephole) && !need_rank(cx, in[k], names[k], ranks[k], ranks[k]))
            return false;
        if (in[k]->type.dtype == x->type.dtype) continue;
        fail(cx, "%s differs in type from x", names[k]);
        return false;
    }
    Module *m = cx->m;
    l->cell = in[0]->type.dim[1];
    l->wci = in[3];
    l->wcf = in[4];
    l->wco = in[5];
    Dim inputs = x->type.dim[x->type.rank - 1], rows = in[2]->type.dim[0], columns = in[2]->type.dim[1];
    bool fits = dim_add(m, inputs, l->cell) == rows && dim_mul(m, l->cell, 4) == columns &&
                in[6]->type.dim[0] == columns;
    if (!fits) {
        fail(cx, "w %s does not fit x %s and cs_prev %s", type_string(cx, &in[2]->type),
             type_string(cx, &x->type), type_string(cx, &in[0]->type));
        return false;
    }
    Value *wx = slice_axis(cx, in[2], 0, 0, inputs);
    l->wh = slice_axis(cx, in[2], 0, inputs, l->cell);
    Dim n = dims_product(cx, x->type.dim, x->type.rank - 1), dim[3];
    memcpy(dim, x->type.dim, sizeof dim);
    dim[x->type.rank - 1] = columns;
    Value *flat = ir_reshape(&cx->b, x, (Dim[]){n, inputs}, 2);
    Value *sum = bi(cx, OP_add, product(cx, flat, wx), in[6]);
    l->x = sum ? ir_reshape(&cx->b, sum, dim, x->type.rank) : NULL;
    return l->x && l->wh;
}

static void import_lstm_cell(Cx *cx, Value **in, Value **out)
{
    Lstm l;
    if (!need_rank(cx, in[0], "x", 2, 2) || !lstm_operands(cx, in[0], in + 1, &l)) return;
    lstm_step(cx, &l, bi(cx, OP_add, l.x, product(cx, in[2], l.wh)), in[1], out);
}

/* var: h, cs, then a stack for each result */
static bool sequence_step(Cx *cx, const void *arg, Value *t, Value *const *var, Value **next)
{
    const Lstm *l = arg;
    Value *out[LSTM_OUTS], *gates = bi(cx, OP_add, loop_slice(cx, l->x, t), product(cx, var[0], l->wh));
    if (!lstm_step(cx, l, gates, var[1], out)) return false;
    next[0] = out[LSTM_H];
    next[1] = out[LSTM_CS];
    for (int k = 0; k < LSTM_OUTS; k++)
        if (!(next[2 + k] = loop_update(cx, var[2 + k], t, out[k]))) return false;
    return true;
}

static void import_lstm(Cx *cx, Value **in, Value **out)
{
    Lstm l;
    Value *x = in[1];
    if (!need_rank(cx, in[0], "seq_len_max", 0, 0) || !need_rank(cx, x, "x", 3, 3) ||
        !lstm_operands(cx, x, in + 2, &l))
        return;
    Value *limit = ir_cast(&cx->b, in[0], JITC_INT64), *steps = size_value(cx, x->type.dim[0], JITC_INT64);
    limit = checked(cx, limit, bi(cx, OP_less_equal, limit, steps));
    Value *var[2 + LSTM_OUTS] = {in[3], in[2]};
    Dim dim[3] = {x->type.dim[0], x->type.dim[1], l.cell};
    for (int k = 0; k < LSTM_OUTS; k++) var[2 + k] = broadcast(cx, scalar(cx, x->type.dtype, 0), dim, 3);
    if (counted_loop(cx, limit, var, 2 + LSTM_OUTS, sequence_step, &l))
        memcpy(out, var + 2, sizeof(Value *) * LSTM_OUTS);
}

/* -- GRU ---------------------------------------------------------------------------------------------- */
static void import_gru_cell(Cx *cx, Value **in, Value **out)
{
    static const char *const names[] = {"x", "h_prev", "w_ru", "w_c", "b_ru", "b_c"};
    Value *x = in[0], *h = in[1];
    for (int k = 0; k < 6; k++) {
        int rank = k < 4 ? 2 : 1;
        if (!need_rank(cx, in[k], names[k], rank, rank) || !need_float(cx, in[k], names[k])) return;
    }
    Dim cell = h->type.dim[1];
    Value *xh = concat(cx, (Value *[]){x, h}, 2, 1);
    Value *ru = un(cx, OP_sigmoid, bi(cx, OP_add, product(cx, xh, in[2]), in[4]));
    Value *r = slice_axis(cx, ru, 1, 0, cell), *u = slice_axis(cx, ru, 1, cell, cell);
    Value *kept = bi(cx, OP_mul, h, r);
    if (!kept || !u) return;
    Value *c =
        un(cx, OP_tanh, bi(cx, OP_add, product(cx, concat(cx, (Value *[]){x, kept}, 2, 1), in[3]), in[5]));
    Value *rest = bi(cx, OP_sub, scalar(cx, x->type.dtype, 1), u);
    out[0] = r;
    out[1] = u;
    out[2] = c;
    out[3] = bi(cx, OP_add, bi(cx, OP_mul, u, h), bi(cx, OP_mul, rest, c));
}

const TfOp tf_rnn_ops[] = {
    {"LSTMBlockCell", import_lstm_cell, 8, 0, 7, 0},
    {"BlockLSTM", import_lstm, 9, 0, 7, 0},
    {"BlockLSTMV2", import_lstm, 9, 0, 7, 1},
    {"GRUBlockCell", import_gru_cell, 6, 0, 4, 0},
    {0},
};
