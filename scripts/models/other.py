"""Tables, graphs, sampling, and TensorFlow's own building blocks."""

import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


@model("age: f n 1; kind: i5 n 1; tags: i6 n 3", n=(4, 7))
def tabular(n):
    age, kind, tags = tf.keras.Input((1,), n), tf.keras.Input((1,), n, dtype="int32"), tf.keras.Input((3,), n, dtype="int32")
    parts = [L.Normalization(mean=0.5, variance=2.0)(age), L.CategoryEncoding(5, "one_hot")(kind), L.CategoryEncoding(6, "multi_hot")(tags),
             L.CategoryEncoding(6, "count")(tags), L.Discretization([-1.0, 0.0, 1.0], output_mode="one_hot")(age),
             L.Flatten()(L.Embedding(6, 4)(tags))]
    bins = L.Discretization([-0.5, 0.5])(age)
    x = L.Dense(8, activation="relu")(L.Concatenate()(parts))
    return tf.keras.Model([age, kind, tags], [L.Dense(1, activation="sigmoid")(x), bins])


@model("user: i9 n; item: i7 n; dense: f n 5", n=(3, 6))
def deep_fm(n):
    user, item, dense = tf.keras.Input((), n, dtype="int32"), tf.keras.Input((), n, dtype="int32"), tf.keras.Input((5,), n)
    u, v, d = L.Embedding(9, 4)(user), L.Embedding(7, 4)(item), L.Dense(4)(dense)
    x = L.Lambda(lambda a: tf.stack(a, 1), output_shape=(3, 4))([u, v, d])
    fm = L.Lambda(lambda a: 0.5 * tf.reduce_sum(tf.square(tf.reduce_sum(a, 1)) - tf.reduce_sum(tf.square(a), 1), -1, True), output_shape=(1,))(x)
    cross = L.Lambda(lambda a: tf.boolean_mask(tf.matmul(a, a, transpose_b=True), tf.linalg.band_part(tf.ones([3, 3]), 0, -1) - tf.eye(3) > 0, axis=1), output_shape=(3,))(x)
    deep = L.Dense(1)(L.Dense(6, activation="relu")(L.Concatenate()([L.Flatten()(x), cross])))
    return tf.keras.Model([user, item, dense], [L.Add()([fm, deep]), L.Dot(1, normalize=True)([u, v])])


@model("x: f v 6; from_: i4 e; to: i4 e", v=(4, 6), e=(9, 12))
def graph_convolution(v, e):
    w = tf.random.stateless_normal((6, 6), (1, 2))

    def run(x, source, target):
        nodes = tf.shape(x)[0]
        message = tf.gather(x @ w, source)
        summed = tf.math.unsorted_segment_sum(message, target, nodes)
        degree = tf.math.unsorted_segment_sum(tf.ones_like(target, tf.float32), target, nodes)
        mean, top = tf.math.unsorted_segment_mean(message, target, nodes), tf.math.unsorted_segment_max(message, target, nodes)
        order = tf.argsort(target, stable=True)
        ordered = tf.math.segment_sum(tf.gather(message, order), tf.gather(target, order))
        score = tf.exp(tf.reduce_sum(message, -1))
        weight = score / tf.gather(tf.math.unsorted_segment_sum(score, target, nodes), target)
        attended = tf.math.unsorted_segment_sum(message * weight[:, None], target, nodes)
        adjacency = tf.scatter_nd(tf.stack([target, source], 1), tf.ones_like(score), tf.stack([nodes, nodes]))
        pooled = tf.reduce_sum(x, 0)
        return summed / tf.maximum(degree, 1)[:, None], mean, tf.maximum(top, 0), ordered, attended, adjacency @ x, pooled

    return run


@model("x: f v 6; from_: i4 e; to: i4 e", v=(4, 6), e=(9, 12))
def sparse_products(v, e):
    def run(x, source, target):
        nodes = tf.cast(tf.shape(x)[0], tf.int64)
        at = tf.cast(tf.stack([target, source], 1), tf.int64)
        a = tf.sparse.SparseTensor(at, tf.ones_like(source, tf.float32), tf.stack([nodes, nodes]))
        y = tf.sparse.sparse_dense_matmul(a, x)
        means = tf.math.segment_mean(tf.gather(x, tf.sort(target)), tf.sort(source))
        return y, tf.sparse.to_dense(tf.sparse.reorder(tf.sparse.from_dense(x))), tf.sparse.reduce_sum(a, 1), means

    return run


