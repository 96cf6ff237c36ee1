"""Models of images and volumes."""

import tensorflow as tf
from tensorflow.keras import layers as L

from models.model import model


def conv(x, filters, size=3, **a):
    x = L.Conv2D(filters, size, padding="same", use_bias=False, **a)(x)
    return L.ReLU()(L.BatchNormalization()(x))


def application(name, size, options):
    def make(n):
        return getattr(tf.keras.applications, name)(weights=None, classes=7, input_tensor=tf.keras.Input((size, size, 3), n), **options)

    make.__name__ = name
    model(f"image: u n {size} {size} 3", n=(1, 2))(make)


for _name, _size, _options in [
        ("MobileNet", 32, dict(alpha=0.25)), ("MobileNetV2", 32, dict(alpha=0.35)), ("MobileNetV3Small", 32, {}),
        ("MobileNetV3Large", 32, dict(minimalistic=True)), ("EfficientNetB0", 32, {}), ("EfficientNetV2B0", 32, {}),
        ("ConvNeXtTiny", 32, {}), ("NASNetMobile", 32, {}), ("Xception", 71, {}), ("VGG16", 32, {}),
        ("DenseNet121", 32, {}), ("ResNet50V2", 32, {}), ("InceptionV3", 75, {}), ("InceptionResNetV2", 75, {})]:
    application(_name, _size, _options)


@model("image: u n h w 3", n=(1, 2), h=(33, 64), w=(40, 37))
def mobilenet_features(n, h, w):
    return tf.keras.applications.MobileNetV3Small(weights=None, include_top=False, input_tensor=tf.keras.Input((h, w, 3), n))


@model("image: u n h w 3", n=(1, 2), h=(16, 32), w=(24, 16))
def unet(n, h, w):
    i = tf.keras.Input((h, w, 3), n)
    a = conv(i, 4)
    b = conv(L.MaxPooling2D()(a), 8)
    c = conv(L.MaxPooling2D()(b), 8)
    x = conv(L.Concatenate()([L.Conv2DTranspose(8, 2, 2)(c), b]), 8)
    x = conv(L.Concatenate()([L.Conv2DTranspose(4, 3, 2, padding="same")(x), a]), 4)
    return tf.keras.Model(i, L.Conv2D(1, 1, activation="sigmoid")(x))


@model("image: u n h w 3", n=(1, 2), h=(32, 41), w=(40, 32))
def deeplab(n, h, w):
    i = tf.keras.Input((h, w, 3), n)
    x = low = conv(conv(i, 8, strides=2), 8, strides=2)
    parts = [conv(x, 4, 1)] + [conv(x, 4, dilation_rate=d) for d in (2, 4)]
    pooled = conv(L.GlobalAveragePooling2D(keepdims=True)(x), 4, 1)
    parts.append(L.Lambda(lambda v: tf.image.resize(v[0], tf.shape(v[1])[1:3]), output_shape=lambda s: s[1][:3] + (4,))([pooled, x]))
    x = conv(L.Concatenate()(parts), 8, 1)
    x = L.Concatenate()([L.UpSampling2D(2)(x), L.UpSampling2D(2)(low)])
    x = L.Conv2D(5, 1)(x)
    x = L.Lambda(lambda v: tf.image.resize(v[0], tf.shape(v[1])[1:3]), output_shape=lambda s: s[1][:3] + (5,))([x, i])
    return tf.keras.Model(i, [x, L.Lambda(lambda v: tf.argmax(v, -1), output_shape=lambda s: s[:3], dtype="int64")(x)])


@model("x: u n d 8 9 2", n=(1, 2), d=(6, 8))
def cnn_3d(n, d):
    i = tf.keras.Input((d, 8, 9, 2), n)
    x = L.BatchNormalization()(L.Conv3D(6, 3, padding="same", activation="relu")(i))
    x = L.AveragePooling3D(2, padding="same")(L.MaxPooling3D((1, 2, 2))(x))
    y = L.Conv3DTranspose(3, 2, strides=2)(x)
    y = L.UpSampling3D((1, 2, 1))(L.Cropping3D(1)(L.ZeroPadding3D((0, 1, 2))(y)))
    return tf.keras.Model(i, [y, L.Dense(3)(L.GlobalAveragePooling3D()(x)), L.GlobalMaxPooling3D()(x)])


@model("image: u n h w 8", n=(1, 2), h=(8, 11), w=(9, 7))
def conv_kinds(n, h, w):
    i = tf.keras.Input((h, w, 8), n)
    x = L.SeparableConv2D(8, 3, depth_multiplier=2, padding="same", activation="swish")(i)
    y = L.DepthwiseConv2D(5, padding="same", dilation_rate=2)(x)
    z = L.Conv2D(12, 3, groups=4, padding="same", activation="leaky_relu")(L.Add()([x, y]))
    t = L.Conv2DTranspose(6, 3, strides=2, padding="same", output_padding=1)(z)
    u = L.DepthwiseConv2D(3, strides=2)(L.PReLU(shared_axes=[1, 2])(z))
    return tf.keras.Model(i, [t, u, L.AveragePooling2D(3, 1, padding="same")(z), L.MaxPooling2D(3, 2, padding="same")(z)])


