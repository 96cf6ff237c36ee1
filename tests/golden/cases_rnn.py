"""Recurrent cells and sequences."""

import numpy as np
import tensorflow as tf
from cases_conv import HALF, I32, via
from golden import NORMS, case, const, f, raw

OUTS = ("i", "cs", "f", "o", "ci", "co", "h")


def lstm_weights(inputs, cell, dtype=np.float32):
    w = dict(w=f(inputs + cell, 4 * cell, lo=-1, hi=1), b=f(4 * cell))
    w.update({k: f(cell) for k in ("wci", "wcf", "wco")})
    return {k: const(v().astype(dtype)) for k, v in w.items()}


# -- One step ----------------------------------------------------------------------------------------------
def lstm_cell(x, cs, h, **kw):
    r = raw.LSTMBlockCell(x=x, cs_prev=cs, h_prev=h, **lstm_weights(3, 5, x.dtype.as_numpy_dtype), **kw)
    return list(r)


STATE = (f(2, 3), f(2, 5), f(2, 5))
for name, kw in {
    "plain": {},
    "peephole": dict(use_peephole=True),
    "clip": dict(cell_clip=0.5),
    "no_clip": dict(cell_clip=-1.0),
    "forget_bias": dict(forget_bias=0.25, use_peephole=True),
}.items():
    case(f"LSTMBlockCell/{name}", lambda *a, kw=kw: lstm_cell(*a, **kw), *STATE, tol=NORMS)
case("LSTMBlockCell/open_n", lstm_cell, *STATE, tol=NORMS, dyn="n")
case("LSTMBlockCell/f16", via(tf.float16, lstm_cell), *STATE, tol=HALF)


def gru_cell(x, h):
    return list(
        raw.GRUBlockCell(
            x=x, h_prev=h, w_ru=const(f(8, 10)), w_c=const(f(8, 5)), b_ru=const(f(10)), b_c=const(f(5))
        )
    )


case("GRUBlockCell/plain", gru_cell, f(2, 3), f(2, 5), tol=NORMS)
case("GRUBlockCell/open_n", gru_cell, f(4, 3), f(4, 5), tol=NORMS, dyn="n")


# -- Sequences ---------------------------------------------------------------------------------------------
def lstm(x, cs, h, op="BlockLSTM", steps=4, outs=7, **kw):
    steps = steps if tf.is_tensor(steps) else const(np.int64(steps))
    w = lstm_weights(3, 5, x.dtype.as_numpy_dtype)
    r = getattr(raw, op)(seq_len_max=steps, x=x, cs_prev=cs, h_prev=h, **w, **kw)
    return [r.cs, r.h] if outs == 2 else list(r)[-outs:]


SEQUENCE = (f(4, 2, 3), f(2, 5), f(2, 5))
for op in ("BlockLSTM", "BlockLSTMV2"):
    for name, kw in {
        "plain": {},
        "peephole": dict(use_peephole=True),
        "clip": dict(cell_clip=0.5),
        "short": dict(steps=2, outs=2),
        "none": dict(steps=0, outs=2),
        "last_only": dict(outs=1),
    }.items():
        case(f"{op}/{name}", lambda *a, op=op, kw=kw: lstm(*a, op=op, **kw), *SEQUENCE, tol=NORMS)
case("BlockLSTM/forget_bias", lambda *a: lstm(*a, forget_bias=0.25), *SEQUENCE, tol=NORMS)
case("BlockLSTM/length_fed", lambda x, c, h, n: lstm(x, c, h, steps=n, outs=2), *SEQUENCE, np.array(3), tol=NORMS)
case("BlockLSTM/f16", via(tf.float16, lstm), *SEQUENCE, tol=HALF)


# -- CudnnRNN: there is no TensorFlow for it without a GPU; the oracle is the equations --------------------
GATES = dict(rnn_relu=1, rnn_tanh=1, lstm=4, gru=3)


def cudnn_size(mode, inputs, units, layers, directions):
    g, n = GATES[mode], 0
    for k in range(layers):
        n += directions * g * units * ((inputs if k == 0 else units * directions) + units + 2)
    return n


def cudnn_model(x, h, c, params, lengths=None, mode="lstm", units=3, layers=1, directions=1):
    """Step by step, in NumPy."""
    g, at, blocks = GATES[mode], 0, []
    steps, batch, inputs = x.shape
    sig = lambda v: 1 / (1 + np.exp(-v))
    for k in range(layers):
        for _ in range(directions):
            n = inputs if k == 0 else units * directions
            w = params[at : at + g * units * n].reshape(g, units, n)
            at += w.size
            r = params[at : at + g * units * units].reshape(g, units, units)
            at += r.size
            blocks.append([w, r])
    for b in blocks:
        for _ in range(2):
            b.append(params[at : at + g * units].reshape(g, units))
            at += g * units
    lengths = np.full(batch, steps) if lengths is None else lengths
    h, c = h.astype(float), c.astype(float)
    for k in range(layers):
        ys = []
        for d in range(directions):
            row = k * directions + d
            w, r, bw, br = blocks[row]
            y = np.zeros((steps, batch, units))
            for n in range(batch):
                order = range(lengths[n]) if d == 0 else range(lengths[n] - 1, -1, -1)
                for t in order:
                    a = [w[q] @ x[t, n] + bw[q] for q in range(g)]
                    s = [r[q] @ h[row, n] + br[q] for q in range(g)]
                    if mode == "lstm":
                        i, f_, z, o = sig(a[0] + s[0]), sig(a[1] + s[1]), np.tanh(a[2] + s[2]), sig(a[3] + s[3])
                        c[row, n] = f_ * c[row, n] + i * z
                        h[row, n] = o * np.tanh(c[row, n])
                    elif mode == "gru":
                        reset, keep = sig(a[0] + s[0]), sig(a[1] + s[1])
                        h[row, n] = (1 - keep) * np.tanh(a[2] + reset * s[2]) + keep * h[row, n]
                    else:
                        v = a[0] + s[0]
                        h[row, n] = np.maximum(v, 0) if mode == "rnn_relu" else np.tanh(v)
                    y[t, n] = h[row, n]
            ys.append(y)
        x = np.concatenate(ys, 2)
    return x, h, c


