"""TensorFlow's operators one by one, with the types that they take. One row per operator; add new ones here."""

import inspect

import numpy as np
import tensorflow as tf

from .generator import ALL, COMPLEX, FLOATS, INTS, JUMP, KEEP, NUMBERS, ROUND, SIGNED, Pattern, is_float, sizes

raw = tf.raw_ops
OPS = []
SIGNED_NUMBERS = FLOATS + SIGNED


def row(name, make, dtypes=FLOATS, exact=ROUND, weight=1, **more):
    OPS.append(Pattern(make, weight, dtypes=tuple(dtypes), exact=exact, name=name, **{"least_rank": 0, **more}))


def unary(name, dtypes=FLOATS, exact=ROUND, weight=1, pre=None, **more):
    f = getattr(raw, name)
    first = next(iter(inspect.signature(f).parameters))
    row(name, lambda g, x: (lambda x: f(**{first: pre(x) if pre else x})), dtypes, exact, weight, **more)


# -- Elementwise, one operand -------------------------------------------------------------------------------
unary("Abs", SIGNED_NUMBERS, KEEP)
unary("Neg", SIGNED_NUMBERS, KEEP)
unary("Sign", SIGNED_NUMBERS, JUMP)
unary("Square", FLOATS + (tf.int32, tf.int64))
unary("Sqrt", pre=tf.abs)
unary("Rsqrt", pre=lambda x: tf.abs(x) + tf.cast(0.5, x.dtype))
unary("Reciprocal", pre=lambda x: tf.abs(x) + tf.cast(0.5, x.dtype))
unary("Exp", pre=lambda x: tf.minimum(x, tf.cast(3, x.dtype)))
unary("Expm1", pre=lambda x: tf.minimum(x, tf.cast(3, x.dtype)))
unary("Log", pre=lambda x: tf.abs(x) + tf.cast(0.5, x.dtype))
unary("Log1p", pre=tf.abs)
for name in ("Tanh", "Sigmoid", "Sin", "Cos", "Erf", "Erfc", "Atan", "Asinh", "Softplus", "Softsign", "Elu", "Selu"):
    unary(name)
for name in ("Sinh", "Cosh", "Tan"):
    unary(name, pre=lambda x: tf.clip_by_value(x, tf.cast(-1.2, x.dtype), tf.cast(1.2, x.dtype)))
for name in ("Acos", "Asin", "Atanh", "Erfinv", "Ndtri"):
    unary(name, FLOATS[:2] if name in ("Erfinv", "Ndtri") else FLOATS,
          pre=(lambda x: tf.sigmoid(x) * tf.cast(0.98, x.dtype) + tf.cast(0.01, x.dtype)) if name == "Ndtri" else (lambda x: tf.tanh(x) * tf.cast(0.9, x.dtype)))
unary("Acosh", pre=lambda x: tf.abs(x) + tf.cast(1.5, x.dtype))
for name in ("Lgamma", "Digamma"):
    unary(name, FLOATS[:2], pre=lambda x: tf.abs(x) + tf.cast(0.5, x.dtype))
for name in ("Floor", "Ceil", "Round", "Rint"):
    unary(name, FLOATS, JUMP)
unary("Relu", NUMBERS, KEEP, 2)
unary("Relu6", NUMBERS, KEEP)
for name in ("IsNan", "IsInf", "IsFinite"):
    unary(name, FLOATS, JUMP)
unary("LogicalNot", (tf.bool,), KEEP)
unary("Invert", INTS, KEEP)
unary("PopulationCount", INTS, KEEP)
row("LeakyRelu", lambda g, x: (lambda x, a=g.r.choice([0.2, 0.01, 1.5, -0.3]): raw.LeakyRelu(features=x, alpha=a)))
row("ZerosLike", lambda g, x: tf.zeros_like, ALL, KEEP, 0.3)
row("OnesLike", lambda g, x: (lambda x: raw.OnesLike(x=x)), ALL, KEEP, 0.3)
row("Conj", lambda g, x: tf.math.conj, COMPLEX, KEEP, 3)
row("Real", lambda g, x: tf.math.real, COMPLEX, KEEP, 3)
row("Imag", lambda g, x: tf.math.imag, COMPLEX, KEEP, 3)
row("ComplexAbs", lambda g, x: tf.abs, COMPLEX, ROUND, 2)
row("Angle", lambda g, x: tf.math.angle, COMPLEX, ROUND)
row("Complex", lambda g, x: (lambda x: tf.complex(x, tf.negative(x))), FLOATS[:2], KEEP, 0.5)