@model("image: f n h w 8", n=(1, 2), h=(6, 9), w=(7, 5))
def normalisations(n, h, w):
    i = tf.keras.Input((h, w, 8), n)
    outs = [L.GroupNormalization(4)(i), L.GroupNormalization(-1)(i), L.UnitNormalization()(i), L.RMSNormalization()(i),
            L.LayerNormalization(axis=[-2, -1] if w else -1)(i), L.BatchNormalization(axis=-1, center=False)(i),
            L.SpectralNormalization(L.Conv2D(4, 3))(i)]
    return tf.keras.Model(i, outs)


@model("image: f n h w 8", n=(1, 2), h=(6, 9), w=(7, 5))
def activations(n, h, w):
    i = tf.keras.Input((h, w, 8), n)
    names = ["elu", "selu", "softplus", "softsign", "gelu", "mish", "hard_sigmoid", "hard_silu", "relu6", "log_softmax",
             "exponential", "celu", "glu", "squareplus", "sparse_plus", "hard_shrink", "soft_shrink", "tanh_shrink",
             "hard_tanh", "log_sigmoid", "threshold", "sparsemax", "sparse_sigmoid"]
    calls = [L.Activation(a) if a != "threshold" else L.Activation(lambda v: tf.keras.activations.threshold(v, 0.1, -1))
             for a in names]
    outs = [c(i) for c in calls] + [L.Softmax(axis=1)(i), L.ReLU(6, 0.1, 0.2)(i), L.LeakyReLU()(i), L.ELU(0.3)(i)]
    return tf.keras.Model(i, outs)


@model("image: f n h w 8", n=(1, 2), h=(8, 10), w=(6, 8))
def attention_blocks(n, h, w):
    i = tf.keras.Input((h, w, 8), n)
    s = L.Dense(8, activation="sigmoid")(L.Dense(2, activation="relu")(L.GlobalAveragePooling2D()(i)))
    x = L.Multiply()([i, L.Reshape((1, 1, 8))(s)])
    spatial = L.Lambda(lambda v: tf.concat([tf.reduce_mean(v, -1, True), tf.reduce_max(v, -1, True)], -1), output_shape=lambda s: s[:3] + (2,))(x)
    x = L.Multiply()([x, L.Conv2D(1, 3, padding="same", activation="sigmoid")(spatial)])
    shuffled = L.Lambda(lambda v: tf.reshape(tf.transpose(tf.reshape(v, tf.concat([tf.shape(v)[:3], [2, 4]], 0)), [0, 1, 2, 4, 3]), tf.shape(v)), output_shape=lambda s: s)(x)
    up = L.Lambda(lambda v: tf.nn.depth_to_space(v, 2), output_shape=lambda s: (s[0], None, None, 2))(shuffled)
    down = L.Lambda(lambda v: tf.nn.space_to_depth(v, 2), output_shape=lambda s: (s[0], None, None, 32))(shuffled)
    return tf.keras.Model(i, [up, down, L.SpatialDropout2D(0.2)(x)])


@model("image: u n h w 3", n=(1, 2), h=(20, 13), w=(17, 24))
def preprocessing(n, h, w):
    i = tf.keras.Input((h, w, 3), n)
    outs = [L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1, 2, 3])(i), L.Rescaling(1 / 127.5, -1)(i), L.CenterCrop(10, 9)(i)]
    for kind in "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic":
        if kind in ("bilinear", "nearest", "bicubic"):
            outs.append(L.Resizing(12, 11, kind)(i))
        outs.append(L.Lambda(lambda v, k=kind: tf.image.resize(v, [15, 9], k), output_shape=(15, 9, 3))(i))
        outs.append(L.Lambda(lambda v, k=kind: tf.image.resize(v, [26, 30], k, antialias=True), output_shape=(26, 30, 3))(i))
    outs.append(L.Resizing(14, 14, crop_to_aspect_ratio=True)(i))
    outs.append(L.Resizing(14, 14, pad_to_aspect_ratio=True)(i))
    return tf.keras.Model(i, outs)


