"""Patterns that networks are made of: (generator, sample value) -> step, or (step, number of another value, ...), or
None when there is no fitting one. A step is a function of tensors that builds TensorFlow ops, eagerly or in a graph.
They work on float32; other types are the table's (ops.py). To add one, write it and give it a weight below."""

import numpy as np
import tensorflow as tf

from .generator import CHANNELS, Pattern, sizes

ACTIVATIONS = [tf.nn.relu, tf.nn.relu6, tf.nn.elu, tf.nn.selu, tf.nn.leaky_relu, tf.nn.swish, tf.nn.softplus,
               tf.tanh, tf.sigmoid, tf.nn.gelu, lambda x: tf.nn.gelu(x, approximate=True), tf.nn.softsign,
               lambda x: x * tf.nn.relu6(x + 3) / 6, lambda x: x * tf.tanh(tf.nn.softplus(x)), tf.identity]
MAPS = ACTIVATIONS + [tf.abs, tf.negative, tf.square, tf.sin, tf.cos, tf.math.erf, tf.math.expm1, tf.atan,
                      lambda x: tf.exp(tf.minimum(x, 3.0)), lambda x: tf.math.rsqrt(tf.abs(x) + 0.5),
                      lambda x: tf.math.log1p(tf.abs(x)), lambda x: tf.sqrt(tf.abs(x)), tf.asinh,
                      lambda x: tf.clip_by_value(x, -0.7, 0.9), lambda x: tf.pow(tf.abs(x) + 0.1, 1.7),
                      lambda x: tf.where(x > 0.31, x, 0.31 + 0.2 * (x - 0.31)), lambda x: 1 / (tf.abs(x) + 1)]


def batch_norm(g, c, training=False, fmt="NHWC"):
    scale, offset, mean = g.np.uniform(0.6, 1.2, c).astype("f"), g.weight(c, scale=0.2), g.weight(c, scale=0.2)
    var = g.np.uniform(0.5, 1.5, c).astype("f")
    if training:
        return lambda x: tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=np.zeros(0, "f"),
                                                     variance=np.zeros(0, "f"), is_training=True)[0]
    if g.r.random() < 0.3:
        return lambda x: (x - mean) * (scale / np.sqrt(var + np.float32(1e-3))) + offset
    return lambda x: tf.raw_ops.FusedBatchNormV3(x=x, scale=scale, offset=offset, mean=mean, variance=var,
                                                 epsilon=1e-3, is_training=False)[0]


def window(g, x):
    k = [g.r.choice([1, 1, 2, 3, 3, 3, 5]) for _ in range(2)]
    return k, [g.r.choice([1, 1, 1, 2, 3])] * 2, g.r.choice(["SAME", "SAME", "VALID"])


def tail(g, c):
    """Bias or batch norm, then an activation, in any combination."""
    steps = []
    if g.r.random() < 0.4:
        bias = g.weight(c, scale=0.3)
        steps.append(lambda x: tf.nn.bias_add(x, bias))
    if g.r.random() < 0.5:
        steps.append(batch_norm(g, c))
    steps.append(g.r.choice(ACTIVATIONS))

    def apply(y):
        for s in steps:
            y = s(y)
        return y
    return apply