def cast(g, x):
    to = g.r.choice(ALL)
    if is_float(x.dtype) and not is_float(to):  # out of range is undefined
        low, high = (0, 100) if to == tf.bool or to.is_unsigned else (-100, 100)
        return lambda x: tf.cast(tf.clip_by_value(x, tf.cast(low, x.dtype), tf.cast(high, x.dtype)), to)
    return lambda x: tf.cast(x, to)


row("Cast", lambda g, x: cast(g, x), [t for t in ALL if not is_float(t)], KEEP, 4)
row("CastFloat", lambda g, x: cast(g, x), FLOATS, JUMP, 3, special=False)
row("CastUp", lambda g, x: (lambda x, t=g.r.choice(FLOATS): tf.cast(x, t)), FLOATS, ROUND, 2)


# -- Elementwise, two operands: with another value, or with a constant -------------------------------------------
def other(g, x, positive=False):
    """A value that broadcasts with x, or a constant of such a shape."""
    if not positive and g.r.random() < 0.5:
        return g.r.choice(g.like(x, True))
    shape = [n if g.r.random() < 0.6 else 1 for n in x.shape][g.r.randint(0, len(x.shape)):]
    a = g.array(shape, x.dtype, least=1, most=8) if positive else g.array(shape, x.dtype)
    return tf.constant(np.abs(a) + np.asarray(0.5).astype(a.dtype) if positive and is_float(x.dtype) else a, x.dtype)


def binary(name, dtypes, exact, weight=1, positive=False, second=None, **more):
    f = getattr(raw, name) if isinstance(name, str) else name

    def make(g, x):
        y = second(g, x) if second else other(g, x, positive)
        swap = g.r.random() < 0.3 and not positive and not second
        if isinstance(y, int):
            return (lambda a, b: f(x=b, y=a) if swap else f(x=a, y=b)), y
        y = tf.get_static_value(y)
        return lambda a: f(x=y, y=a) if swap else f(x=a, y=y)
    row(name, make, dtypes, exact, weight, **more)


for name in ("AddV2", "Sub", "Mul"):
    binary(name, NUMBERS + COMPLEX[:1], ROUND, 3)
for name in ("Maximum", "Minimum"):
    binary(name, NUMBERS, KEEP, 1.5)
binary("SquaredDifference", FLOATS + (tf.int32, tf.int64), ROUND)
binary("RealDiv", FLOATS, ROUND, 2, positive=True)
binary("DivNoNan", FLOATS, ROUND, 1, positive=True)
binary("FloorDiv", NUMBERS, JUMP, 1, positive=True)
binary("FloorMod", NUMBERS[:2] + SIGNED, JUMP, 1, positive=True)
binary("TruncateDiv", INTS, JUMP, 1, positive=True)
binary("TruncateMod", (tf.int32, tf.int64), JUMP, 1, positive=True)
binary("Atan2", FLOATS, ROUND)
for name in ("Less", "LessEqual", "Greater", "GreaterEqual"):
    binary(name, NUMBERS, JUMP, 1)
binary("Equal", ALL, JUMP)
binary("NotEqual", ALL, JUMP)
for name in ("LogicalAnd", "LogicalOr"):
    binary(name, (tf.bool,), KEEP, 2)
for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
    binary(name, INTS, KEEP)
for name in ("LeftShift", "RightShift"):
    binary(name, INTS, KEEP, 0.7, second=lambda g, x: tf.constant(g.array((), x.dtype, 0, 7), x.dtype))
row("Pow", lambda g, x: (lambda x, p=g.r.choice([0.5, 2, 1.7, -1, 3]):
                         tf.pow(tf.abs(x) + tf.cast(0.3, x.dtype), tf.cast(p, x.dtype))), FLOATS)
row("Xdivy", lambda g, x: (lambda x: raw.Xdivy(x=x, y=tf.abs(x) + tf.cast(1, x.dtype))), FLOATS)
row("Xlogy", lambda g, x: (lambda x: raw.Xlogy(x=x, y=tf.abs(x) + tf.cast(1, x.dtype))), FLOATS)


