"""Keras layers, a few of a kind per model."""

import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


def layers(inputs, outputs, name, **sizes):
    """A model whose outputs are functions of its one input."""
    shape = inputs.split()[2:]

    def make(**known):
        i = tf.keras.Input([int(d) if d.isdigit() else known[d] for d in shape[1:]], known["n"])
        return tf.keras.Model(i, outputs(i))

    make.__name__ = name
    model(inputs, **sizes)(make)


layers("x: f n t 3 4", lambda i: [
    L.ConvLSTM1D(4, 2, padding="same", return_sequences=True)(i), L.ConvLSTM1D(3, 2, go_backwards=True, recurrent_activation="hard_sigmoid")(i),
    L.Bidirectional(L.ConvLSTM1D(2, 2, padding="same"))(i)], "conv_lstm_1d", n=(1, 2), t=(3, 5))
layers("x: f n t 4 3 4 2", lambda i: [L.ConvLSTM3D(2, 2, padding="same", return_sequences=True)(i)], "conv_lstm_3d", n=(1, 2), t=(2, 3))
layers("x: f n t 4", lambda i: [
    L.Bidirectional(L.GRU(3, return_sequences=True), merge_mode=m)(L.Masking(0.0)(L.ReLU()(i - 0.3))) for m in ("ave", "mul", "concat")
    ] + [L.Bidirectional(L.GRU(3, reset_after=False), backward_layer=L.LSTM(3, go_backwards=True))(L.Masking()(L.ReLU()(i - 0.3)))],
    "bidirectional_masking", n=(2, 3), t=(5, 7))
layers("x: f n t 4", lambda i: [
    L.LSTM(3, use_bias=False)(i), L.LSTM(3, unit_forget_bias=False, activation="relu")(i),
    L.GRU(3, use_bias=False, return_sequences=True)(i), L.RNN(L.StackedRNNCells([L.LSTMCell(3), L.LSTMCell(2)]), return_state=True)(i),
    L.GRU(3, recurrent_activation="tanh", go_backwards=True, return_state=True)(i), L.SimpleRNN(3, unroll=False, use_bias=False)(i)],
    "rnn_options", n=(2, 3), t=(4, 6))
layers("x: f n t 5 6", lambda i: [
    L.TimeDistributed(L.Conv1D(3, 2, padding="causal"))(i), L.TimeDistributed(L.Flatten())(i),
    L.TimeDistributed(L.BatchNormalization())(i)] + ([L.TimeDistributed(L.LSTM(3))(i)] if i.shape[1] else []), "time_distributed_layers", n=(2, 3), t=(3, 4))
layers("x: f n t 6", lambda i: [
    L.Conv1D(4, 3, strides=2, padding="same")(i), L.Conv1D(4, 3, dilation_rate=3, padding="same", activation="relu")(i),
    L.Conv1D(6, 3, groups=2)(i), L.Conv1DTranspose(4, 3, strides=2)(i), L.Conv1DTranspose(4, 5, strides=3, padding="same")(i),
    L.Conv1DTranspose(4, 3, strides=2, output_padding=1)(i),
    L.SeparableConv1D(5, 3, dilation_rate=2)(i), L.DepthwiseConv1D(2, dilation_rate=2)(i), L.DepthwiseConv1D(3, strides=2, depth_multiplier=3)(i)],
    "conv_1d_kinds", n=(1, 2), t=(9, 12))
layers("x: f n h w 6", lambda i: [
    L.Conv2D(4, (3, 1), strides=(2, 1), padding="same")(i), L.Conv2D(4, 3, dilation_rate=(2, 1))(i), L.Conv2D(6, 3, groups=6, padding="same")(i),
    L.Conv2DTranspose(4, (3, 2), strides=(2, 3))(i), L.Conv2DTranspose(4, 5, padding="same")(i),
    L.SeparableConv2D(5, 3, strides=2)(i), L.SeparableConv2D(5, 3, dilation_rate=2, padding="same")(i),
    L.DepthwiseConv2D((1, 3), padding="same", depth_multiplier=2, activation="relu")(i)], "conv_2d_kinds", n=(1, 2), h=(8, 11), w=(9, 7))