def conv(g, x):
    (kh, kw), s, pad = window(g, x)
    c, o = x.shape[-1], g.r.choice(CHANNELS)
    groups = g.r.choice([1, 1, 1, 1, *[d for d in (2, 3, 5) if c % d == 0]])
    w, d = g.weight(kh, kw, c // groups, o * groups if groups > 1 else o), 1
    if s[0] == 1 and g.r.random() < 0.2:
        d = g.r.choice([2, 3])
    if g.r.random() < 0.15:
        pad = [[0, 0], [g.r.randint(0, 2), g.r.randint(0, 3)], [g.r.randint(0, 2), g.r.randint(0, 2)], [0, 0]]
    after = tail(g, w.shape[-1])
    return lambda x: after(tf.nn.conv2d(x, w, s, pad, dilations=d))


def residual(g, x):
    k, c, end = g.r.choice([1, 3]), x.shape[-1], g.r.choice(ACTIVATIONS)
    w, after, first = g.weight(k, k, c, c), tail(g, c), g.r.random() < 0.5
    body = lambda x: after(tf.nn.conv2d(x, w, 1, "SAME"))
    return lambda x: end(body(x) + x if first else x + body(x))


def depthwise(g, x):
    (kh, kw), s, pad = window(g, x)
    w = g.weight(kh, kw, x.shape[-1], g.r.choice([1, 1, 1, 2, 3]))
    w *= np.float32(np.sqrt(x.shape[-1]))
    after, d = tail(g, w.shape[2] * w.shape[3]), g.r.choice([1, 1, 1, 2])
    return lambda x: after(tf.nn.depthwise_conv2d(x, w, [1, *s, 1], pad, dilations=[d if s[0] == 1 else 1] * 2))


def separable(g, x):
    w, c = g.weight(3, 3, x.shape[-1], 1), x.shape[-1]
    p, a, b = g.weight(1, 1, c, g.r.choice(CHANNELS)), g.r.choice(ACTIVATIONS), g.r.choice(ACTIVATIONS)
    return lambda x: b(tf.nn.conv2d(a(tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME")), p, 1, "SAME"))


def conv_transpose(g, x):
    (kh, kw), s, pad = window(g, x)
    o, s = g.r.choice(CHANNELS[:7]), g.r.choice([1, 2, 2, 3])
    w, after = g.weight(kh, kw, o, x.shape[-1]), tail(g, o)

    def step(x):
        n, h, wd, _ = sizes(x)
        grow = (lambda n, k: n * s) if pad == "SAME" else (lambda n, k: (n - 1) * s + k)
        return after(tf.nn.conv2d_transpose(x, w, tf.stack([n, grow(h, kh), grow(wd, kw), o]), s, pad))
    return step


def pool(g, x):
    k, s, pad = window(g, x)
    f, keep = g.r.choice([tf.nn.max_pool2d, tf.nn.avg_pool2d]), g.r.random() < 0.4
    return lambda x: f(x, k, 1 if keep else s, pad)


def squeeze_excite(g, x):
    c, r = x.shape[-1], max(1, x.shape[-1] // 4)
    a, b, f = g.weight(1, 1, c, r), g.weight(1, 1, r, c), g.r.choice([tf.nn.relu, tf.nn.swish])

    def step(x):
        m = tf.reduce_mean(x, [1, 2], keepdims=True)
        return x * tf.sigmoid(tf.nn.conv2d(f(tf.nn.conv2d(m, a, 1, "SAME")), b, 1, "VALID"))
    return step


def dense_excite(g, x):
    a = g.weight(x.shape[-1], x.shape[-1])
    return lambda x: x * tf.reshape(tf.sigmoid(tf.reduce_mean(x, [1, 2]) @ a), [-1, 1, 1, a.shape[0]]) \
        if x.shape[0] != 0 else x


def train_norm(g, x):
    return batch_norm(g, x.shape[-1], True) if x.shape.num_elements() > x.shape[-1] else None


def nchw(g, x):
    """What converters from channels-first frameworks leave behind."""
    c, o = x.shape[-1], g.r.choice(CHANNELS)
    w, bias, scale = g.weight(3, 3, c, o), g.weight(1, o, 1, 1, scale=0.3), g.weight(o, 1, 1, scale=1)
    f, how = g.r.choice(ACTIVATIONS), g.r.randint(0, 3)

    def step(x):
        t = tf.transpose(x, [0, 3, 1, 2])
        t = tf.pad(t, [[0, 0], [0, 0], [1, 1], [1, 1]])
        t = tf.transpose(t, [0, 2, 3, 1])
        t = tf.transpose(tf.nn.conv2d(t, w, 1, "VALID"), [0, 3, 1, 2])
        t = f(t * scale + bias)
        if how == 1:
            t = t * tf.reduce_mean(t, [2, 3], keepdims=True)
        if how == 2:
            t = tf.concat([t, tf.nn.relu(t)], 1)
        return t if how == 3 else tf.transpose(t, [0, 2, 3, 1])
    return step


def pad(g, x):
    amounts = [[0, 0]] + [[g.r.randint(0, 3), g.r.randint(0, 3)] for _ in x.shape[1:]]
    mode = g.r.choice(["CONSTANT", "CONSTANT", "REFLECT", "SYMMETRIC"])
    if mode != "CONSTANT":
        return lambda x: tf.pad(x, amounts, mode)
    value = g.r.choice([0, 0, -1.5])
    return lambda x: tf.pad(x, amounts, constant_values=value)


def pad_conv(g, x):
    k, s = g.r.choice([3, 5, 7]), g.r.choice([1, 2])
    w, p = g.weight(k, k, x.shape[-1], g.r.choice(CHANNELS)), [[0, 0], [k // 2] * 2, [k // 2, k - 1 - k // 2], [0, 0]]
    after = tail(g, w.shape[-1])
    return lambda x: after(tf.nn.conv2d(tf.pad(x, p), w, s, "VALID"))


def resize(g, x):
    size = [g.r.randint(1, 24), g.r.randint(1, 24)]
    op = g.r.choice([tf.raw_ops.ResizeBilinear, tf.raw_ops.ResizeNearestNeighbor])
    mode = g.r.choice([{}, {"align_corners": True}, {"half_pixel_centers": True}])
    if g.r.random() < 0.4:
        return lambda x: op(images=x, size=tf.stack([sizes(x)[1] * 2, sizes(x)[2] * 2]), **mode)
    return lambda x: op(images=x, size=size, **mode)


def depth_space(g, x):
    b = g.r.choice([2, 3])
    if x.shape[1] % b == 0 and x.shape[2] % b == 0 and g.r.random() < 0.6:
        return lambda x: tf.nn.space_to_depth(x, b)
    return (lambda x: tf.nn.depth_to_space(x, b)) if x.shape[3] % (b * b) == 0 else None


def space_batch(g, x):
    """Dilation as old graphs spell it."""
    b, w = g.r.choice([2, 3]), g.weight(3, 3, x.shape[-1], g.r.choice(CHANNELS))
    pads = [[b, b + -(n + 2 * b) % b] for n in x.shape[1:3]]
    crops = [[0, p[1] - b] for p in pads]

    def step(x):
        t = tf.raw_ops.SpaceToBatchND(input=x, block_shape=[b, b], paddings=pads)
        t = tf.nn.conv2d(t, w, 1, "VALID")
        return tf.raw_ops.BatchToSpaceND(input=t, block_shape=[b, b], crops=crops)
    return step


def shuffle(g, x):
    divisors = [d for d in (2, 3, 4, 5) if x.shape[3] % d == 0]
    if not divisors:
        return None
    d, c = g.r.choice(divisors), x.shape[3]

    def step(x):
        n, h, w, _ = sizes(x)
        t = tf.transpose(tf.reshape(x, [n, h, w, d, c // d]), [0, 1, 2, 4, 3])
        return tf.reshape(t, [n, h, w, c])
    return step


def lrn(g, x):
    radius = g.r.randint(1, 5)
    return lambda x: tf.nn.lrn(x, radius, 1.0, 0.3, 0.75)


def to_sequence(g, x):
    return lambda x: tf.reshape(x, [sizes(x)[0], sizes(x)[1] * sizes(x)[2], x.shape[3]])


def flatten(g, x):
    return lambda x: tf.reshape(x, tf.stack([sizes(x)[0], np.prod(x.shape[1:]) if x.shape[1:].is_fully_defined()
                                             else tf.reduce_prod(tf.shape(x)[1:])]))


def to_image(g, x):
    return lambda x: tf.expand_dims(x, 1)


def dense(g, x):
    w = g.weight(x.shape[-1], g.r.choice([1, 4, 10, *CHANNELS]))
    b, f, k = g.weight(w.shape[1], scale=0.2), g.r.choice(ACTIVATIONS), g.r.randint(0, 3)
    equation = "...k,kn->...n"
    if len(x.shape) == 2:
        transposed = w.T.copy()
        return lambda x: f((tf.matmul(x, transposed, transpose_b=True) if k else tf.matmul(x, w)) + b)
    return lambda x: f((tf.tensordot(x, w, 1) if k else tf.einsum(equation, x, w)) + b)


def attention(g, x):
    c = x.shape[-1]
    heads = g.r.choice([h for h in (1, 2, 3, 4, 5) if c % h == 0])
    q, k, v, o = (g.weight(c, c) for _ in range(4))
    masked = g.r.random() < 0.3

    def step(x):
        n, t, _ = sizes(x)
        split = lambda y: tf.transpose(tf.reshape(y, [n, t, heads, c // heads]), [0, 2, 1, 3])
        a = tf.matmul(split(tf.tensordot(x, q, 1)), split(tf.tensordot(x, k, 1)), transpose_b=True)
        a = a / np.float32(np.sqrt(c // heads))
        if masked:
            a += tf.cast(tf.range(t)[None, :] > tf.range(t)[:, None], tf.float32) * -1e4
        y = tf.matmul(tf.nn.softmax(a), split(tf.tensordot(x, v, 1)))
        return x + tf.tensordot(tf.reshape(tf.transpose(y, [0, 2, 1, 3]), [n, t, c]), o, 1)
    return step


def layer_norm(g, x):
    c = x.shape[-1]
    scale, offset = g.np.uniform(0.8, 1.2, c).astype("f"), g.weight(c, scale=0.2)
    moments = g.r.random() < 0.5

    def step(x):
        m = tf.reduce_mean(x, -1, keepdims=True)
        v = tf.reduce_mean(tf.math.squared_difference(x, m), -1, keepdims=True)
        if moments:
            m, v = tf.nn.moments(x, [-1], keepdims=True)
            return tf.nn.batch_normalization(x, m, v, offset, scale, 1e-2)
        return (x - m) * tf.math.rsqrt(v + 1e-2) * scale + offset
    return step


def unary(g, x):
    return g.r.choice(MAPS)


BINARIES = [tf.add, tf.subtract, tf.multiply, tf.maximum, tf.minimum, tf.math.squared_difference]


def binary(g, x):
    f, swap = g.r.choice(BINARIES), g.r.random() < 0.3
    shape = [n if g.r.random() < 0.6 else 1 for n in x.shape[1:]][g.r.randint(0, len(x.shape) - 1):]
    c = g.weight(*shape, scale=1) if shape else np.float32(g.r.uniform(-2, 2))
    return lambda x: f(c, x) if swap else f(x, c)


def join(g, x):
    """Two values of one shape, or that broadcast."""
    fit = []
    for i, v in enumerate(g.values):
        try:
            np.broadcast_shapes(v.shape, x.shape)
            fit.append(i)
        except ValueError:
            pass
    f = g.r.choice(BINARIES)
    return (lambda x, y: f(x, y)), g.r.choice(fit)


def concat(g, x):
    axis = g.r.randrange(len(x.shape))
    fit = [i for i, v in enumerate(g.values) if len(v.shape) == len(x.shape) and
           all(a == b for d, (a, b) in enumerate(zip(v.shape, x.shape)) if d != axis)]
    others = [g.r.choice(fit) for _ in range(g.r.randint(1, 3))]
    return (lambda *xs: tf.concat(xs, axis)), *others


def reduction(g, x):
    f = g.r.choice([tf.reduce_mean, tf.reduce_mean, tf.reduce_sum, tf.reduce_max, tf.reduce_min])
    axes, keep = g.r.sample(range(len(x.shape)), g.r.randint(1, len(x.shape))), g.r.random() < 0.5
    pre = g.r.choice([tf.identity, tf.square, tf.abs])
    return lambda x: f(pre(x), axes, keepdims=keep)


def softmax(g, x):
    if g.r.random() < 0.2:
        return tf.nn.log_softmax
    axis = g.r.choice([-1, -1, -1, *range(len(x.shape))])
    return lambda x: tf.nn.softmax(x, axis)


def transpose(g, x):
    perm = g.r.sample(range(len(x.shape)), len(x.shape))
    return lambda x: tf.transpose(x, perm)


def strided_slice(g, x):
    index = []
    for n in x.shape:
        a, b = sorted((g.r.randint(0, n), g.r.randint(0, n)))
        index.append(g.r.choice([slice(None), slice(None), slice(a, b), slice(None, None, 2), slice(None, None, -1),
                                 slice(a, None), slice(None, -1), slice(-2, None)]))
        if n and len(x.shape) > 2 and g.r.random() < 0.08:
            index[-1] = g.r.randrange(n)
    if g.r.random() < 0.15:
        index.insert(g.r.randint(0, len(index)), tf.newaxis)
    return lambda x: x[tuple(index)]


def split(g, x):
    axis = g.r.choice([d for d, n in enumerate(x.shape) if n] or [0])
    n = g.r.choice([d for d in range(1, 6) if x.shape[axis] % d == 0])
    k, f = g.r.randrange(n), g.r.choice(ACTIVATIONS)
    if g.r.random() < 0.5 and n > 1:
        return lambda x: f(tf.split(x, n, axis)[k]) * tf.split(x, n, axis)[0]
    return lambda x: tf.concat([f(p) if i == k else p for i, p in enumerate(tf.split(x, n, axis)[::-1])], axis)


def stack(g, x):
    axis = g.r.randint(0, len(x.shape))
    return lambda x: tf.stack([x, tf.nn.relu(x)], axis)


def unstack(g, x):
    axis = g.r.randrange(len(x.shape))
    if not 1 <= x.shape[axis] <= 6:
        return None
    known = [n if d == axis else None for d, n in enumerate(x.shape)]
    return lambda x: tf.add_n(tf.unstack(tf.ensure_shape(x, known), axis=axis))


def tile(g, x):
    times = [g.r.choice([1, 1, 2, 3]) for _ in x.shape]
    return lambda x: tf.tile(x, times)


def reverse(g, x):
    axes = g.r.sample(range(len(x.shape)), g.r.randint(1, len(x.shape)))
    return lambda x: tf.reverse(x, axes)


def gather(g, x):
    axis = g.r.randrange(len(x.shape))
    if not x.shape[axis]:
        return None
    index = g.np.integers(0, x.shape[axis], g.r.choice([(), (3,), (2, 5)])).astype(g.r.choice(["i4", "i8"]))
    return lambda x: tf.gather(x, index, axis=axis)


def cumsum(g, x):
    axis, ex, rev = g.r.randrange(len(x.shape)), g.r.random() < 0.3, g.r.random() < 0.3
    return lambda x: tf.cumsum(x, axis, exclusive=ex, reverse=rev)


def squeeze(g, x):
    ones = [d for d, n in enumerate(x.shape) if n == 1 and d]
    return (lambda x: tf.squeeze(x, ones)) if ones and len(x.shape) - len(ones) > 1 else None


def matmul(g, x):
    f = g.r.choice(ACTIVATIONS)
    if g.r.random() < 0.5:
        return lambda x: f(tf.matmul(x, x, transpose_b=True) * 0.2)
    return lambda x: f(tf.matmul(x, x, transpose_a=True) * 0.2)


def top_k(g, x):
    k = g.r.randint(1, 3)
    return (lambda x: tf.math.top_k(x, k).values) if k <= x.shape[-1] else None


def fill_like(g, x):
    return lambda x: x + tf.fill(tf.shape(x), 0.5) * tf.cast(tf.shape(x)[-1], tf.float32) * 0.1


def channel_gate(g, x):
    c = x.shape[-1] // 2
    return (lambda x: x[..., :c] * tf.sigmoid(x[..., c:2 * c])) if c else None


def l2_normalise(g, x):
    return lambda x: tf.nn.l2_normalize(x, -1, epsilon=1e-3)


IMAGE = {conv: 8, residual: 5, depthwise: 5, separable: 3, conv_transpose: 2, pool: 4, squeeze_excite: 3,
         dense_excite: 1, train_norm: 1, nchw: 3, pad_conv: 3, resize: 2, depth_space: 2, space_batch: 1,
         shuffle: 2, lrn: 1, to_sequence: 1}
SEQUENCE = {attention: 4, to_image: 1}
ANY = {dense: 4, layer_norm: 2, unary: 5, binary: 5, join: 3, concat: 3, reduction: 2, softmax: 2, transpose: 2,
       strided_slice: 3, split: 2, stack: 1, unstack: 1, tile: 1, reverse: 1, gather: 1, cumsum: 1, squeeze: 1,
       matmul: 1, top_k: 1, fill_like: 1, channel_gate: 1, l2_normalise: 1, pad: 2, flatten: 1}
PATTERNS = [Pattern(p, w, 4) for p, w in IMAGE.items()] + [Pattern(p, w, 3) for p, w in SEQUENCE.items()] + \
    [Pattern(p, w, special=p is not top_k) for p, w in ANY.items()]