def select(g, x):
    k, flip = g.r.choice(g.like(x, True)), g.r.random() < 0.5
    pred = g.array([n if g.r.random() < 0.7 else 1 for n in x.shape], tf.bool)
    return (lambda a, b: tf.where(pred, b, a) if flip else tf.where(pred, a, b)), k


def select_data(g, x):
    preds = [i for i, v in enumerate(g.values) if v.dtype == tf.bool]
    return ((lambda x, p: raw.SelectV2(condition=p, t=x, e=-x)), g.r.choice(preds)) if preds else None


row("SelectV2", select, ALL + COMPLEX, KEEP, 1.5)
row("SelectV2 of data", select_data, SIGNED_NUMBERS, KEEP, 2)
row("ClipByValue", lambda g, x: (lambda x: raw.ClipByValue(t=x, clip_value_min=tf.cast(1, x.dtype),
                                                          clip_value_max=tf.cast(3, x.dtype))), NUMBERS, KEEP)
row("AddN", lambda g, x: ((lambda *xs: tf.add_n(xs)), *[g.r.choice(g.like(x)) for _ in range(g.r.randint(0, 3))]),
    NUMBERS, ROUND)


# -- Reductions and scans ----------------------------------------------------------------------------------------
def reduction(f):
    def make(g, x):
        axes = g.r.sample(range(len(x.shape)), g.r.randint(0 if g.r.random() < 0.1 else 1, len(x.shape)))
        axes, keep = [a - len(x.shape) if g.r.random() < 0.3 else a for a in axes], g.r.random() < 0.5
        return lambda x: f(x, axes, keepdims=keep)
    return make


def product(g, x):
    """Of so few elements that no order of multiplications gets out of range."""
    make = reduction(tf.reduce_prod)
    return make(g, x) if not is_float(x.dtype) or x.shape.num_elements() <= (64 if x.dtype.size > 2 else 6) else None


for name, f, dtypes, exact in (("Sum", tf.reduce_sum, NUMBERS + COMPLEX[:1], ROUND), ("Max", tf.reduce_max, NUMBERS, KEEP),
                               ("Min", tf.reduce_min, NUMBERS, KEEP), ("Mean", tf.reduce_mean, FLOATS + SIGNED, ROUND),
                               ("All", tf.reduce_all, (tf.bool,), KEEP),
                               ("Any", tf.reduce_any, (tf.bool,), KEEP)):
    row(name, reduction(f), dtypes, exact, 1.5 if len(dtypes) > 1 else 3, least_rank=1)
row("Prod", product, NUMBERS, ROUND, 1.5, least_rank=1)
row("EuclideanNorm", reduction(tf.math.reduce_euclidean_norm), FLOATS, ROUND, least_rank=1)
for name in ("ArgMax", "ArgMin"):
    row(name, lambda g, x, f=getattr(raw, name): (
        lambda x, a=g.r.randrange(len(x.shape)), t=g.r.choice([tf.int32, tf.int64]): f(input=x, dimension=a,
                                                                                      output_type=t)),
        NUMBERS, JUMP, 1, least_rank=1)
for name in ("Cumsum", "Cumprod"):
    row(name, lambda g, x, f=getattr(raw, name): (
        lambda x, a=g.r.randrange(len(x.shape)), e=g.r.random() < 0.3, r=g.r.random() < 0.3: f(
            x=x, axis=a, exclusive=e, reverse=r)), NUMBERS, ROUND, 1, least_rank=1)
row("CumulativeLogsumexp", lambda g, x: (lambda x: tf.math.cumulative_logsumexp(x, len(x.shape) - 1)), FLOATS,
    least_rank=1)
row("Softmax", lambda g, x: tf.nn.softmax, FLOATS, least_rank=1)
row("LogSoftmax", lambda g, x: tf.nn.log_softmax, FLOATS, least_rank=1)
row("LogSumExp", lambda g, x: (lambda x: tf.reduce_logsumexp(x, -1)), FLOATS, least_rank=1)


# -- Moves: any type ---------------------------------------------------------------------------------------------
ANY = ALL + COMPLEX


def move(name, make, weight=1.0, least=1, dtypes=ANY, **more):
    row(name, make, dtypes, KEEP, weight, least_rank=least, **more)


