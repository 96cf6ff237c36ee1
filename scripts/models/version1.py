"""Graphs as TensorFlow 1 makes them: variables in place, Switch, Merge, Enter and Exit."""

import numpy as np
import tensorflow as tf

from models.model import model

v1 = tf.compat.v1


def dense(x, width, name):
    w = v1.get_variable(name + "/w", [x.shape[-1], width])
    return tf.tensordot(x, w, 1) if x.shape.rank != 2 else tf.matmul(x, w)


def batch_norm(x, training, fused, name, scale=True):
    c = x.shape[-1]
    with v1.variable_scope(name):
        mean = v1.get_variable("moving_mean", [c], initializer=v1.zeros_initializer())
        variance = v1.get_variable("moving_variance", [c], initializer=v1.ones_initializer())
        gamma = v1.get_variable("gamma", [c]) if scale else tf.ones([c])
        beta = v1.get_variable("beta", [c])
    if fused:
        def train():
            return v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-3, is_training=True)

        def infer():
            return v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, epsilon=1e-3, is_training=False)

        if isinstance(training, bool):
            return (train if training else infer)()[0]
        return v1.cond(training, train, infer)[0]
    axes = list(range(x.shape.rank - 1))
    if isinstance(training, bool):
        m, v = tf.nn.moments(x, axes) if training else (mean, variance)
    else:
        m, v = v1.cond(training, lambda: tf.nn.moments(x, axes), lambda: (tf.identity(mean), tf.identity(variance)))
    return tf.nn.batch_normalization(x, m, v, beta, gamma, 1e-3)


@model("x: f n h w 3", v1=True, n=(2, 3), h=(6, 8), w=(7, 5))
def v1_batch_norms(**_):
    def run(x):
        learning = v1.placeholder_with_default(False, [], "learning")
        outs = [batch_norm(x, t, f, f"bn{i}{f}") for i, t in enumerate((learning, False, True)) for f in (True, False)]
        flat = tf.reduce_mean(x, [1, 2])
        outs.append(batch_norm(flat, learning, False, "flat", scale=False))
        kept = tf.nn.dropout(flat, rate=tf.where(learning, 0.5, 0.0))
        return outs + [v1.cond(learning, lambda: kept, lambda: flat)]

    return run


@model("x: f n h w 3; training: b", v1=True, n=(2, 3), h=(6, 8), w=(7, 5))
def v1_training_switch(**_):
    def run(x, training):
        k = v1.get_variable("k", [3, 3, 3, 4])
        y = tf.nn.relu(batch_norm(tf.nn.conv2d(x, k, 1, "SAME"), training, True, "a"))
        return batch_norm(y, training, False, "b"), v1.cond(training, lambda: y * 2, lambda: tf.reduce_mean(y, [1, 2], keepdims=True) + y)

    return run


class Lstm:
    """BasicLSTMCell, as it was."""

    def __init__(self, width, name, peephole=False):
        self.width, self.name, self.peephole = width, name, peephole

    def zero(self, batch):
        return tf.zeros(tf.stack([batch, self.width])), tf.zeros(tf.stack([batch, self.width]))

    def __call__(self, x, state):
        c, h = state
        with v1.variable_scope(self.name, reuse=v1.AUTO_REUSE):
            w = v1.get_variable("kernel", [x.shape[-1] + self.width, 4 * self.width])
            b = v1.get_variable("bias", [4 * self.width])
            p = [v1.get_variable(f"w_{g}_diag", [self.width]) for g in "ifo"] if self.peephole else [0.0] * 3
        i, j, f, o = tf.split(tf.nn.bias_add(tf.matmul(tf.concat([x, h], 1), w), b), 4, 1)
        c = tf.sigmoid(f + 1.0 + p[1] * c) * c + tf.sigmoid(i + p[0] * c) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o + p[2] * c)
        return h, (c, h)