@model("x: f n 12", n=(2, 3))
def vae_mean(n):
    i = tf.keras.Input((12,), n)
    h = L.Dense(8, activation="tanh")(i)
    mean, log_variance = L.Dense(3)(h), L.Dense(3)(h)
    kl = L.Lambda(lambda v: -0.5 * tf.reduce_sum(1 + v[1] - tf.square(v[0]) - tf.exp(v[1]), -1), output_shape=())([mean, log_variance])
    return tf.keras.Model(i, [L.Dense(12, activation="sigmoid")(mean), kl])


@model("x: f n 12", n=(2, 3))
def vae_stateless_sampling(n):
    dense = L.Dense(6)

    def run(x):
        mean, deviation = tf.split(dense(x), 2, -1)
        return mean + tf.exp(deviation) * tf.random.stateless_normal(tf.shape(mean), (1, 2))

    return run


@model("x: f n 4; k: i3", n=(2, 3))
def cases_and_calls(n):
    @tf.function
    def scaled(x, s):
        return x * s

    @tf.function
    def outer(x, s):
        if tf.reduce_sum(x) > 0:
            return scaled(x, s) + 1.0
        return scaled(scaled(x, s), s)

    def run(x, k):
        chosen = tf.switch_case(k, [lambda: outer(x, 2.0), lambda: tf.sin(x), lambda: scaled(x, -1.0)])
        ranked = tf.case([(k > 1, lambda: x * 3), (tf.reduce_any(x > 1), lambda: x - 1)], default=lambda: tf.zeros_like(x))
        raw = tf.raw_ops.Case(branch_index=k, input=[x], Tout=[tf.float32], branches=[
            tf.function(f).get_concrete_function(tf.TensorSpec([n, 4])) for f in (lambda a: a + 1, lambda a: a * a)])
        return chosen, ranked, raw[0], tf.cond(k == 1, lambda: tf.reduce_sum(x, 0), lambda: x[0])

    return run


@model("x: f n 4", n=(3, 5))
def loops(n):
    def run(x):
        i, total, kept = 0, tf.zeros([4]), tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False)
        for row in x:
            if row[0] < -1.5:
                continue
            if row[1] > 1.8:
                break
            total += row
            kept = kept.write(i, row[: i + 1] * 2)
            i += 1
        y = x
        while tf.reduce_max(tf.abs(y)) > 0.1:
            y = y / 2
            for _ in tf.range(2):
                y = y - 0.01
        z = tf.zeros([0, 4])
        for j in tf.range(tf.shape(x)[0]):
            tf.autograph.experimental.set_loop_options(shape_invariants=[(z, tf.TensorShape([None, 4]))])
            z = tf.concat([z, x[j : j + 1] * tf.cast(j, tf.float32)], 0)
        return total, i, y, z

    return tf.function(run)


@model("a: f n 5 5; b: f n 5 2", n=(2, 3))
def linear_algebra(n):
    def run(a, b):
        s = tf.matmul(a, a, transpose_b=True) + 2 * tf.eye(5)
        c = tf.linalg.cholesky(s)
        return (c, tf.linalg.solve(s, b), tf.linalg.inv(s), tf.linalg.det(s), tf.linalg.triangular_solve(c, b), tf.linalg.trace(a),
                tf.linalg.logdet(s), tf.linalg.diag_part(a), tf.linalg.set_diag(a, b[..., 0]), tf.linalg.cholesky_solve(c, b),
                tf.linalg.norm(a, axis=[-2, -1]), tf.linalg.matrix_transpose(a), tf.linalg.cross(a[..., :3], a[..., 2:]),
                tf.linalg.expm(0.1 * a), tf.linalg.lstsq(s, b), tf.linalg.slogdet(s), tf.linalg.band_part(a, 1, 2))

    return run