def reshape(g, x):
    n, shape = x.shape.num_elements(), []
    while n > 1 and len(shape) < 4:
        d = g.r.choice([d for d in range(1, n + 1) if n % d == 0])
        shape.append(d)
        n //= d
    shape.append(n)
    if x.shape.num_elements() and g.r.random() < 0.5:
        shape[g.r.randrange(len(shape))] = -1
    return lambda x: tf.reshape(x, shape)


def slices(g, x):
    begin = [g.r.randint(0, n) for n in x.shape]
    size = [g.r.choice([-1, g.r.randint(0, n - b)]) for n, b in zip(x.shape, begin)]
    return lambda x: tf.slice(x, begin, size)


def strided_slice(g, x):
    index = []
    for n in x.shape:
        a, b = g.r.randint(-n - 1, n + 1), g.r.randint(-n - 1, n + 1)
        index.append(g.r.choice([slice(None), slice(a, b), slice(a, None, 2), slice(None, b, -1), slice(None, None, 3)]))
        if n and g.r.random() < 0.15:
            index[-1] = g.r.randrange(-n, n)
    if g.r.random() < 0.15:
        index[g.r.randrange(len(index))] = Ellipsis
    if g.r.random() < 0.15:
        index.insert(g.r.randint(0, len(index)), tf.newaxis)
    return lambda x: x[tuple(index)]


def pad(g, x):
    p = [[g.r.choice([0, 0, 1, 2]), g.r.choice([0, 0, 1, 3])] for _ in x.shape]
    value = g.array((), x.dtype)
    return (lambda x: tf.pad(x, p)) if g.r.random() < 0.5 or x.dtype == tf.bool else \
        lambda x: raw.PadV2(input=x, paddings=p, constant_values=value)


def mirror(g, x):
    mode = g.r.choice(["REFLECT", "SYMMETRIC"])
    p = [[g.r.randint(0, max(n - 1, 0)), g.r.randint(0, max(n - 1, 0))] for n in x.shape]
    return lambda x: tf.pad(x, p, mode)


def concat(g, x):
    axis = g.r.randrange(len(x.shape))
    fit = [i for i, v in enumerate(g.values) if v.dtype == x.dtype and len(v.shape) == len(x.shape) and
           all(a == b for d, (a, b) in enumerate(zip(v.shape, x.shape)) if d != axis)]
    others = [g.r.choice(fit) for _ in range(g.r.randint(1, 3))]
    return (lambda *xs: tf.concat(xs, axis)), *others


def gather(g, x):
    axis = g.r.randrange(len(x.shape))
    if not x.shape[axis]:
        return None
    batch = g.r.randint(0, axis) if g.r.random() < 0.2 else 0
    shape = [*x.shape[:batch], *g.r.choice([(), (3,), (2, 5), (0,), (1,)])]
    index = g.np.integers(0, x.shape[axis], shape).astype(g.r.choice(["i4", "i8"]))
    return lambda x: tf.gather(x, index, axis=axis, batch_dims=batch)


def gather_nd(g, x):
    depth = g.r.randint(0, len(x.shape))
    if not all(x.shape[:depth]):
        return None
    rows = g.r.choice([(), (3,), (2, 2)])
    index = np.stack([g.np.integers(0, n, rows) for n in x.shape[:depth]], -1) if depth else np.zeros((*rows, 0))
    return lambda x: tf.gather_nd(x, index.astype("i4"))


def split(g, x):
    axis = g.r.randrange(len(x.shape))
    n = g.r.choice([d for d in range(1, 6) if x.shape[axis] % d == 0])
    k = g.r.randrange(n)
    return lambda x: tf.split(x, n, axis)[k]


def split_v(g, x):
    axis = g.r.randrange(len(x.shape))
    n = x.shape[axis]
    a = g.r.randint(0, n)
    k = g.r.randrange(2)
    return lambda x: tf.split(x, [a, n - a], axis)[k]


def unstack(g, x):
    axis = g.r.randrange(len(x.shape))
    if not 1 <= x.shape[axis] <= 6:
        return None
    k, n = g.r.randrange(x.shape[axis]), x.shape[axis]
    return lambda x: raw.Unpack(value=x, num=n, axis=axis)[k]