def dynamic_rnn(cell, x, lengths, reverse=False):
    """tf.nn.dynamic_rnn with sequence_length: TensorArrays, and zeros and old states behind an example's end."""
    if reverse:
        x = tf.reverse_sequence(x, lengths, 1)
    batch, steps = tf.unstack(tf.shape(x)[:2])
    longest, shortest = tf.reduce_max(lengths), tf.reduce_min(lengths)
    taken = tf.TensorArray(tf.float32, steps, element_shape=[None, x.shape[-1]]).unstack(tf.transpose(x, [1, 0, 2]))
    made = tf.TensorArray(tf.float32, steps, element_shape=[None, cell.width])
    zero = tf.zeros([batch, cell.width])

    def step(t, made, c, h):
        def call():
            y, (c2, h2) = cell(taken.read(t), (c, h))
            return y, c2, h2

        def copy(y, c2, h2):
            done = t >= lengths
            return v1.where(done, zero, y), v1.where(done, c, c2), v1.where(done, h, h2)

        y, c2, h2 = v1.cond(t < shortest, call, lambda: copy(*call()))
        y, c2, h2 = v1.cond(t < longest, lambda: (y, c2, h2), lambda: (zero, c, h))
        for v, like in ((y, zero), (c2, c), (h2, h)):
            v.set_shape(like.shape)
        return t + 1, made.write(t, y), c2, h2

    _, made, c, h = v1.while_loop(lambda t, *_: t < steps, step, [tf.constant(0), made, *cell.zero(batch)], parallel_iterations=32, swap_memory=True)
    out = tf.transpose(made.stack(), [1, 0, 2])
    return (tf.reverse_sequence(out, lengths, 1) if reverse else out), c, h


@model("x: f n t 4; lengths: i7 n", v1=True, n=(2, 3), t=(6, 9))
def v1_dynamic_rnn(**_):
    def run(x, lengths):
        forward = dynamic_rnn(Lstm(5, "fw"), x, lengths)
        backward = dynamic_rnn(Lstm(5, "bw", True), x, lengths, True)
        y = tf.concat([forward[0], backward[0]], 2)
        return y, forward[1:], backward[1:], dynamic_rnn(Lstm(3, "top"), y, lengths)[0]

    return run


@model("x: f n 5 4", v1=True, n=(2, 3))
def v1_static_rnn(**_):
    def run(x):
        cell, outs = Lstm(5, "cell"), []
        state = cell.zero(tf.shape(x)[0])
        for step in tf.unstack(x, axis=1):
            y, state = cell(step, state)
            outs.append(y)
        return tf.stack(outs, 1), state, dense(outs[-1], 3, "dense")

    return run


@model("x: f t n 4; lengths: i7 n", v1=True, n=(2, 3), t=(6, 9))
def v1_raw_rnn(**_):
    """tf.nn.raw_rnn: an example ends when it says so; rows are taken from a TensorArray while there are any."""

    def run(x, lengths):
        steps, batch = tf.unstack(tf.shape(x)[:2])
        cell = Lstm(5, "cell")
        taken = tf.TensorArray(tf.float32, steps, element_shape=[None, 4], clear_after_read=False).unstack(x)
        made = tf.TensorArray(tf.float32, 0, dynamic_size=True, element_shape=[None, 5])

        def body(t, finished, made, c, h, x):
            y, (c2, h2) = cell(x, (c, h))
            y = v1.where(finished, tf.zeros_like(y), y)
            c2, h2 = v1.where(finished, c, c2), v1.where(finished, h, h2)
            finished = tf.logical_or(finished, t + 1 >= lengths)
            more = v1.cond(tf.reduce_all(finished), lambda: tf.zeros([batch, 4]), lambda: taken.read(tf.minimum(t + 1, steps - 1)))
            more.set_shape(x.shape)
            return t + 1, finished, made.write(t, y), c2, h2, more

        start = [tf.constant(0), lengths <= 0, made, *cell.zero(batch), taken.read(0)]
        t, _, made, c, h, _ = v1.while_loop(lambda t, finished, *_: tf.logical_not(tf.reduce_all(finished)), body, start)
        return tf.cond(t > 0, lambda: tf.reduce_sum(made.concat(), 0), lambda: tf.zeros([5])), c, h, t

    return run


@model("x: f n 4; k: i4", v1=True, n=(2, 3))
def v1_conditions(**_):
    def run(x, k):
        w = v1.get_variable("w", [4, 4])
        a = v1.cond(k > 1, lambda: tf.matmul(x, w), lambda: v1.cond(k > 0, lambda: x + 1, lambda: tf.zeros_like(x)))
        b = v1.case([(tf.equal(k, 0), lambda: x * 2), (tf.equal(k, 1), lambda: x * 3)], default=lambda: -x, exclusive=True)
        c, d = v1.cond(tf.reduce_sum(x) > 0, lambda: (x, tf.shape(x)[0]), lambda: (x * x, tf.constant(7)))
        e = v1.cond(k > 2, lambda: x[:1], lambda: x)  # of other sizes
        with v1.control_dependencies([v1.assert_greater_equal(k, 0), v1.assert_rank(x, 2)]):
            f = tf.identity(x)
        return a, b, c, d, tf.reduce_sum(e, 0), f, v1.cond(tf.constant(True), lambda: x + 5, lambda: x)

    return run


