"""How a golden case is described, built as a frozen graph and answered by TensorFlow.

A case is a small graph of one op, or a few. Its inputs are placeholders x, y, z, …; what a builder calls
const() on becomes Const nodes, as weights are in a frozen graph. The answer comes from TensorFlow, run on the
serialized graph without Grappler, so that a case is exactly what a reader of the file sees.
"""

import os
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # one fixed set of kernels on every machine
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1
raw = tf.raw_ops

# Tolerances: (rtol, atol, of the largest). Every element may be off by rtol * |element| + atol + of the
# largest * |largest finite element of the outputs|.
EXACT = (0, 0, 0)
SUMS = (0, 0, 1e-5)  # sums of products: the order of additions is free
SUMS64 = (0, 0, 1e-12)
MATHS = (1e-5, 1e-6, 0)  # sin, log, …: relative, with slack where a function crosses zero
SMOOTH = (1e-5, 0, 0)  # exp, sqrt, …: relative everywhere
NORMS = (1e-5, 0, 1e-5)
MATHS64 = (1e-12, 1e-12, 0)

CASES = []
_rng = None


class Case:
    def __init__(self, name, build, inputs, tol, dyn, edit, oracle, refused):
        self.name, self.build, self.inputs, self.tol = name, build, inputs, tol
        self.dyn, self.edit, self.oracle, self.refused = dyn, edit, oracle, refused


def case(name, build, *inputs, tol=EXACT, dyn=None, edit=None, oracle=None, refused=None):
    """name: "Op/variant". inputs: arrays or random specs (f, i, …). dyn: "n" leaves the first dimension of every
    input open, "all" every dimension, "rank" even the rank. edit(graph_def) changes the file before it is
    answered; oracle: another builder whose answer holds (where TensorFlow has no CPU kernel). refused: words of
    the error with which loading or the run has to fail, as TensorFlow's does."""
    if any(c.name == name for c in CASES):
        raise ValueError(f"two cases called {name}")
    CASES.append(Case(name, build, inputs, tol, dyn, edit, oracle, refused))


def cases(name, build, *inputs, variants, **kw):
    """One case per entry of variants: {variant: arguments for build's keywords}."""
    for v, args in variants.items():
        case(f"{name}/{v}", lambda *t, args=args: build(*t, **args), *inputs, **kw)


# -- Random data: seeded by the case's name, in sixteenths so that it compresses ---------------------------
def f(*shape, lo=-2, hi=2, dtype=np.float32):
    return lambda: (_rng.integers(lo * 16, hi * 16 + 1, shape) / 16).astype(dtype)


def d(*shape, **kw):
    return f(*shape, dtype=np.float64, **kw)


def i(*shape, lo=-9, hi=9, dtype=np.int32):
    return lambda: _rng.integers(lo, hi + 1, shape).astype(dtype)


def b(*shape):
    return lambda: _rng.integers(0, 2, shape).astype(bool)


def const(data, name=None):
    data = data() if callable(data) else np.asarray(data)
    return tf.constant(data, name=name)


SPECIAL = np.array(
    [
        np.nan,
        np.inf,
        -np.inf,
        -0.0,
        0.0,
        1,
        -1,
        0.5,
        -0.5,
        1.5,
        -1.5,
        2.5,
        -2.5,
        3.5,
        7,
        -7,
        20,
        -20,
        88,
        -88,
        104,
        -104,
        1e-6,
        -1e-6,
        1e-20,
        -1e-20,
        1e20,
        -1e20,
        3e38,
        -3e38,
        8388609,
        -8388609,
        2147483648.0,
        np.nan,
        -0.0,
        np.inf,
        -np.inf,
    ],
    np.float32,
)


# -- Building and answering --------------------------------------------------------------------------------
def _graph(build, arrays, dyn):
    g = tf.Graph()
    with g.as_default():
        feeds = []
        for name, a in zip("xyzuvw", arrays):
            shape = {None: a.shape, "n": (None, *a.shape[1:]), "all": (None,) * a.ndim, "rank": None}[dyn]
            feeds.append(tf1.placeholder(a.dtype, shape, name=name))
        out = build(*feeds)
        names = [t.name for t in tf.nest.flatten(out)]
    return g.as_graph_def(), [t.name for t in feeds], names


def _run(graph_def, feeds, fetches):
    g = tf.Graph()
    with g.as_default():
        tf.import_graph_def(graph_def, name="")
    config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
    with tf1.Session(graph=g, config=config) as s:
        return s.run(fetches, feeds)


def _short(name):
    return name[:-2] if name.endswith(":0") else name


def _refusal(c, graph, feeds, names, arrays):
    try:
        _run(graph, dict(zip(feeds, arrays)), names)
    except tf.errors.OpError:
        words = np.frombuffer(c.refused.encode(), np.uint8)
        members = {"graph": np.frombuffer(graph.SerializeToString(deterministic=True), np.uint8)}
        members.update({f"in/{_short(n)}": a for n, a in zip(feeds, arrays)})
        members.update({f"refused/{_short(n)}": words for n in names})
        return members, (0, 0)
    raise ValueError("TensorFlow computes it")


def answer(c):
    """The case's members in its .npz (the graph's bytes, inputs and outputs by tensor name), rtol and atol."""
    global _rng
    seed = zlib.crc32(c.name.encode())
    _rng = np.random.default_rng(seed)
    arrays = [x() if callable(x) else np.asarray(x) for x in c.inputs]
    graph, feeds, names = _graph(c.build, arrays, c.dyn)
    if c.edit:
        c.edit(graph)
    if c.refused:
        return _refusal(c, graph, feeds, names, arrays)
    if c.oracle:
        _rng = np.random.default_rng(seed)
        arrays = [x() if callable(x) else np.asarray(x) for x in c.inputs]
        other, ofeeds, onames = _graph(c.oracle, arrays, None)
        outs = _run(other, dict(zip(ofeeds, arrays)), onames)
    else:
        outs = _run(graph, dict(zip(feeds, arrays)), names)
    rtol, atol, share = c.tol
    if share:
        finite = [np.abs(o[np.isfinite(o)]) for o in map(np.asarray, outs) if np.asarray(o).dtype.kind in "fc"]
        atol += share * max((float(a.max()) for a in finite if a.size), default=0)
    members = {"graph": np.frombuffer(graph.SerializeToString(deterministic=True), np.uint8)}
    members.update({f"in/{_short(n)}": a for n, a in zip(feeds, arrays)})
    members.update({f"out/{_short(n)}": np.asarray(o) for n, o in zip(names, outs)})
    return members, (rtol, atol)


# -- Editing a graph ---------------------------------------------------------------------------------------
def strip(*attrs):
    """Remove attributes that hold their op's default, as exporters do."""

    def edit(graph):
        for n in graph.node:
            for a in attrs:
                n.attr.pop(a, None)

    return edit


def node(graph, op):
    return next(n for n in graph.node if n.op == op)
