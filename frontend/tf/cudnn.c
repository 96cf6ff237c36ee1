/* CudnnRNN: layers of recurrent cells over a sequence, with all weights in one vector.
 *
 * The vector holds the matrices of each layer and direction (those of the input, gate by gate, then those of
 * the state), then in the same order two bias vectors per gate. Gates: lstm i f c o, gru r z n. */
#include "frontend/tf/tf.h"

static Value *un(Cx *cx, OpCode code, Value *x)
{
    return ir_unary(&cx->b, code, x);
}
static Value *bi(Cx *cx, OpCode code, Value *x, Value *y)
{
    return ir_binary(&cx->b, code, x, y);
}

typedef enum { RNN_RELU, RNN_TANH, RNN_LSTM, RNN_GRU } Mode;

typedef struct {
    Mode mode;
    int gates, directions, layers;
    int64_t units, inputs;
    Value *params, *lengths; /* lengths: [batch, 1], or NULL */
    Dim steps, batch;
    DType type;
} Rnn;

/* One layer in one direction, as its loop sees it. */
typedef struct {
    const Rnn *rnn;
    bool backwards;
    Value *x;     /* the input's part of the gates: [time, batch, gates * units] */
    Value *w, *b; /* the state's part: [gates * units, units], [gates * units] */
} Layer;

static Value *gate(Cx *cx, const Rnn *r, Value *sums, int k)
{
    return slice_axis(cx, sums, 1, k * r->units, r->units);
}

static Value *new_state(Cx *cx, const Rnn *r, Value *x, Value *y, Value *h, Value *c, Value **c_next)
{
    Value *one = scalar(cx, r->type, 1), *g[4];
    *c_next = c;
    if (r->mode == RNN_GRU) {
        Value *reset = un(cx, OP_sigmoid, bi(cx, OP_add, gate(cx, r, x, 0), gate(cx, r, y, 0)));
        Value *keep = un(cx, OP_sigmoid, bi(cx, OP_add, gate(cx, r, x, 1), gate(cx, r, y, 1)));
        Value *sum = bi(cx, OP_add, gate(cx, r, x, 2), bi(cx, OP_mul, reset, gate(cx, r, y, 2)));
        Value *fresh = bi(cx, OP_mul, bi(cx, OP_sub, one, keep), un(cx, OP_tanh, sum));
        return bi(cx, OP_add, fresh, bi(cx, OP_mul, keep, h));
    }
    Value *sums = bi(cx, OP_add, x, y);
    if (r->mode != RNN_LSTM) return un(cx, r->mode == RNN_RELU ? OP_relu : OP_tanh, sums);
    for (int k = 0; k < 4; k++) g[k] = un(cx, k == 2 ? OP_tanh : OP_sigmoid, gate(cx, r, sums, k));
    *c_next = bi(cx, OP_add, bi(cx, OP_mul, g[1], c), bi(cx, OP_mul, g[0], g[2]));
    return bi(cx, OP_mul, g[3], un(cx, OP_tanh, *c_next));
}

/* var: h, c, the stack of results. Behind a sequence's end the state stays and results are 0. */
static bool layer_step(Cx *cx, const void *arg, Value *i, Value *const *var, Value **next)
{
    const Layer *l = arg;
    const Rnn *r = l->rnn;
    Value *t = i;
    if (l->backwards) t = bi(cx, OP_sub, size_value(cx, dim_sub(cx->m, r->steps, 1), JITC_INT64), i);
    Value *y = bi(cx, OP_add, dot(cx, var[0], l->w, false, true), l->b), *c;
    Value *h = new_state(cx, r, loop_slice(cx, l->x, t), y, var[0], var[1], &c), *result = h;
    if (r->lengths && h && c) {
        Value *real = bi(cx, OP_less, t, r->lengths);
        result = select3(cx, real, h, scalar(cx, r->type, 0));
        h = select3(cx, real, h, var[0]);
        if (c != var[1]) c = select3(cx, real, c, var[1]);
    }
    next[0] = h;
    next[1] = c;
    next[2] = loop_update(cx, var[2], t, result);
    return h && c && next[2];
}

static Value *weights(Cx *cx, const Rnn *r, int64_t *at, int64_t rows, int64_t columns)
{
    Value *v = slice_axis(cx, r->params, 0, *at, rows * columns);
    *at += rows * columns;
    return v && columns > 1 ? ir_reshape(&cx->b, v, (Dim[]){rows, columns}, 2) : v;
}