@model("x: f n 4; k: i4", v1=True, n=(2, 3))
def v1_loops(**_):
    def run(x, k):
        w = v1.get_variable("w", [4, 4])
        _, power = v1.while_loop(lambda i, y: i < k, lambda i, y: (i + 1, tf.matmul(y, w)), [0, x])

        def outer(i, total):
            _, inner = v1.while_loop(lambda j, y: tf.logical_and(j < i, tf.reduce_max(tf.abs(y)) < 9), lambda j, y: (j + 1, y * 2), [0, total])
            return i + 1, v1.cond(i % 2 > 0, lambda: inner + x, lambda: inner - 1)

        _, nested = v1.while_loop(lambda i, _: i < 4, outer, [0, x])
        _, grown = v1.while_loop(lambda i, _: i < k, lambda i, y: (i + 1, tf.concat([y, x + tf.cast(i, tf.float32)], 0)), [0, x],
                                 shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 4])])
        sums = tf.scan(lambda a, y: a + y, x)
        rows = tf.map_fn(lambda row: tf.concat([row, row], 0), x)
        fold = tf.foldr(lambda a, y: tf.tanh(a - y), x)
        return power, nested, grown, sums, rows, fold

    return run


@model("x: f n h w 2", v1=True, n=(1, 2), h=(8, 12), w=(9, 6))
def v1_images(**_):
    def run(x):
        k = v1.get_variable("k", [3, 3, 2, 4])
        d = v1.get_variable("d", [3, 3, 4, 1])
        y = tf.nn.relu6(tf.nn.depthwise_conv2d(tf.nn.conv2d(x, k, 2, "SAME"), d, [1, 1, 1, 1], "SAME"))
        z = v1.space_to_batch_nd(y, [2, 2], [[2, 2 + tf.shape(y)[1] % 2], [2, 2 + tf.shape(y)[2] % 2]])
        z = tf.nn.conv2d(z, v1.get_variable("z", [3, 3, 4, 4]), 1, "VALID")
        z = v1.batch_to_space_nd(z, [2, 2], [[0, tf.shape(y)[1] % 2], [0, tf.shape(y)[2] % 2]])
        t = v1.nn.conv2d_transpose(y, v1.get_variable("t", [2, 2, 3, 4]), tf.stack([tf.shape(x)[0], tf.shape(y)[1] * 2, tf.shape(y)[2] * 2, 3]), [1, 2, 2, 1])
        r = v1.image.resize_images(y, tf.shape(x)[1:3], v1.image.ResizeMethod.BILINEAR, align_corners=True)
        return z, t, r, tf.nn.lrn(y), v1.extract_image_patches(x, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"), v1.to_int32(y), v1.squeeze(v1.reduce_mean(y, [1, 2], keep_dims=True), squeeze_dims=[1, 2])

    return run


@model("ids: i12 n t", v1=True, n=(2, 3), t=(5, 8))
def v1_embedding_attention(**_):
    def run(ids):
        table = v1.get_variable("table", [12, 8])
        x = v1.nn.embedding_lookup(table, ids)
        parts = [v1.get_variable(f"part{i}", [4, 8]) for i in range(3)]
        x = x + v1.nn.embedding_lookup(parts, ids, partition_strategy="div") + v1.nn.embedding_lookup(parts, ids)
        q, k, v = (dense(x, 8, name) for name in "qkv")
        mask = v1.to_float(tf.equal(ids, 0))[:, None] * -1e9
        p = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 8 ** -0.5 + mask)
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return tf.nn.batch_normalization(tf.matmul(p, v) + x, mean, variance, None, v1.get_variable("g", [8]), 1e-6), v1.nn.softmax(q, dim=1)

    return run


@model("k: i9 n", v1=True, refused="lookup tables", n=(4, 6))
def v1_table_of_integers(**_):
    def run(k):
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(np.arange(6, dtype=np.int64), np.arange(6, dtype=np.int64) ** 2), -1)
        return table.lookup(tf.cast(k, tf.int64))

    return run


@model("k: i9 n", v1=True, refused="strings", n=(4, 6))
def table_of_strings(**_):
    def run(k):
        table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(["a", "b"]), tf.constant([1, 2], tf.int64)), -1)
        return table.lookup(tf.strings.as_string(k))

    return run


@model("x: f n 4", v1=True, refused="queues are not supported", n=(2, 3))
def v1_queue(**_):
    def run(x):
        queue = v1.FIFOQueue(3, [tf.float32], [[4]])
        return x + queue.dequeue()

    return run


@model("x: f n 4", refused="files are not decoded", n=(2, 3))
def jpeg(**_):
    def run(x):
        return tf.io.decode_jpeg(tf.io.encode_jpeg(tf.cast(x[..., None], tf.uint8)))

    return run