layers("x: f n d 6 5 4", lambda i: [
    L.Conv3D(4, 2, strides=(2, 1, 2), padding="same")(i), L.Conv3D(4, 2, dilation_rate=2)(i), L.Conv3D(4, 2, groups=2)(i),
    L.Conv3DTranspose(3, 3, strides=2)(i), L.Conv3DTranspose(3, 2, strides=(1, 2, 2), padding="same")(i),
    L.Conv3DTranspose(3, 3, strides=2, padding="same", output_padding=1)(i), L.AveragePooling3D(2, 1, "same")(i), L.MaxPooling3D(3, 2, "same")(i)],
    "conv_3d_kinds", n=(1, 2), d=(5, 7))
layers("x: f n h w 3", lambda i: [L.UpSampling2D((2, 3))(i)], "upsampling", n=(1, 2), h=(4, 6), w=(5, 3))
layers("x: f n 4 5 3", lambda i: [L.UpSampling2D((2, 3), interpolation=k)(i) for k in ("bilinear", "bicubic", "lanczos3", "lanczos5")], "upsampling_to_fixed_sizes", n=(1, 2))
layers("x: f n h w 3", lambda i: [L.Resizing(7, 9, k)(i) for k in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")] + [
    L.Resizing(5, 4, "nearest", crop_to_aspect_ratio=True)(i), L.Resizing(11, 6, pad_to_aspect_ratio=True, fill_value=0.5)(i)],
    "resizing", n=(1, 2), h=(6, 8), w=(5, 10))
layers("x: f n 12 15 3", lambda i: [
    L.AdaptiveAveragePooling2D((4, 5))(i), L.AdaptiveMaxPooling2D((3, 4))(i), L.AdaptiveAveragePooling2D((5, 7))(i)], "adaptive_pooling", n=(1, 2))
layers("x: f n h w 4", lambda i: [
    L.MaxPooling2D((2, 3), (1, 2), "same")(i), L.AveragePooling2D((3, 2), 2)(i), L.GlobalMaxPooling2D(keepdims=True)(i), L.ZeroPadding2D(((1, 0), (2, 3)))(i),
    L.Cropping2D(((1, 2), (0, 1)))(i), L.SpatialDropout2D(0.5)(i), L.GaussianNoise(0.5)(i), L.GaussianDropout(0.5)(i), L.AlphaDropout(0.4)(i),
    L.ActivityRegularization(0.1)(i), L.Permute((3, 1, 2))(i), L.Reshape((-1, 2))(i), L.Identity()(i)], "pooling_and_shapes", n=(1, 2), h=(6, 9), w=(7, 5))
layers("x: f n h w 4", lambda i: [
    L.BatchNormalization(scale=False)(i), L.BatchNormalization(momentum=0.5, epsilon=0.1)(i), L.LayerNormalization(center=False)(i),
    L.LayerNormalization(scale=False, epsilon=0.1)(i), L.RMSNormalization(epsilon=0.1)(i),
    L.GroupNormalization(2, scale=False)(i), L.GroupNormalization(4, center=False)(i), L.UnitNormalization(axis=[1, 2])(i),
    L.SpectralNormalization(L.Dense(3), power_iterations=2)(i)], "more_normalisations", n=(1, 2), h=(4, 6), w=(5, 3))
layers("x: f n h w 4", lambda i: [
    L.Add()([i, i * 2]), L.Subtract()([i, i * i]), L.Multiply()([i, i]), L.Average()([i, i + 1, i - 2]), L.Maximum()([i, -i]), L.Minimum()([i, 1 - i]),
    L.Concatenate(1)([i, i]), L.Dot((1, 1))([L.Reshape((-1, 4))(i), L.Reshape((-1, 4))(i)]), L.PReLU(shared_axes=[1, 2])(i), L.ELU()(i), L.LeakyReLU(0.2)(i),
    L.Softmax()(i), L.Softmax(axis=[1, 2])(i), L.ReLU(negative_slope=0.1)(i), L.ReLU(max_value=1.0)(i)], "merging_and_activations", n=(1, 2), h=(4, 6), w=(5, 3))
layers("x: f n t 6", lambda i: [
    L.EinsumDense("abc,cd->abd", (None, 5), bias_axes="d")(i), L.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de", activation="relu")(i),
    L.RepeatVector(3)(L.Flatten()(L.GlobalAveragePooling1D()(i))), L.Dense(4, use_bias=False, activation="softmax")(i), L.ZeroPadding1D((2, 1))(i),
    L.Cropping1D((1, 2))(i), L.UpSampling1D(3)(i), L.MaxPooling1D(3, 2)(i), L.AveragePooling1D(3, 2, "same")(i), L.GlobalMaxPooling1D(keepdims=True)(i)],
    "dense_and_1d", n=(2, 3), t=(6, 9))
