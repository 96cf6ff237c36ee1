"""Transformers and other models with attention."""

import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


def positions(width):
    def add(x):
        at = tf.cast(tf.range(tf.shape(x)[1]), tf.float32)[:, None]
        angle = at / tf.pow(1e4, tf.range(0, width, 2, dtype=tf.float32)[None, :] / width)
        return x + tf.concat([tf.sin(angle), tf.cos(angle)], -1)[None]

    return L.Lambda(add, output_shape=lambda s: s)


def feed_forward(x, width, activation="gelu"):
    y = L.Dense(2 * width, activation=activation)(x)
    return L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.Dense(width)(y)]))


def encoder_block(x, heads=2, width=16, mask=None):
    y = L.MultiHeadAttention(heads, width // heads, dropout=0.1)(x, x, attention_mask=mask)
    return feed_forward(L.LayerNormalization(epsilon=1e-6)(L.Add()([x, L.Dropout(0.1)(y)])), width)


@model("x: f n t 16", n=(2, 3), t=(5, 9))
def transformer_encoder(n, t):
    x = i = tf.keras.Input((t, 16), n)
    for _ in range(2):
        x = encoder_block(positions(16)(x))
    return tf.keras.Model(i, [x, L.GlobalAveragePooling1D()(x)])


@model("ids: i20 n t", n=(2, 3), t=(6, 11))
def transformer_masked_embedding(n, t):
    i = tf.keras.Input((t,), n, dtype="int32")
    x = L.Embedding(20, 16, mask_zero=True)(i)
    x = encoder_block(x)
    return tf.keras.Model(i, L.Dense(3, activation="softmax")(L.GlobalAveragePooling1D()(x)))


@model("source: i20 n s; target: i20 n t", n=(2, 3), s=(5, 8), t=(4, 7))
def transformer_encoder_decoder(n, s, t):
    source, target = tf.keras.Input((s,), n, dtype="int32"), tf.keras.Input((t,), n, dtype="int32")
    memory = encoder_block(positions(16)(L.Embedding(20, 16, mask_zero=True)(source)))
    x = positions(16)(L.Embedding(20, 16, mask_zero=True)(target))
    x = L.LayerNormalization()(x + L.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True))
    x = L.LayerNormalization()(x + L.MultiHeadAttention(2, 8, value_dim=6)(x, memory))
    return tf.keras.Model([source, target], L.Dense(20)(feed_forward(x, 16, "relu")))


@model("ids: i50 n t", n=(1, 3), t=(7, 12))
def gpt(n, t):
    table = tf.Variable(tf.random.stateless_normal((50, 16), (1, 2)))
    places = tf.Variable(tf.random.stateless_normal((32, 16), (1, 3)))
    dense = [tf.Variable(0.3 * tf.random.stateless_normal(s, (2, s[1]))) for s in ((16, 48), (16, 16), (16, 64), (64, 16))]

    def norm(x):
        mean, variance = tf.nn.moments(x, [-1], keepdims=True)
        return (x - mean) * tf.math.rsqrt(variance + 1e-5)

    def run(ids):
        batch, length = tf.unstack(tf.shape(ids))
        x = tf.gather(table, ids) + places[:length]
        for _ in range(2):
            q, k, v = (tf.transpose(tf.reshape(y, [batch, length, 2, 8]), [0, 2, 1, 3])
                       for y in tf.split(norm(x) @ dense[0], 3, -1))
            scores = tf.matmul(q, k, transpose_b=True) / 8 ** 0.5
            mask = tf.linalg.band_part(tf.ones([length, length]), -1, 0)
            p = tf.nn.softmax(scores * mask - 1e9 * (1 - mask))
            y = tf.reshape(tf.transpose(tf.matmul(p, v), [0, 2, 1, 3]), tf.shape(x))
            x = x + y @ dense[1]
            x = x + tf.nn.gelu(norm(x) @ dense[2], approximate=True) @ dense[3]
        logits = tf.einsum("ntd,vd->ntv", norm(x), table)
        return logits, tf.argmax(logits, -1), tf.nn.log_softmax(logits[:, -1])

    return run