def reverse_sequence(g, x):
    if len(x.shape) < 2:
        return None
    seq, batch = g.r.sample(range(len(x.shape)), 2)
    lengths = g.np.integers(0, x.shape[seq] + 1, x.shape[batch]).astype("i4")
    return lambda x: tf.reverse_sequence(x, lengths, seq, batch)


def space_batch(g, x):
    if len(x.shape) < 3:
        return None
    b = [g.r.randint(1, 3) for _ in x.shape[1:-1]]
    p = [[g.r.randint(0, 2), 0] for _ in b]
    for i, n in enumerate(x.shape[1:-1]):
        p[i][1] = -(n + p[i][0]) % b[i]
    return lambda x: tf.space_to_batch(x, b, p)


def broadcast_to(g, x):
    shape = [g.r.randint(0, 4) if n == 1 else n for n in x.shape]
    shape = [g.r.randint(1, 3) for _ in range(g.r.choice([0, 0, 1]))] + shape
    return lambda x: tf.broadcast_to(x, shape)


move("Transpose", lambda g, x: (lambda x, p=g.r.sample(range(len(x.shape)), len(x.shape)): tf.transpose(x, p)), 3)
move("Reshape", reshape, 3, 0)
move("Slice", slices, 2)
move("StridedSlice", strided_slice, 3)
move("Pad", pad, 1.5)
move("MirrorPad", mirror)
move("Concat", concat, 2.5)
move("Gather", gather, 2)
move("GatherNd", gather_nd)
move("Split", split, 1.5)
move("SplitV", split_v)
move("Unpack", unstack)
move("Pack", lambda g, x: ((lambda *xs, a=g.r.randint(0, len(x.shape)): tf.stack(xs, a)), g.r.choice(g.like(x))), 1.5, 0)
move("Tile", lambda g, x: (lambda x, m=[g.r.choice([0, 1, 1, 2, 3]) for _ in x.shape]: tf.tile(x, m)))
move("Reverse", lambda g, x: (
    lambda x, a=g.r.sample(range(len(x.shape)), g.r.randint(0, len(x.shape))): tf.reverse(x, a)))
move("ReverseSequence", reverse_sequence)
move("ExpandDims", lambda g, x: (lambda x, a=g.r.randint(-len(x.shape) - 1, len(x.shape)): tf.expand_dims(x, a)), 1, 0)
move("Squeeze", lambda g, x: (lambda x, a=[d for d, n in enumerate(x.shape) if n == 1]: tf.squeeze(x, a)), 1, 0)
move("BroadcastTo", broadcast_to, 1, 0)
move("Roll", lambda g, x: (lambda x, a=g.r.randrange(len(x.shape)), s=g.r.randint(-5, 5): tf.roll(x, s, a)))
move("SpaceToBatchND", space_batch)
move("Fill", lambda g, x: (lambda x, v=g.array((), x.dtype): tf.fill(sizes(x), v)), 0.5)
move("MatrixDiag", lambda g, x: tf.linalg.diag, 0.5)
move("MatrixDiagPart", lambda g, x: tf.linalg.diag_part if len(x.shape) > 1 else None, 0.5)
move("MatrixBandPart", lambda g, x: (lambda x, a=g.r.randint(-1, 3), b=g.r.randint(-1, 3): tf.linalg.band_part(x, a, b))
     if len(x.shape) > 1 else None, 0.5)
move("OneHot", lambda g, x: (lambda x: tf.one_hot(x, 5, axis=-1)), 1.5, 0, (tf.int32, tf.int64, tf.uint8))
move("Bitcast", lambda g, x: (lambda x, t={4: tf.int32, 8: tf.int64, 2: tf.uint16, 1: tf.uint8}[x.dtype.size]:
                              tf.bitcast(x, t)), 0.5, 0, INTS)
move("Shape", lambda g, x: (lambda x: tf.shape(x)), 1, 0)
move("Size", lambda g, x: (lambda x: tf.size(x)), 0.5, 0)
move("Rank", lambda g, x: (lambda x: tf.rank(x)), 0.3, 0)
move("DiagPart", lambda g, x: (lambda x: raw.DiagPart(input=tf.linalg.diag(x))) if len(x.shape) == 1 else None, 0.3,
     dtypes=(tf.float32, tf.int32))