/* Row `at` of the states [layers * directions, batch, units] */
static Value *state(Cx *cx, Value *v, int at)
{
    v = slice_axis(cx, v, 0, at, 1);
    return v ? ir_reshape(&cx->b, v, v->type.dim + 1, 2) : NULL;
}

static int64_t matrix_size(const Rnn *r, int layer)
{
    int64_t inputs = layer ? r->units * r->directions : r->inputs;
    return r->gates * r->units * (inputs + r->units);
}

/* x [time, batch, inputs]: the results [time, batch, units]; states: h and c before, then after */
static Value *run_layer(Cx *cx, const Rnn *r, Value *x, int layer, int direction, Value **states)
{
    int64_t rows = r->gates * r->units, inputs = layer ? r->units * r->directions : r->inputs;
    int64_t at = 0, bias = 0;
    for (int k = 0; k < r->layers; k++) bias += matrix_size(r, k) * r->directions;
    for (int k = 0; k < layer; k++) at += matrix_size(r, k) * r->directions;
    at += matrix_size(r, layer) * direction;
    bias += 2 * rows * (layer * r->directions + direction);
    Value *wx = weights(cx, r, &at, rows, inputs), *bx = weights(cx, r, &bias, rows, 1);
    Layer l = {.rnn = r, .backwards = direction == 1};
    l.w = inputs == 1 || wx ? weights(cx, r, &at, rows, r->units) : NULL;
    l.b = weights(cx, r, &bias, rows, 1);
    wx = wx ? ir_reshape(&cx->b, wx, (Dim[]){rows, inputs}, 2) : NULL;
    l.w = l.w ? ir_reshape(&cx->b, l.w, (Dim[]){rows, r->units}, 2) : NULL;
    Value *flat = ir_reshape(&cx->b, x, (Dim[]){dim_mul(cx->m, r->steps, r->batch), inputs}, 2);
    if (!wx || !bx || !l.w || !l.b || !flat) return NULL;
    Value *sums = bi(cx, OP_add, dot(cx, flat, wx, false, true), bx);
    l.x = sums ? ir_reshape(&cx->b, sums, (Dim[]){r->steps, r->batch, rows}, 3) : NULL;
    Dim dim[3] = {r->steps, r->batch, r->units};
    Value *var[3] = {states[0], states[1], broadcast(cx, scalar(cx, r->type, 0), dim, 3)};
    Value *limit = size_value(cx, r->steps, JITC_INT64);
    if (!l.x || !counted_loop(cx, limit, var, 3, layer_step, &l)) return NULL;
    states[0] = var[0];
    states[1] = var[1];
    return var[2];
}

static int known_name(Cx *cx, const char *attr, const char *def, const char *const *names, int n)
{
    const char *name = get_str(cx, attr, def);
    for (int i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0) return i;
    fail(cx, "attribute '%s': '%s' is not known", attr, name);
    return -1;
}

static bool read_attrs(Cx *cx, Rnn *r, bool *skip)
{
    static const char *const modes[] = {"rnn_relu", "rnn_tanh", "lstm", "gru"};
    static const char *const inputs[] = {"linear_input", "skip_input", "auto_select"};
    static const char *const directions[] = {"unidirectional", "bidirectional"};
    static const int8_t gates[] = {1, 1, 4, 3};
    int mode = known_name(cx, "rnn_mode", "lstm", modes, 4);
    int input = known_name(cx, "input_mode", "linear_input", inputs, 3);
    int direction = known_name(cx, "direction", "unidirectional", directions, 2);
    if (get_bool(cx, "is_training", true) && get_float(cx, "dropout", 0) != 0)
        fail(cx, "is_training with dropout is not supported: its numbers are random");
    if (get_int(cx, "num_proj", 0) != 0) fail(cx, "num_proj (a projection of the state) is not supported");
    if (cx->failed) return false;
    *r = (Rnn){.mode = (Mode)mode, .gates = gates[mode], .directions = direction + 1};
    *skip = input != 0;
    if (input != 1) return true;
    fail(cx, "input_mode skip_input is not supported");
    return false;
}