@model("image: u n 16 16 3", n=(1, 4))
def vision_transformer(n):
    i = tf.keras.Input((16, 16, 3), n)
    x = L.Reshape((16, 24))(L.Conv2D(24, 4, 4)(i))
    x = L.Lambda(lambda v: tf.concat([tf.tile(tf.fill([1, 1, 24], 0.1), [tf.shape(v)[0], 1, 1]), v], 1))(x)
    x = L.Add()([x, L.Embedding(17, 24)(tf.range(17)[None])])
    for _ in range(2):
        x = encoder_block(x, 3, 24)
    return tf.keras.Model(i, L.Dense(5)(x[:, 0]))


@model("x: f n t 8; mask: m n t", n=(2, 3), t=(5, 8))
def attention_with_mask_input(n, t):
    x, mask = tf.keras.Input((t, 8), n), tf.keras.Input((t,), n, dtype="bool")
    y, scores = L.MultiHeadAttention(2, 4)(x, x, attention_mask=mask[:, None, :], return_attention_scores=True)
    y = L.GroupQueryAttention(4, 4, 2)(y, x)
    return tf.keras.Model([x, mask], [y, scores, L.Attention(use_scale=True)([y, x]), L.AdditiveAttention()([y, x])])


@model("x: f n t 8", n=(2, 3), t=(6, 10))
def rotary_attention(n, t):
    def run(x):
        length = tf.shape(x)[1]
        angle = tf.einsum("i,j->ij", tf.cast(tf.range(length), tf.float32), 1 / 1e4 ** (tf.range(0., 8, 2) / 8))
        cos, sin = (tf.repeat(f(angle), 2, -1) for f in (tf.cos, tf.sin))
        half = tf.reshape(tf.stack([-x[..., 1::2], x[..., ::2]], -1), tf.shape(x))
        q = x * cos + half * sin
        slopes = tf.pow(2., -tf.range(1., 3.))[:, None, None]
        distance = tf.cast(tf.range(length)[None, :] - tf.range(length)[:, None], tf.float32)
        scores = tf.einsum("ntd,nsd->nts", q, q)[:, None] + slopes * distance
        scores = tf.where(distance > 0, -np_inf(), scores)
        return tf.einsum("nhts,nsd->nhtd", tf.nn.softmax(scores), x)

    def np_inf():
        return tf.constant(float("inf"))

    return run


@model("x: f n 8 8 12", n=(1, 3))
def swin_block(n):
    dense = L.Dense(36)

    def run(x):
        batch = tf.shape(x)[0]
        x = tf.roll(x, [-2, -2], [1, 2])
        w = tf.reshape(tf.transpose(tf.reshape(x, [-1, 2, 4, 2, 4, 12]), [0, 1, 3, 2, 4, 5]), [-1, 16, 12])
        q, k, v = tf.unstack(tf.transpose(tf.reshape(dense(w), [-1, 16, 3, 3, 4]), [2, 0, 3, 1, 4]))
        p = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) * 0.5)
        y = tf.reshape(tf.transpose(tf.matmul(p, v), [0, 2, 1, 3]), [batch, 2, 2, 4, 4, 12])
        y = tf.reshape(tf.transpose(y, [0, 1, 3, 2, 4, 5]), [batch, 8, 8, 12])
        return tf.roll(y, [2, 2], [1, 2])

    return run


@model("x: f n t 8", n=(2, 3), t=(8, 12))
def mixture_of_experts(n, t):
    experts = tf.Variable(tf.random.stateless_normal((4, 8, 8), (1, 2)))
    gate = tf.Variable(tf.random.stateless_normal((8, 4), (3, 4)))

    def run(x):
        tokens = tf.reshape(x, [-1, 8])
        weights, chosen = tf.math.top_k(tf.nn.softmax(tokens @ gate), 2)
        spread = tf.einsum("bk,bke->be", weights / tf.reduce_sum(weights, -1, keepdims=True), tf.one_hot(chosen, 4))
        dense = tf.einsum("be,bef->bf", spread, tf.einsum("bd,edf->bef", tokens, experts))
        out = tf.zeros_like(tokens)
        for e in range(4):  # the same with sizes that depend on the data
            at = tf.where(spread[:, e] > 0)
            part = tf.gather_nd(tokens, at) @ experts[e] * tf.gather_nd(spread[:, e], at)[:, None]
            out = tf.tensor_scatter_nd_add(out, at, part)
        return tf.reshape(dense, tf.shape(x)), tf.reshape(out, tf.shape(x)), tf.math.bincount(tf.reshape(chosen, [-1]))

    return run