# -- Sorting, selecting and scattering ---------------------------------------------------------------------------
row("TopKV2", lambda g, x: (lambda x, k=g.r.randint(0, x.shape[-1]), i=g.r.randrange(2): tf.math.top_k(x, k)[i]),
    NUMBERS, JUMP, 1.5, least_rank=1, special=False)
row("Sort", lambda g, x: (lambda x, d=g.r.choice(["ASCENDING", "DESCENDING"]): tf.sort(x, -1, d)), FLOATS + SIGNED, KEEP,
    1, least_rank=1, special=False)
row("Where", lambda g, x: tf.where, (tf.bool,), JUMP, 3, least_rank=1)
row("Unique", lambda g, x: (lambda x, k=g.r.randrange(2): tf.unique(tf.reshape(x, [-1]))[k]), SIGNED, JUMP, 1, least_rank=1)
row("BooleanMask", lambda g, x: (lambda x, m=g.array((x.shape[0],), tf.bool): tf.boolean_mask(x, m)), ANY, KEEP, 1,
    least_rank=1)


def segments(name, f, dtypes, exact):
    def make(g, x):
        n = g.r.randint(1, 5)
        ids = g.np.integers(-1, n, x.shape[0]).astype("i4")
        return lambda x: f(x, ids, n)
    row(name, make, dtypes, exact, 0.7, least_rank=1)


segments("UnsortedSegmentSum", tf.math.unsorted_segment_sum, NUMBERS, ROUND)
segments("UnsortedSegmentMax", tf.math.unsorted_segment_max, NUMBERS, KEEP)


def scatter(g, x):
    n = g.r.randint(1, 6)
    index = g.np.integers(0, n, (x.shape[0], 1)).astype("i4")
    return lambda x: tf.scatter_nd(index, x, [n, *sizes(x)[1:]])


def tensor_scatter(f):
    def make(g, x):
        if not x.shape[0]:
            return None
        index = g.r.sample(range(x.shape[0]), g.r.randint(0, x.shape[0]))
        updates = g.array((len(index), *x.shape[1:]), x.dtype)
        return lambda x: f(x, np.reshape(index, (-1, 1)).astype("i4"), updates)
    return make


row("ScatterNd", scatter, NUMBERS, ROUND, 0.7, least_rank=1)
row("TensorScatterUpdate", tensor_scatter(tf.tensor_scatter_nd_update), ALL, KEEP, 0.7, least_rank=1)
row("TensorScatterAdd", tensor_scatter(tf.tensor_scatter_nd_add), NUMBERS, ROUND, 0.7, least_rank=1)


# -- Products ----------------------------------------------------------------------------------------------------
def matmul(g, x):
    ta, tb = g.r.random() < 0.3, g.r.random() < 0.3
    k, n = x.shape[-2 if ta else -1], g.r.choice([0, 1, 3, 8, 17])
    w = g.array([*x.shape[:-2], *((n, k) if tb else (k, n))], x.dtype)
    if is_float(x.dtype):
        w = (w / np.asarray(max(k, 1) ** 0.5)).astype(w.dtype)
    return lambda x: tf.matmul(x, w, ta, tb)


row("BatchMatMulV2", matmul, FLOATS + (tf.int32, tf.int64) + COMPLEX, ROUND, 2, least_rank=2)
row("Einsum", lambda g, x: (lambda x: tf.einsum("...ij,...kj->...ik", x, x)), FLOATS[:2] + (tf.int32,), ROUND, 1,
    least_rank=2)
row("FakeQuant", lambda g, x: (lambda x, b=g.r.choice([8, 4, 16]), n=g.r.random() < 0.5:
                               tf.quantization.fake_quant_with_min_max_args(x, -2.7, 3.1, b, n)),
    (tf.float32,), JUMP, 0.5, special=False)


# -- Convolution and pooling in three dimensions, other resizes --------------------------------------------------
def conv3d(g, x):
    k, s, pad = [g.r.choice([1, 2, 3]) for _ in range(3)], g.r.choice([1, 1, 2]), g.r.choice(["SAME", "VALID"])
    w = g.array([*k, x.shape[-1], g.r.choice([1, 3, 8])], x.dtype)
    w = (w / np.asarray(max(np.prod(w.shape[:-1]), 1) ** 0.5)).astype(w.dtype)
    return lambda x: tf.nn.conv3d(x, w, [1, s, s, s, 1], pad)