@model("x: f n t", n=(3, 4), t=(6, 9))
def reductions_and_sorts(n, t):
    def run(x):
        values, order = tf.math.top_k(x, 3)
        unique, at, count = tf.unique_with_counts(tf.cast(tf.reshape(x * 2, [-1]), tf.int32))
        return (values, order, unique, at, count, tf.sort(x, 1, "DESCENDING"), tf.argsort(x, stable=True), tf.math.reduce_std(x, 1),
                tf.reduce_logsumexp(x, 0), tf.math.reduce_euclidean_norm(x), tf.histogram_fixed_width(x, [-2.0, 2.0], 5),
                tf.searchsorted(tf.sort(x, 1), x), tf.math.in_top_k([0, 1, 2] if n == 3 else tf.zeros([tf.shape(x)[0]], tf.int32), x, 2),
                tf.math.zero_fraction(tf.nn.relu(x)), tf.nn.moments(x, [0]), tf.math.confusion_matrix([1, 2, 0], [1, 1, 0], 3),
                tf.math.cumprod(x, 1), tf.math.l2_normalize(x, 1), tf.clip_by_norm(x, 1.5), tf.clip_by_global_norm([x, x * 2], 1.0)[0],
                tf.reduce_all(x > -9), tf.math.count_nonzero(x > 0, 1), tf.raw_ops.ListDiff(x=tf.range(8), y=tf.range(2, 5)).out)

    return run


@model("x: f n t 4", n=(2, 3), t=(4, 6))
def shapes_and_slices(n, t):
    def run(x):
        batch, length, _ = tf.unstack(tf.shape(x))
        split = tf.split(x, [1, -1, 1], 2)
        grid = tf.stack(tf.meshgrid(tf.range(batch), tf.range(length)), -1)
        return (split, tf.gather_nd(x, tf.reshape(grid, [-1, 2])), tf.tensor_scatter_nd_update(x, [[0, 1]], [[9.0, 8, 7, 6]]),
                tf.tile(x[:, :1], [1, length, 2]), tf.reshape(x, [batch * length // 2, -1]), x[..., ::-1, 1:3], x[:, -2:, None],
                tf.space_to_batch(x[..., None], [2, 2], [[0, length % 2], [0, 0]]), tf.repeat(x, 2, 1), tf.broadcast_to(x[:1, :1], tf.shape(x)),
                tf.strided_slice(x, [0, 1, 0], [batch, length, 4], [1, 2, 3]), tf.eye(length, batch_shape=[batch]), tf.linspace(0.0, 1.0, 7),
                tf.one_hot(tf.argmax(x, -1), 4, 2.0, -1.0), tf.fill([batch, 3], 7), tf.expand_dims(tf.squeeze(x[:, :1], 1), -1),
                tf.concat([x, tf.zeros([batch, 2, 4])], 1), tf.roll(x, 1, 1), tf.dynamic_partition(x, tf.cast(x[..., 0] > 0, tf.int32), 2),
                tf.dynamic_stitch([[0, 2], [1, 3]], [x[0, :2], x[1, :2]]), tf.bitcast(x, tf.int32), tf.reverse(x, [0, -1]),
                tf.ensure_shape(x, [None, None, 4]), tf.tensordot(x, x, [[2], [2]]), tf.parallel_stack([x[0, 0], x[0, 1]]))

    return run


@model("x: f n 6", n=(2, 3))
def half_precision(n):
    tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        i = tf.keras.Input((6,), n)
        x = L.LayerNormalization()(L.Dense(8, activation="gelu")(i))
        return tf.keras.Model(i, L.Activation("softmax")(L.Dense(4)(x)))
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


@model("x: f n 8 8 3", n=(1, 2))
def quantised(n):
    kernel = tf.random.stateless_normal((3, 3, 3, 4), (1, 2))

    def run(x):
        x = tf.quantization.fake_quant_with_min_max_args(x, -3, 3)
        w = tf.quantization.fake_quant_with_min_max_vars_per_channel(kernel, [-2.0] * 4, [2.0] * 4, narrow_range=True)
        y = tf.nn.relu6(tf.nn.conv2d(x, w, 1, "SAME"))
        return tf.quantization.fake_quant_with_min_max_vars(y, 0.0, 6.0), tf.quantization.quantize_and_dequantize_v2(y, 0.0, 6.0, range_given=True)

    return run