@model("image: u n h w 3", n=(1, 2), h=(12, 15), w=(10, 14))
def image_ops(n, h, w):
    def run(x):
        return (tf.image.rgb_to_grayscale(x), tf.image.rgb_to_hsv(x), tf.image.hsv_to_rgb(x), tf.image.adjust_hue(x, 0.2),
                tf.image.adjust_saturation(x, 0.4), tf.image.adjust_contrast(x, 1.7), tf.image.adjust_gamma(x, 0.8),
                tf.image.per_image_standardization(x), tf.image.flip_left_right(x), tf.image.flip_up_down(x),
                tf.image.rot90(x, 3), tf.image.transpose(x), tf.image.central_crop(x, 0.5), tf.image.resize_with_pad(x, 9, 16),
                tf.image.resize_with_crop_or_pad(x, 11, 11), tf.image.sobel_edges(x), tf.image.total_variation(x),
                tf.image.rgb_to_yuv(x), tf.image.image_gradients(x), tf.image.convert_image_dtype(x, tf.uint8),
                tf.image.extract_patches(x, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"),
                tf.image.psnr(x, x * 0.9, 1.0), tf.nn.lrn(x, 1), tf.pad(x, [[0, 0], [2, 2], [1, 3], [0, 0]], "REFLECT"))

    return run


@model("image: u n 28 28 1", n=(2, 3))
def capsules(n):
    i = tf.keras.Input((28, 28, 1), n)
    x = L.Reshape((-1, 4))(L.Conv2D(8, 5, 4)(L.Conv2D(8, 9, activation="relu")(i)))

    def squash(v):
        s = tf.reduce_sum(tf.square(v), -1, keepdims=True)
        return s / (1 + s) * v / tf.sqrt(s + 1e-7)

    weight = tf.random.stateless_normal((1, 3, 32, 6, 4), (1, 2))

    def route(v):
        u = tf.squeeze(tf.matmul(tf.tile(weight, [tf.shape(v)[0], 1, 1, 1, 1]), v[:, None, :, :, None]), -1)
        b = tf.zeros(tf.shape(u)[:3])
        for _ in range(3):
            s = squash(tf.einsum("njk,njkd->njd", tf.nn.softmax(b, 1), u))
            b = b + tf.einsum("njd,njkd->njk", s, u)
        return tf.norm(s, axis=-1), s

    y = L.Lambda(lambda v: route(squash(v))[0], output_shape=(3,))(x)
    return tf.keras.Model(i, y)


@model("x: u n 2", n=(5, 8))
def fourier_features(n):
    b = tf.random.stateless_normal((2, 16), (1, 2))
    i = tf.keras.Input((2,), n)
    x = L.Lambda(lambda v: tf.concat([tf.sin(6.28 * v @ b), tf.cos(6.28 * v @ b)], -1), output_shape=(32,))(i)
    for _ in range(2):
        x = L.Lambda(lambda v: tf.sin(30 * v), output_shape=(16,))(L.Dense(16)(x))
    return tf.keras.Model(i, L.Dense(3)(x))


@model("z: f n 8; style: f n 4", n=(2, 3))
def gan_generator(n):
    z, style = tf.keras.Input((8,), n), tf.keras.Input((4,), n)
    x = L.Reshape((4, 4, 8))(L.Dense(128)(z))
    for c in (8, 4):
        x = L.LeakyReLU(0.2)(L.Conv2DTranspose(c, 4, 2, padding="same")(x))
        x = L.GroupNormalization(c)(x) * L.Reshape((1, 1, c))(L.Dense(c)(style)) + L.Reshape((1, 1, c))(L.Dense(c)(style))
    return tf.keras.Model([z, style], L.Conv2D(3, 3, padding="same", activation="tanh")(x))


@model("image: u n h w 3; t: u n", n=(1, 2), h=(8, 16), w=(16, 8))
def diffusion_unet(n, h, w):
    i, t = tf.keras.Input((h, w, 3), n), tf.keras.Input((), n)
    angle = L.Lambda(lambda v: tf.concat([tf.sin(v[:, None] * f), tf.cos(v[:, None] * f)], -1), output_shape=(8,))
    f = tf.exp(-tf.range(4.0))
    e = L.Dense(8, activation="silu")(angle(t))

    def block(x, c):
        y = L.Conv2D(c, 3, padding="same")(tf.keras.activations.silu(L.GroupNormalization(4)(x)))
        y = y + L.Dense(c)(e)[:, None, None, :]
        return y + L.Conv2D(c, 1)(x)

    a = block(L.Conv2D(8, 3, padding="same")(i), 8)
    b = block(L.Conv2D(8, 3, 2, padding="same")(a), 8)
    q = L.Reshape((-1, 8))(b)
    m = L.MultiHeadAttention(2, 4)(q, q)
    b = b + L.Lambda(lambda v: tf.reshape(v[0], tf.shape(v[1])), output_shape=lambda s: s[1])([m, b])
    x = block(L.Concatenate()([L.UpSampling2D(2)(b), a]), 8)
    return tf.keras.Model([i, t], L.Conv2D(3, 3, padding="same")(x))