layers("x: u n 12 14 3", lambda i: [layer(i) for layer in (
    L.RandomFlip(), L.RandomRotation(0.2), L.RandomZoom(0.3), L.RandomTranslation(0.1, 0.1), L.RandomContrast(0.3), L.RandomBrightness(0.3),
    L.RandomCrop(8, 9), L.RandomShear(0.1, 0.1),
    L.RandomPerspective(0.4), L.RandomInvert(0.5, value_range=(0, 1)), L.RandomErasing(0.5), L.RandomColorJitter((0, 1)),
    L.RandomGaussianBlur(0.5))], "random_layers", n=(1, 2))
layers("x: u n 12 14 3", lambda i: [layer(i) for layer in (
    L.Solarization(value_range=(0, 1)), L.AutoContrast(value_range=(0, 1)), L.CenterCrop(20, 9), L.CenterCrop(7, 7),
    L.Rescaling([0.1, 0.2, 0.3], [1.0, 2.0, 3.0]), L.Normalization(axis=-1, mean=[1.0, 2, 3], variance=[1.0, 4, 9]), L.Normalization(axis=None, mean=0.3, variance=4.0, invert=True))],
    "image_layers", n=(1, 2))
layers("x: f n 64 1", lambda i: [
    L.STFTSpectrogram("log", 16, 8, 16)(i), L.STFTSpectrogram("magnitude", 16, 8, 32)(i), L.STFTSpectrogram("real", 16, 8, 16)(i),
    L.STFTSpectrogram("angle", 16, 8, 16, padding="same")(i) * 0, L.MelSpectrogram(16, 8, sampling_rate=8000, num_mel_bins=4, min_freq=20)(i[..., 0])], "spectrograms", n=(1, 2))


@model("ids: i20 n 3; x: f n 3; k: i4 n", n=(3, 5))
def preprocessing_layers(n):
    ids, x, k = tf.keras.Input((3,), n, dtype="int32"), tf.keras.Input((3,), n), tf.keras.Input((), n, dtype="int32")
    edges = [-1.0, -0.2, 0.4, 1.5]
    outs = [L.Discretization(edges, output_mode=m)(x) for m in ("int", "one_hot", "multi_hot", "count")]
    outs += [L.CategoryEncoding(20, "multi_hot")(ids), L.CategoryEncoding(20, "count")(ids), L.CategoryEncoding(4, "one_hot")(k)]
    outs += [L.Normalization(mean=[0.0, 1, 2], variance=[1.0, 2, 4])(x), L.Normalization(axis=0, mean=[1.0] * 3, variance=[2.0] * 3)(x[0])]
    return tf.keras.Model([ids, x, k], outs)


@model("ids: i20 n", n=(3, 5), refused="strings are not supported")
def hashing(n):
    i = tf.keras.Input((), n, dtype="int32")
    return tf.keras.Model(i, L.Hashing(5)(i))


@model("a: i20 n; b: i9 n", n=(3, 5), refused="SparseCross")
def hashed_crossing(n):
    a, b = tf.keras.Input((), n, dtype="int32"), tf.keras.Input((), n, dtype="int32")
    return tf.keras.Model([a, b], L.HashedCrossing(5)((a, b)))


@model("x: f n t 8; y: f n s 8; mask: m n s", n=(2, 3), t=(5, 8), s=(4, 6))
def attention_layers(n, t, s):
    x, y, mask = tf.keras.Input((t, 8), n), tf.keras.Input((s, 8), n), tf.keras.Input((s,), n, dtype="bool")
    outs = [L.Attention()([x, y], mask=[None, mask]), L.Attention(use_scale=True, score_mode="concat")([x, y]), L.Attention()([x, x], use_causal_mask=True),
            L.AdditiveAttention()([x, y], mask=[None, mask]), L.AdditiveAttention(use_scale=False)([x, y, y * 2], return_attention_scores=True),
            L.MultiHeadAttention(2, 3, value_dim=5, output_shape=6)(x, y), L.MultiHeadAttention(2, 4, use_bias=False)(x, y, value_mask=None, key_mask=mask),
            L.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True), L.MultiHeadAttention(2, 4, flash_attention=False)(x, y, attention_mask=mask[:, None, :]),
            L.GroupQueryAttention(4, 6, 2)(x, y, use_causal_mask=False)]
    return tf.keras.Model([x, y, mask], outs)