def cudnn(name, op="CudnnRNN", mode="lstm", layers=1, directions=1, batch_first=False, lengths=None, dyn=None):
    units, inputs, steps, batch = 3, 2, 4, 2
    rows = layers * directions
    turn = lambda v: tf.transpose(v, [1, 0, 2]) if batch_first else v

    def build(x, h, c):
        kw = dict(rnn_mode=mode, direction="bidirectional" if directions == 2 else "unidirectional")
        if op == "CudnnRNNV3":
            kw.update(sequence_lengths=I32(*(lengths or [steps] * batch)), time_major=not batch_first)
        params = const(f(cudnn_size(mode, inputs, units, layers, directions), lo=-1, hi=1))
        r = getattr(raw, op)(input=x, input_h=h, input_c=c, params=params, is_training=False, **kw)
        return list(r)[: 3 if mode == "lstm" else 2]

    def oracle(x, h, c):
        params = f(cudnn_size(mode, inputs, units, layers, directions), lo=-1, hi=1)()
        outs = tf.numpy_function(
            lambda x, h, c: [
                v.astype(np.float32)
                for v in cudnn_model(x, h, c, params, lengths, mode, units, layers, directions)
            ],
            [turn(x), turn(h), turn(c)],
            [tf.float32] * 3,
        )
        return [turn(v) for v in outs][: 3 if mode == "lstm" else 2]

    shape = lambda a, b, n: f(b, a, n) if batch_first else f(a, b, n)
    state = lambda: shape(rows, batch, units)
    case(f"{op}/{name}", build, shape(steps, batch, inputs), state(), state(), tol=NORMS, oracle=oracle, dyn=dyn)


for mode in GATES:
    cudnn(mode, mode=mode)
    cudnn(f"{mode}_deep", "CudnnRNNV2", mode, layers=2, directions=2)
    cudnn(f"{mode}_lengths", "CudnnRNNV3", mode, directions=2, lengths=[2, 4])
cudnn("batch_first", "CudnnRNNV3", "lstm", layers=2, batch_first=True, lengths=[3, 4])
cudnn("layers", "CudnnRNNV3", "gru", layers=3)


# -- Cells of plain ops: products whose result is cut into gates ---------------------------------------------
def split_lstm(x, h, c, units, inputs, peephole=False, last=lambda h, c: [h, c]):
    w, b = const(f(inputs + units, 4 * units, lo=-1, hi=1)), const(f(4 * units))
    p = const(f(units))
    for _ in range(2):
        i, j, k, o = tf.split(raw.BiasAdd(value=raw.MatMul(a=tf.concat([x, h], 1), b=w), bias=b), 4, 1)
        k = k + 1.0 + (c * p if peephole else 0.0)
        c = c * tf.sigmoid(k) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o + c * p if peephole else o)
    return last(h, c)


def split_gru(x, h, units, inputs, after):
    w, u = const(f(inputs, 3 * units, lo=-1, hi=1)), const(f(units, 3 * units, lo=-1, hi=1))
    b, v = const(f(3 * units)), const(f(units, units, lo=-1, hi=1))
    for _ in range(2):
        s = tf.split(raw.MatMul(a=x, b=w) + b, 3, 1)
        if after:
            r = tf.split(raw.MatMul(a=h, b=u) + b, 3, 1)
            z, n = tf.sigmoid(s[0] + r[0]), tf.tanh(s[2] + tf.sigmoid(s[1] + r[1]) * r[2])
        else:
            z, r = tf.split(tf.sigmoid(raw.MatMul(a=tf.concat([x, h], 1), b=const(f(inputs + units, 2 * units)))), 2, 1)
            n = tf.tanh(s[2] + raw.MatMul(a=r * h, b=v))
        h = z * h + (1.0 - z) * n
    return h


for name, n, units, inputs, kw in (
    ("cell_lstm", 1, 32, 12, {}),
    ("cell_lstm_odd", 3, 21, 5, dict(peephole=True)),
    ("cell_lstm_wide", 2, 272, 8, dict(last=lambda h, c: [h])),
):
    cell = lambda *a, units=units, inputs=inputs, kw=kw: split_lstm(*a, units, inputs, **kw)
    for v, dyn in (("", None), ("_open", "n")):
        case(f"MatMul/{name}{v}", cell, f(n, inputs), f(n, units), f(n, units), tol=NORMS, dyn=dyn)
for name, n, units, inputs, after in (("gru", 1, 20, 6, False), ("gru_after", 5, 32, 6, True)):
    cell = lambda *a, units=units, inputs=inputs, after=after: split_gru(*a, units, inputs, after)
    for v, dyn in (("", None), ("_open", "n")):
        case(f"MatMul/cell_{name}{v}", cell, f(n, inputs), f(n, units), tol=NORMS, dyn=dyn)
