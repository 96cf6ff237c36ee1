"""Control flow over random bodies, and lists of tensors."""

import tensorflow as tf

from .generator import FLOATS, ROUND, SIGNED, Pattern, sizes

F32 = (tf.float32,)
TYPES = FLOATS + SIGNED


def body(g, x):
    """A step that keeps type and shape; of floats, one that keeps them small."""
    if x.dtype in SIGNED:
        k = tf.constant(g.r.randint(1, 3), x.dtype).numpy()
        return g.r.choice([lambda x: x + k, lambda x: k - x, lambda x: tf.maximum(x, k) // k])
    scalar = not x.shape.rank  # in the graph the rank may be unknown
    steps = [tf.tanh, tf.nn.relu, tf.negative, lambda x: x * tf.sigmoid(x), lambda x: x if scalar
             else tf.reverse(x, [0]), lambda x: tf.abs(x) * tf.cast(0.5, x.dtype)]
    if x.dtype == tf.float32 and len(x.shape) == 2:
        w = g.weight(x.shape[1], x.shape[1])
        steps += [lambda x: tf.tanh(x @ w)] * 3
    chain = [g.r.choice(steps) for _ in range(g.r.randint(1, 3))]

    def step(x):
        for f in chain:
            x = f(x)
        return x
    return step


def predicate(g):
    """A bool scalar that depends on data without rounding errors, as a step of one value, and the value's number."""
    fit = [i for i, v in enumerate(g.values) if g.exact[i] and v.shape.num_elements() and not g.special]
    if not fit:
        return None
    i = g.r.choice(fit)
    if g.values[i].dtype == tf.bool:
        return tf.reduce_any, i
    if g.values[i].dtype.is_complex:
        return None
    limit = g.array((), g.values[i].dtype)
    return (lambda v: tf.reduce_max(v) > limit), i


def cond(g, x):
    p, a, b = predicate(g), body(g, x), body(g, x)
    if not p:
        return None
    f, i = p
    return (lambda x, v: tf.cond(f(v), lambda: a(x), lambda: b(x))), i


def switch_case(g, x):
    """One of several branches, the last for what is out of range."""
    whole = [i for i, v in enumerate(g.values) if v.dtype == tf.int32 and v.shape.num_elements()]
    bodies = [body(g, x) for _ in range(g.r.randint(1, 4))]
    return ((lambda x, v: tf.switch_case(tf.reduce_max(v), [lambda f=f: f(x) for f in bodies])), g.r.choice(whole)) if whole else None


def nested_cond(g, x):
    p, a, b, n = predicate(g), body(g, x), body(g, x), g.r.randint(1, 3)
    if not p:
        return None
    f, i = p
    loop = lambda x: tf.while_loop(lambda k, _: k < n, lambda k, x: (k + 1, a(x)), (0, x))[1]
    return (lambda x, v: tf.cond(f(v), lambda: loop(x), lambda: b(x))), i


def counted_loop(g, x):
    n, f = g.r.randint(0, 5), body(g, x)
    return lambda x: tf.while_loop(lambda k, _: k < n, lambda k, x: (k + 1, f(x)), (0, x))[1]


def data_loop(g, x):
    """Runs as often as a tensor has rows, or as an integer says."""
    f = body(g, x)
    whole = [i for i, v in enumerate(g.values) if v.dtype == tf.int32 and v.shape.num_elements() and g.exact[i]]
    if whole and g.r.random() < 0.5:
        return (lambda x, v: tf.while_loop(lambda k, _: k < tf.minimum(tf.reduce_max(v), 4), lambda k, x: (k + 1, f(x)), (0, x))[1]), \
            g.r.choice(whole)
    return lambda x: tf.while_loop(lambda k, _: k < sizes(x)[0], lambda k, x: (k + 1, f(x)), (0, x))[1]


def array_loop(g, x):
    """Rows one by one through a tensor array."""
    f = body(g, x[0]) if x.shape[0] else None
    if not f:
        return None
    backwards = g.r.random() < 0.3

    def step(x):
        n = sizes(x)[0]
        rows = tf.TensorArray(x.dtype, n).unstack(x)
        made = tf.TensorArray(x.dtype, n, element_shape=x.shape[1:])

        def once(k, made):
            at = n - 1 - k if backwards else k
            return k + 1, made.write(at, f(rows.read(at)))
        return tf.while_loop(lambda k, _: k < n, once, (0, made))[1].stack()
    return step


def recurrent(g, x):
    """A plain recurrent network over [batch, time, features]."""
    c, h = x.shape[2], g.r.choice([1, 3, 8])
    w, u, b, last = g.weight(c, h), g.weight(h, h), g.weight(h, scale=0.3), g.r.random() < 0.5

    def step(x):
        n, t, _ = sizes(x)
        rows = tf.TensorArray(tf.float32, t).unstack(tf.transpose(x, [1, 0, 2]))
        made = tf.TensorArray(tf.float32, t, element_shape=[x.shape[0], h])

        def once(k, s, made):
            s = tf.tanh(rows.read(k) @ w + s @ u + b)
            return k + 1, s, made.write(k, s)
        shapes = (tf.TensorShape([]), tf.TensorShape([None, h]), tf.TensorShape(None))
        start = (0, tf.zeros([n, h]), made)
        _, s, made = tf.while_loop(lambda k, *_: k < t, once, start, shapes if not tf.executing_eagerly() else None)
        return s if last else made.stack()
    return step


CONTROL = [Pattern(cond, 3, dtypes=TYPES, exact=ROUND, least_rank=0, special=False),
           Pattern(switch_case, 2, dtypes=TYPES, exact=ROUND, least_rank=0, special=False),
           Pattern(nested_cond, 1, dtypes=TYPES, exact=ROUND, least_rank=0, special=False),
           Pattern(counted_loop, 2, dtypes=TYPES, exact=ROUND, least_rank=0, special=False),
           Pattern(data_loop, 2, dtypes=TYPES, exact=ROUND, special=False),
           Pattern(array_loop, 2, dtypes=TYPES, exact=ROUND, special=False),
           Pattern(recurrent, 3, 3, F32, ROUND, special=False)]