def pool3d(g, x):
    k, s, pad = g.r.choice([1, 2, 3]), g.r.choice([1, 2]), g.r.choice(["SAME", "VALID"])
    f = g.r.choice([tf.nn.max_pool3d, tf.nn.avg_pool3d])
    return lambda x: f(x, k, s, pad)


def resize(g, x):
    size, op = [g.r.randint(1, 12), g.r.randint(1, 12)], g.r.choice([raw.ResizeBicubic, raw.ResizeArea, raw.ResizeBilinear])
    mode = {"align_corners": g.r.random() < 0.4}
    if op is not raw.ResizeArea and not mode["align_corners"] and g.r.random() < 0.5:
        mode["half_pixel_centers"] = True
    return lambda x: op(images=x, size=size, **mode)


row("Conv3D", conv3d, FLOATS[:2], ROUND, 2, rank=5, special=False)
row("Pool3D", pool3d, FLOATS[:1], ROUND, 2, rank=5, special=False)
row("Resize", resize, FLOATS[:2] + (tf.uint8, tf.int32), ROUND, 1, rank=4, special=False)
move("As five", lambda g, x: (lambda x: tf.expand_dims(x, 1)) if len(x.shape) == 4 else None, 1, 4, FLOATS[:1])


# -- Linear algebra: of matrices that are far from singular --------------------------------------------------------
def definite(x):
    n = tf.shape(x)[-2]
    return tf.matmul(x, x, adjoint_b=True) + tf.cast(3, x.dtype) * tf.eye(n, dtype=x.dtype)


def linalg(name, f, weight=0.5):
    row(name, lambda g, x: (lambda x: f(definite(x))) if max(x.shape[-2:]) <= 12 else None, FLOATS[:2], ROUND, weight,
        least_rank=2, special=False)


linalg("Cholesky", tf.linalg.cholesky)
linalg("MatrixInverse", tf.linalg.inv)
linalg("MatrixDeterminant", lambda x: tf.math.log(tf.linalg.det(x)))
linalg("MatrixSolve", lambda x: tf.linalg.solve(x, x[..., :1]))
linalg("MatrixTriangularSolve", lambda x: tf.linalg.triangular_solve(x, x))


# -- Segments, boxes, counts, quantised numbers ----------------------------------------------------------------------
def sorted_segments(g, x):
    ids = np.sort(g.np.integers(0, 5, x.shape[0])).astype("i4")
    f = g.r.choice([tf.math.segment_sum, tf.math.segment_max, tf.math.segment_min])
    return lambda x: f(x, ids)


def boxes(g, x):
    n, least = x.shape[0], g.r.choice([0.3, 0.5, 0.8])
    box = np.sort(g.np.random((n, 2, 2)), 1).reshape(n, 4).astype("f")
    return lambda x: tf.image.non_max_suppression(box, x, 5, least)


def quantised(g, x):
    low, high, t = -g.r.uniform(0.5, 3), g.r.uniform(0.5, 3), g.r.choice([tf.quint8, tf.qint8])

    def step(x):
        q = tf.quantization.quantize(x, low, high, t, round_mode="HALF_AWAY_FROM_ZERO")
        return tf.quantization.dequantize(q.output, q.output_min, q.output_max)
    return step


row("SegmentSum", sorted_segments, NUMBERS, ROUND, 1, least_rank=1, special=False)
row("NonMaxSuppressionV3", boxes, FLOATS[:1], JUMP, 2, rank=1, special=False)
row("Quantize", quantised, FLOATS[:1], JUMP, 1, special=False)
row("Bincount", lambda g, x: (lambda x: tf.math.bincount(tf.reshape(tf.abs(x), [-1]), minlength=10, maxlength=10)),
    (tf.int32,), JUMP, 1, least_rank=1)
row("SearchSorted", lambda g, x: (lambda x: tf.searchsorted(np.array([-3, 0, 1, 2, 7], x.dtype.as_numpy_dtype),
                                                             tf.reshape(x, [-1]))), SIGNED[2:] + FLOATS[:2], JUMP, 1, special=False)
row("UniqueWithCounts", lambda g, x: (lambda x, k=g.r.randrange(3): tf.unique_with_counts(tf.reshape(x, [-1]))[k]), SIGNED,
    JUMP, 1, least_rank=1)