@model("x: f n t 10 3; image: f n 9 8 3", n=(1, 2), t=(3, 4))
def attention_axes_and_locally_connected(n, t):
    x, image = tf.keras.Input((t, 10, 3), n), tf.keras.Input((9, 8, 3), n)
    kernel = tf.random.stateless_normal((7, 6, 27, 4), (1, 2))
    local = L.Lambda(lambda v: tf.einsum("nhwk,hwko->nhwo", tf.image.extract_patches(v, [1, 3, 3, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"), kernel),
                     output_shape=(7, 6, 4))(image)
    return tf.keras.Model([x, image], [L.MultiHeadAttention(2, 4, attention_axes=(2,))(x, x), L.MultiHeadAttention(2, 4, attention_axes=(1, 2))(x, x), local])


@model("x: u n d 8 8 2", n=(1, 2), d=(8, 4))
def unet_3d(n, d):
    i = tf.keras.Input((d, 8, 8, 2), n)

    def block(x, c):
        return L.ReLU()(L.BatchNormalization()(L.Conv3D(c, 3, padding="same")(x)))

    a = block(i, 4)
    b = block(L.MaxPooling3D()(a), 6)
    c = block(L.MaxPooling3D()(b), 8)
    x = block(L.Concatenate()([L.Conv3DTranspose(6, 2, 2)(c), b]), 6)
    x = block(L.Concatenate()([L.UpSampling3D(2)(x), a]), 4)
    return tf.keras.Model(i, L.Conv3D(3, 1, activation="softmax")(x))


@model("image: u n 32 32 3", n=(1, 2))
def regnet(n):
    x = i = tf.keras.Input((32, 32, 3), n)
    x = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 3, 2, padding="same", use_bias=False)(x)))
    for width, stride in ((16, 2), (16, 1), (32, 2)):
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(width, 1, use_bias=False)(x)))
        y = L.ReLU()(L.BatchNormalization()(L.Conv2D(width, 3, stride, groups=width // 8, padding="same", use_bias=False)(y)))
        s = L.Conv2D(width, 1, activation="sigmoid")(L.Conv2D(4, 1, activation="relu")(L.GlobalAveragePooling2D(keepdims=True)(y)))
        y = L.BatchNormalization()(L.Conv2D(width, 1, use_bias=False)(y * s))
        if x.shape[-1] != width or stride != 1:
            x = L.BatchNormalization()(L.Conv2D(width, 1, stride, use_bias=False)(x))
        x = L.ReLU()(x + y)
    return tf.keras.Model(i, L.Dense(5, activation="softmax")(L.GlobalAveragePooling2D()(x)))


@model("source: i12 n s; start: i3 n", n=(2, 3), s=(5, 7))
def attention_decoder(n, s):
    """A decoder with additive attention in a while loop, weights shared with the encoder's."""
    embedding, encode, cell = L.Embedding(12, 6, mask_zero=True), L.GRU(6, return_sequences=True, return_state=True), L.GRUCell(6)
    query, score, dense = L.Dense(6), L.Dense(1), L.Dense(12)

    def run(source, start):
        memory, state = encode(embedding(source))
        keep = tf.not_equal(source, 0)

        def step(i, token, state, out, weights):
            e = score(tf.tanh(query(state)[:, None] + memory))[..., 0]
            a = tf.nn.softmax(tf.where(keep, e, -1e9))
            x = tf.concat([embedding(token), tf.einsum("ns,nsd->nd", a, memory)], -1)
            y, (state,) = cell(x, [state])
            token = tf.argmax(dense(y), -1, tf.int32)
            return i + 1, token, state, out.write(i, token), weights.write(i, a)

        out, weights = tf.TensorArray(tf.int32, 6, element_shape=[None]), tf.TensorArray(tf.float32, 6, element_shape=[None, None])
        _, _, state, out, weights = tf.while_loop(lambda i, *_: i < 6, step, [0, start, state, out, weights], maximum_iterations=10)
        return tf.transpose(out.stack()), tf.transpose(weights.stack(), [1, 0, 2]), state

    return run