static bool read_sizes(Cx *cx, Rnn *r, const Value *x, const Value *h, const Value *c)
{
    Dim rows = h->type.dim[0], units = h->type.dim[2], inputs = x->type.dim[2], n = r->params->type.dim[0];
    if (r->directions < 1 || !dim_known(rows) || !dim_known(units) || !dim_known(inputs) || rows < 1 ||
        units < 1 || inputs < 1 || rows > 1024 || units > 1 << 20 || inputs > 1 << 20 ||
        rows % r->directions) {
        fail(cx, "input %s, input_h %s: layers, units and inputs must be known", type_string(cx, &x->type),
             type_string(cx, &h->type));
        return false;
    }
    r->layers = (int)rows / r->directions;
    r->units = units;
    r->inputs = inputs;
    r->steps = x->type.dim[0];
    r->batch = x->type.dim[1];
    r->type = x->type.dtype;
    int64_t want = 2 * rows * r->gates * units;
    for (int k = 0; k < r->layers; k++) want += matrix_size(r, k) * r->directions;
    if (dim_known(n) && n != want)
        fail(cx, "params has %lld elements, but must have %lld", (long long)n, (long long)want);
    if (r->mode == RNN_LSTM && !type_equal(&h->type, &c->type))
        fail(cx, "input_h %s and input_c %s differ", type_string(cx, &h->type), type_string(cx, &c->type));
    return !cx->failed;
}

static void import_cudnn(Cx *cx, Value **in, Value **out)
{
    Rnn r;
    bool skip, v3 = cx->op->arg == 3, batch_first = v3 && !get_bool(cx, "time_major", true);
    Value *x = in[0], *h = in[1], *c = in[2];
    if (!read_attrs(cx, &r, &skip) || !need_rank(cx, x, "the input", 3, 3) ||
        !need_float(cx, x, "the input") || !need_rank(cx, h, "input_h", 3, 3) ||
        !need_rank(cx, in[3], "params", 1, 1))
        return;
    bool lstm = r.mode == RNN_LSTM;
    if (lstm && !need_rank(cx, c, "input_c", 3, 3)) return;
    static const int64_t turn[] = {1, 0, 2};
    if (batch_first) {
        x = transpose(cx, x, turn);
        h = transpose(cx, h, turn);
        c = lstm ? transpose(cx, c, turn) : c;
    }
    r.params = in[3];
    if (!x || !h || !c || !read_sizes(cx, &r, x, h, c)) return;
    if (skip && r.inputs == r.units) {
        fail(cx, "input_mode auto_select is not supported for as many inputs as units");
        return;
    }
    if (v3) {
        if (!need_rank(cx, in[4], "sequence_lengths", 1, 1)) return;
        Value *lengths = ir_cast(&cx->b, in[4], JITC_INT64);
        r.lengths = lengths ? ir_reshape(&cx->b, lengths, (Dim[]){r.batch, 1}, 2) : NULL;
    }
    Value **last[2] = {job_array(cx->job, Value *, r.layers * r.directions),
                       job_array(cx->job, Value *, r.layers * r.directions)};
    for (int layer = 0; layer < r.layers; layer++) {
        Value *result[2] = {NULL, NULL};
        for (int d = 0; d < r.directions; d++) {
            int at = layer * r.directions + d;
            Value *states[2] = {state(cx, h, at), NULL};
            states[1] = lstm ? state(cx, c, at) : states[0];
            if (!states[0] || !states[1]) return;
            if (!(result[d] = run_layer(cx, &r, x, layer, d, states))) return;
            for (int k = 0; k < 2; k++)
                if (!(last[k][at] = ir_reshape(&cx->b, states[k], (Dim[]){1, r.batch, r.units}, 3))) return;
        }
        if (!(x = concat(cx, result, (uint32_t)r.directions, 2))) return;
    }
    for (int k = 0; k < 2; k++) out[1 + k] = concat(cx, last[k], (uint32_t)(r.layers * r.directions), 0);
    if (!lstm) out[2] = broadcast(cx, scalar(cx, r.type, 0), in[2]->type.dim, in[2]->type.rank);
    out[0] = x;
    if (batch_first)
        for (int k = 0; k < (lstm ? 3 : 2); k++) out[k] = transpose(cx, out[k], turn);
    out[3] = broadcast(cx, scalar(cx, r.type, 0), (Dim[]){0}, 1);
    if (cx->op->nout == 5) out[4] = broadcast(cx, ir_const_i(&cx->b, JITC_INT8, 0), (Dim[]){0}, 1);
}

const TfOp tf_cudnn_ops[] = {
    {"CudnnRNN", import_cudnn, 4, 0, 4, 1},
    {"CudnnRNNV2", import_cudnn, 4, 0, 5, 2},
    {"CudnnRNNV3", import_cudnn, 5, 0, 5, 3},
    {0},
};
