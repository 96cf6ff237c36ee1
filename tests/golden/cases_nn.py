"""Convolutions, pooling, normalisation, matrix products, softmax, resizing, fused forms."""

import numpy as np
import tensorflow as tf
from golden import (
    EXACT,
    MATHS,
    MATHS64,
    NORMS,
    SMOOTH,
    SUMS,
    SUMS64,
    b,
    case,
    cases,
    const,
    d,
    f,
    i,
    node,
    raw,
    strip,
    tf1,
)  # noqa: F401


def nchw(build):
    """The oracle for an NCHW case: TensorFlow on a CPU computes in NHWC only."""

    def run(x, *rest):
        return tf.transpose(build(tf.transpose(x, [0, 2, 3, 1]), *rest), [0, 3, 1, 2])

    return run


# -- Conv2D ------------------------------------------------------------------------------------------------
def conv(x, k, s=1, dil=1, padding="SAME", fmt="NHWC", explicit=()):
    sh, sw = s if isinstance(s, tuple) else (s, s)
    dh, dw = dil if isinstance(dil, tuple) else (dil, dil)
    spread = (lambda h, w: [1, h, w, 1]) if fmt == "NHWC" else (lambda h, w: [1, 1, h, w])
    return raw.Conv2D(
        input=x,
        filter=const(f(*k)),
        strides=spread(sh, sw),
        padding=padding,
        data_format=fmt,
        explicit_paddings=list(explicit),
        dilations=spread(dh, dw),
    )


for name, shape, args in [
    ("k3_same", (2, 7, 9, 3), dict(k=(3, 3, 3, 16))),
    ("k3_valid", (1, 7, 9, 3), dict(k=(3, 3, 3, 17), padding="VALID")),
    ("k3_s2_same_even", (1, 8, 8, 3), dict(k=(3, 3, 3, 33), s=2)),
    ("k3_s2_same_odd", (1, 9, 7, 16), dict(k=(3, 3, 16, 16), s=2)),
    ("k3_s2_valid", (1, 9, 8, 4), dict(k=(3, 3, 4, 8), s=2, padding="VALID")),
    ("k1", (1, 5, 6, 17), dict(k=(1, 1, 17, 33))),
    ("k1_c64", (1, 7, 7, 64), dict(k=(1, 1, 64, 48))),
    ("k1_s2", (1, 5, 6, 16), dict(k=(1, 1, 16, 8), s=2)),
    ("k1_to1", (1, 5, 6, 33), dict(k=(1, 1, 33, 1))),
    ("k1_from1", (1, 5, 6, 1), dict(k=(1, 1, 1, 33))),
    ("k5x1", (1, 6, 5, 3), dict(k=(5, 1, 3, 7))),
    ("k1x5_s12", (1, 6, 9, 3), dict(k=(1, 5, 3, 7), s=(1, 2))),
    ("k10x4_s2", (1, 49, 10, 1), dict(k=(10, 4, 1, 8), s=(2, 1))),
    ("k7_s2_c3", (1, 15, 15, 3), dict(k=(7, 7, 3, 16), s=2)),
    ("k2_same", (1, 5, 5, 4), dict(k=(2, 2, 4, 6))),
    ("k4_s3_same", (1, 11, 10, 2), dict(k=(4, 4, 2, 5), s=3)),
    ("stride_over_kernel", (1, 9, 9, 3), dict(k=(2, 2, 3, 4), s=3, padding="VALID")),
    ("stride_over_kernel_same", (1, 10, 9, 3), dict(k=(2, 2, 3, 4), s=4)),
    ("dil2_same", (1, 9, 8, 3), dict(k=(3, 3, 3, 16), dil=2)),
    ("dil23_valid", (1, 9, 11, 4), dict(k=(3, 3, 4, 4), dil=(2, 3), padding="VALID")),
    ("dil4_over_input", (1, 5, 5, 4), dict(k=(3, 3, 4, 4), dil=4)),
    ("explicit", (1, 6, 7, 3), dict(k=(3, 3, 3, 8), padding="EXPLICIT", explicit=(0, 0, 2, 1, 0, 3, 0, 0))),
    (
        "explicit_s2",
        (1, 8, 8, 3),
        dict(k=(3, 3, 3, 8), s=2, padding="EXPLICIT", explicit=(0, 0, 1, 1, 1, 1, 0, 0)),
    ),
    ("kernel_is_image", (2, 4, 5, 3), dict(k=(4, 5, 3, 10), padding="VALID")),
    ("kernel_over_image", (1, 2, 2, 3), dict(k=(5, 5, 3, 4))),
    ("grouped2", (1, 6, 6, 16), dict(k=(3, 3, 8, 32))),
    ("grouped4_s2", (1, 7, 6, 12), dict(k=(3, 3, 3, 20), s=2)),
    ("batch0", (0, 5, 5, 3), dict(k=(3, 3, 3, 4))),
    ("one_pixel", (1, 1, 1, 33), dict(k=(3, 3, 33, 17))),
    ("batch5_c17", (5, 3, 4, 17), dict(k=(3, 3, 17, 3))),
    # As many channels as Winograd's algorithm is used for.
    ("wide_same", (1, 13, 11, 24), dict(k=(3, 3, 24, 40))),
    ("wide_valid", (2, 9, 14, 32), dict(k=(3, 3, 32, 17), padding="VALID")),
    ("wide_explicit", (1, 6, 7, 16), dict(k=(3, 3, 16, 16), padding="EXPLICIT", explicit=(0, 0, 2, 1, 0, 3, 0, 0))),
    ("wide_1x7", (1, 6, 17, 32), dict(k=(1, 7, 32, 32))),
    ("wide_7x1", (1, 17, 6, 32), dict(k=(7, 1, 32, 32))),
    ("wide_5x5", (1, 14, 14, 16), dict(k=(5, 5, 16, 32))),
]:
    case(f"Conv2D/{name}", lambda x, a=args: conv(x, **a), f(*shape), tol=SUMS)
case(
    "Conv2D/f64",
    lambda x: raw.Conv2D(input=x, filter=const(d(3, 3, 3, 5)), strides=[1, 2, 2, 1], padding="SAME"),
    d(1, 6, 7, 3),
    tol=SUMS64,
)
case(
    "Conv2D/stripped",
    lambda x: conv(x, (3, 3, 3, 4)),
    f(1, 5, 5, 3),
    tol=SUMS,
    edit=strip("data_format", "dilations", "explicit_paddings", "use_cudnn_on_gpu"),
)
case(
    "Conv2D/filter_fed",
    lambda x, w: raw.Conv2D(input=x, filter=w, strides=[1, 1, 1, 1], padding="SAME"),
    f(1, 5, 5, 3),
    f(3, 3, 3, 17),
    tol=SUMS,
)
for dyn in ("n", "all"):
    case(f"Conv2D/open_{dyn}", lambda x: conv(x, (3, 3, 3, 16), s=2), f(2, 8, 9, 3), tol=SUMS, dyn=dyn)
    case(f"Conv2D/wide_open_{dyn}", lambda x: conv(x, (3, 3, 16, 24)), f(2, 8, 9, 16), tol=SUMS, dyn=dyn)
case(
    "Conv2D/inf",
    lambda x: conv(x, (3, 3, 2, 4)),
    np.where(np.arange(2 * 25).reshape(1, 5, 5, 2) == 24, np.inf, 1).astype("f"),
    tol=SUMS,
)
for name, a in {
    "nchw": dict(k=(3, 3, 3, 8)),
    "nchw_s2_valid": dict(k=(3, 3, 3, 8), s=(2, 1), padding="VALID"),
}.items():
    case(
        f"Conv2D/{name}",
        lambda x, a=a: conv(x, fmt="NCHW", **a),
        f(1, 3, 7, 6),
        tol=SUMS,
        oracle=nchw(lambda x, a=a: conv(x, **a)),
    )
case(
    "Conv2D/nchw_explicit",
    lambda x: conv(x, (3, 3, 3, 8), fmt="NCHW", padding="EXPLICIT", explicit=(0, 0, 0, 0, 1, 2, 0, 1)),
    f(1, 3, 7, 6),
    tol=SUMS,
    oracle=nchw(lambda x: conv(x, (3, 3, 3, 8), padding="EXPLICIT", explicit=(0, 0, 1, 2, 0, 1, 0, 0))),
)


# -- DepthwiseConv2dNative ---------------------------------------------------------------------------------
def depthwise(x, k, s=1, dil=1, padding="SAME", fmt="NHWC", explicit=()):
    spread = (lambda v: [1, v, v, 1]) if fmt == "NHWC" else (lambda v: [1, 1, v, v])
    return raw.DepthwiseConv2dNative(
        input=x,
        filter=const(f(*k)),
        strides=spread(s),
        padding=padding,
        data_format=fmt,
        explicit_paddings=list(explicit),
        dilations=spread(dil),
    )


for name, shape, args in [
    ("k3", (2, 6, 7, 16), dict(k=(3, 3, 16, 1))),
    ("k3_c17", (1, 6, 7, 17), dict(k=(3, 3, 17, 1))),
    ("k3_c33_s2", (1, 8, 9, 33), dict(k=(3, 3, 33, 1), s=2)),
    ("k3_c3_valid", (1, 6, 7, 3), dict(k=(3, 3, 3, 1), padding="VALID")),
    ("k5_s2", (1, 9, 8, 8), dict(k=(5, 5, 8, 1), s=2)),
    ("mult2", (1, 6, 7, 3), dict(k=(3, 3, 3, 2))),
    ("mult8_c1", (1, 6, 7, 1), dict(k=(3, 3, 1, 8))),
    ("mult3_s2", (1, 6, 7, 5), dict(k=(3, 3, 5, 3), s=2)),
    ("one_pixel_kernel", (1, 4, 4, 6), dict(k=(1, 1, 6, 1))),
    ("explicit", (1, 6, 6, 4), dict(k=(3, 3, 4, 1), padding="EXPLICIT", explicit=(0, 0, 2, 0, 1, 1, 0, 0))),
]:
    case(f"DepthwiseConv2dNative/{name}", lambda x, a=args: depthwise(x, **a), f(*shape), tol=SUMS)
case(
    "DepthwiseConv2dNative/dil2",
    lambda x: depthwise(x, (3, 3, 4, 1), dil=2),
    f(1, 9, 8, 4),
    tol=SUMS,
    oracle=lambda x: tf.nn.depthwise_conv2d(x, const(f(3, 3, 4, 1)), [1, 1, 1, 1], "SAME", dilations=[2, 2]),
)
case(
    "DepthwiseConv2dNative/open_all",
    lambda x: depthwise(x, (3, 3, 8, 1), s=2),
    f(1, 7, 6, 8),
    tol=SUMS,
    dyn="all",
)
case(
    "DepthwiseConv2dNative/nchw",
    lambda x: depthwise(x, (3, 3, 4, 2), fmt="NCHW"),
    f(1, 4, 5, 6),
    tol=SUMS,
    oracle=nchw(lambda x: depthwise(x, (3, 3, 4, 2))),
)


# -- Conv2DBackpropInput (transposed convolution) ----------------------------------------------------------
def deconv(y, out, k, s=1, padding="SAME", dil=1, explicit=()):
    return raw.Conv2DBackpropInput(
        input_sizes=const(np.array(out, np.int32)),
        filter=const(f(*k)),
        out_backprop=y,
        strides=[1, s, s, 1],
        padding=padding,
        dilations=[1, dil, dil, 1],
        explicit_paddings=list(explicit),
    )


for name, shape, args in [
    ("s2_same", (1, 4, 5, 8), dict(out=(1, 8, 10, 3), k=(3, 3, 3, 8), s=2)),
    ("s2_same_odd", (2, 4, 5, 4), dict(out=(2, 7, 9, 17), k=(3, 3, 17, 4), s=2)),
    ("s2_valid", (1, 3, 4, 4), dict(out=(1, 7, 9, 6), k=(3, 3, 6, 4), s=2, padding="VALID")),
    ("s2_valid_extra", (1, 3, 4, 4), dict(out=(1, 8, 10, 6), k=(3, 3, 6, 4), s=2, padding="VALID")),
    ("k2_s2", (1, 4, 4, 16), dict(out=(1, 8, 8, 8), k=(2, 2, 8, 16), s=2)),
    ("k9_s3", (1, 4, 5, 4), dict(out=(1, 12, 15, 1), k=(9, 9, 1, 4), s=3)),
    ("s1", (1, 5, 5, 3), dict(out=(1, 5, 5, 4), k=(3, 3, 4, 3))),
    ("k4_s2_same", (1, 4, 4, 3), dict(out=(1, 8, 8, 5), k=(4, 4, 5, 3), s=2)),
    ("k1_s2", (1, 3, 3, 3), dict(out=(1, 6, 6, 5), k=(1, 1, 5, 3), s=2)),
    ("k1_s3", (1, 3, 2, 3), dict(out=(1, 9, 5, 2), k=(1, 1, 2, 3), s=3)),
    ("k2_s3", (1, 3, 2, 3), dict(out=(1, 9, 5, 2), k=(2, 2, 2, 3), s=3)),
    ("k1_s2_valid", (1, 3, 2, 3), dict(out=(1, 6, 3, 2), k=(1, 1, 2, 3), s=2, padding="VALID")),
    (
        "explicit",
        (1, 4, 4, 3),
        dict(out=(1, 7, 7, 2), k=(3, 3, 2, 3), s=2, padding="EXPLICIT", explicit=(0, 0, 1, 1, 1, 1, 0, 0)),
    ),
]:
    case(f"Conv2DBackpropInput/{name}", lambda x, a=args: deconv(x, **a), f(*shape), tol=SUMS)
def not_finite():
    x = f(1, 5, 5, 1)()
    x[0, 1, 1, 0], x[0, 2, 3, 0], x[0, 4, 4, 0] = np.inf, np.nan, -np.inf
    return x


for k, s, out in ((3, 2, 10), (2, 3, 15), (5, 2, 9), (5, 3, 13), (4, 3, 14)):
    case(
        f"Conv2DBackpropInput/inf_k{k}_s{s}",
        lambda x, k=k, s=s, out=out: deconv(x, out=(1, out, out, 1), k=(k, k, 1, 1), s=s),
        not_finite,
        tol=SUMS,
    )
case(
    "Conv2DBackpropInput/shape_from_input",
    lambda x: raw.Conv2DBackpropInput(
        input_sizes=raw.Pack(values=[tf.shape(x)[0], tf.shape(x)[1] * 2, tf.shape(x)[2] * 2, tf.constant(3)]),
        filter=const(f(3, 3, 3, 4)),
        out_backprop=x,
        strides=[1, 2, 2, 1],
        padding="SAME",
    ),
    f(2, 3, 4, 4),
    tol=SUMS,
    dyn="all",
)


# -- Pooling -----------------------------------------------------------------------------------------------
def pool(op, x, k, s, padding="SAME", **kw):
    values = dict(value=x) if op == "AvgPool" else dict(input=x)
    return getattr(raw, op)(
        ksize=[1, k[0], k[1], 1], strides=[1, s[0], s[1], 1], padding=padding, **values, **kw
    )


def network(x):
    """Kernels of all kinds between images of 16, 32, … channels, which may lie in any layout."""
    a = raw.Relu6(features=conv(x, (1, 1, 32, 48)))
    b = conv(a, (3, 3, 48, 64))
    c = raw.Relu(features=depthwise(b, (3, 3, 64, 1)))
    d = raw.AddV2(x=conv(c, (1, 1, 64, 64)), y=b)
    both = [conv(d, (3, 3, 64, 32), s=2), conv(pool("MaxPool", d, (3, 3), (2, 2)), (1, 1, 64, 16))]
    e = raw.ConcatV2(values=both, axis=3)
    g = raw.Relu(features=raw.Mul(x=e, y=const(f(48))))  # read twice: a kernel of its own
    gate = raw.Sigmoid(x=raw.Mean(input=g, axis=[1, 2], keep_dims=True))
    h = conv(raw.Mul(x=g, y=gate), (1, 1, 48, 48), s=2)
    k = raw.Pad(input=conv(g, (1, 1, 48, 32)), paddings=const(np.int32([[0, 0], [1, 2], [0, 1], [0, 0]])))
    m = raw.AvgPool(value=k, ksize=[1, 2, 3, 1], strides=[1, 1, 2, 1], padding="SAME")
    return [raw.Softmax(logits=conv(m, (1, 1, 32, 16))), raw.Max(input=h, axis=[1]), d]


for n in (1, 3):
    case(f"Conv2D/network_{n}", network, f(n, 14, 13, 32), tol=SUMS)
case("Conv2D/network_open", network, f(1, 9, 14, 32), tol=SUMS, dyn="all")

for op in ("MaxPool", "AvgPool"):
    for name, shape, k, s, padding in [
        ("k2_s2", (2, 6, 8, 16), (2, 2), (2, 2), "SAME"),
        ("k2_s2_odd", (1, 5, 7, 3), (2, 2), (2, 2), "SAME"),
        ("k2_s2_valid_odd", (1, 5, 7, 3), (2, 2), (2, 2), "VALID"),
        ("k3_s2", (1, 8, 7, 17), (3, 3), (2, 2), "SAME"),
        ("k3_s1", (1, 5, 6, 33), (3, 3), (1, 1), "SAME"),
        ("k3_s2_valid", (1, 8, 7, 1), (3, 3), (2, 2), "VALID"),
        ("k2x3_s12", (1, 6, 6, 4), (2, 3), (1, 2), "SAME"),
        ("global", (2, 7, 5, 17), (7, 5), (1, 1), "VALID"),
        ("k5_over_image", (1, 3, 3, 2), (5, 5), (1, 1), "SAME"),
        ("batch0", (0, 4, 4, 3), (2, 2), (2, 2), "SAME"),
    ]:
        tol = SUMS if op == "AvgPool" else EXACT
        case(
            f"{op}/{name}", lambda x, a=(op,), k=k, s=s, p=padding: pool(a[0], x, k, s, p), f(*shape), tol=tol
        )
    case(f"{op}/open_all", lambda x, op=op: pool(op, x, (3, 3), (2, 2)), f(1, 7, 6, 5), tol=SUMS, dyn="all")
    case(f"{op}/f64", lambda x, op=op: pool(op, x, (2, 2), (2, 2)), d(1, 4, 5, 3), tol=SUMS64)
    key = "value" if op == "AvgPool" else "input"
    case(
        f"{op}/nchw",
        lambda x, op=op, key=key: getattr(raw, op)(
            **{key: x}, ksize=[1, 1, 3, 2], strides=[1, 1, 2, 1], padding="SAME", data_format="NCHW"
        ),
        f(1, 3, 7, 6),
        tol=SUMS,
        oracle=nchw(
            lambda x, op=op, key=key: getattr(raw, op)(
                **{key: x}, ksize=[1, 3, 2, 1], strides=[1, 2, 1, 1], padding="SAME"
            )
        ),
    )
for op in ("MaxPool", "AvgPool"):
    case(f"{op}/none_open", lambda x, op=op: [raw.Neg(x=pool(op, raw.Abs(x=x), (3, 3), (2, 2), "VALID")), raw.Neg(x=x)], f(2, 0, 4, 2), dyn="all")
case("MaxPool/negative", lambda x: pool("MaxPool", x, (3, 3), (2, 2)), f(1, 5, 5, 4, lo=-5, hi=-1))
case(
    "MaxPool/explicit",
    lambda x: pool("MaxPool", x, (3, 3), (2, 2), "EXPLICIT", explicit_paddings=[0, 0, 1, 0, 1, 1, 0, 0]),
    f(1, 6, 6, 3),
)
case("MaxPool/u8", lambda x: pool("MaxPool", x, (2, 2), (2, 2)), i(1, 4, 4, 3, lo=0, hi=255, dtype=np.uint8))
case(
    "MaxPool/inf",
    lambda x: pool("MaxPool", x, (2, 2), (2, 2)),
    np.array([-np.inf] * 5 + [1, np.inf, 2, 3] + [-np.inf] * 7, np.float32).reshape(1, 4, 4, 1),
)
case(
    "MaxPoolV2/k3_s2",
    lambda x: raw.MaxPoolV2(
        input=x,
        ksize=const(np.array([1, 3, 3, 1], np.int32)),
        strides=const(np.array([1, 2, 2, 1], np.int32)),
        padding="SAME",
    ),
    f(1, 7, 6, 5),
)


# -- Batch normalisation, bias, LRN ------------------------------------------------------------------------
def batch_norm(x, op="FusedBatchNormV3", n=None, training=False, outs=1, **kw):
    n = n or x.shape[-1]
    empty = np.zeros(0, np.float32)
    r = getattr(raw, op)(
        x=x,
        scale=const(f(n, lo=0, hi=2)),
        offset=const(f(n)),
        mean=const(empty if training else f(n, lo=-1, hi=1)),
        variance=const(empty if training else f(n, lo=1, hi=3)),
        is_training=training,
        **kw,
    )
    return list(r)[:outs]


for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
    case(f"{op}/inference", lambda x, op=op: batch_norm(x, op, epsilon=0.001), f(2, 3, 4, 17), tol=NORMS)
    case(
        f"{op}/training",
        lambda x, op=op: batch_norm(x, op, training=True, epsilon=0.01),
        f(2, 3, 4, 16),
        tol=NORMS,
    )
    case(
        f"{op}/epsilon_stripped",
        lambda x, op=op: batch_norm(x, op, epsilon=0.0001),
        f(1, 3, 4, 3),
        tol=NORMS,
        edit=strip("epsilon", "data_format", "exponential_avg_factor"),
    )
    case(
        f"{op}/training_stripped",
        lambda x, op=op: batch_norm(x, op, training=True, epsilon=0.0001),
        f(1, 5, 4, 3),
        tol=NORMS,
        edit=strip("epsilon", "is_training", "data_format", "exponential_avg_factor"),
    )
case(
    "FusedBatchNormV3/training_statistics",
    lambda x: batch_norm(x, training=True, outs=3),
    f(2, 3, 5, 4),
    tol=NORMS,
)
case(
    "FusedBatchNormV3/training_one_pixel",
    lambda x: batch_norm(x, training=True, outs=3),
    f(1, 1, 1, 4),
    tol=NORMS,
)
case("FusedBatchNormV3/inference_statistics", lambda x: batch_norm(x, outs=3), f(2, 3, 5, 4), tol=NORMS)
case("FusedBatchNormV3/open_all", lambda x: batch_norm(x, n=16), f(2, 3, 5, 16), tol=NORMS, dyn="all")
case(
    "FusedBatchNormV3/training_open_all",
    lambda x: batch_norm(x, n=3, training=True),
    f(2, 3, 5, 3),
    tol=NORMS,
    dyn="all",
)
case(
    "FusedBatchNormV3/nchw",
    lambda x: batch_norm(x, n=3, data_format="NCHW"),
    f(2, 3, 4, 5),
    tol=NORMS,
    oracle=nchw(lambda x: batch_norm(x, n=3)[0]),
)
case(
    "FusedBatchNormV3/after_conv",
    lambda x: batch_norm(conv(x, (3, 3, 3, 16)), epsilon=0.001),
    f(1, 6, 6, 3),
    tol=NORMS,
)


def global_normalization(scale):
    """BatchNormWithGlobalNormalization, which today's TensorFlow runs no more, put in the place of an AddN."""

    def parts():
        return [
            const(a, name)
            for name, a in zip(("mean", "variance", "beta", "gamma"), (f(5), f(5, lo=1, hi=3), f(5), f(5)))
        ]

    def build(x):
        parts()
        return raw.AddN(inputs=[x])

    def edit(graph):
        n = node(graph, "AddN")
        n.op = "BatchNormWithGlobalNormalization"
        n.input.extend(["mean", "variance", "beta", "gamma"])
        n.attr.pop("N")
        n.attr["variance_epsilon"].f = 0.01
        n.attr["scale_after_normalization"].b = scale

    def oracle(x):
        mean, variance, beta, gamma = parts()
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma if scale else None, 0.01)

    return build, dict(edit=edit, oracle=oracle)


for name, scale in {"scale": True, "no_scale": False}.items():
    build, how = global_normalization(scale)
    case(f"BatchNormWithGlobalNormalization/{name}", build, f(2, 3, 3, 5), tol=NORMS, **how)
case("BiasAdd/rank2", lambda x: raw.BiasAdd(value=x, bias=const(f(17))), f(3, 17), tol=SMOOTH)
case("BiasAdd/rank4", lambda x: raw.BiasAdd(value=x, bias=const(f(33))), f(2, 3, 4, 33), tol=SMOOTH)
case("BiasAdd/rank5", lambda x: raw.BiasAdd(value=x, bias=const(f(3))), f(1, 2, 3, 2, 3), tol=SMOOTH)
case(
    "BiasAdd/nchw",
    lambda x: raw.BiasAdd(value=x, bias=const(f(3)), data_format="NCHW"),
    f(2, 3, 4, 5),
    tol=SMOOTH,
)
case(
    "BiasAdd/nchw_rank3",
    lambda x: raw.BiasAdd(value=x, bias=const(f(3)), data_format="NCHW"),
    f(2, 3, 4),
    tol=SMOOTH,
)
case("BiasAdd/i32", lambda x: raw.BiasAdd(value=x, bias=const(i(3))), i(4, 3))
case(
    "BiasAdd/stripped",
    lambda x: raw.BiasAdd(value=x, bias=const(f(3))),
    f(4, 3),
    tol=SMOOTH,
    edit=strip("data_format"),
)
case("BiasAddV1/rank2", lambda x: raw.BiasAddV1(value=x, bias=const(f(5))), f(3, 5), tol=SMOOTH)
cases(
    "LRN",
    lambda x, **kw: raw.LRN(input=x, **kw),
    f(1, 3, 3, 17),
    tol=MATHS,
    variants={
        "default": {},
        "alexnet": dict(depth_radius=2, bias=1.0, alpha=2e-5, beta=0.75),
        "radius_over_depth": dict(depth_radius=20, alpha=0.1, beta=0.5),
        "bias": dict(depth_radius=1, bias=2.0, alpha=0.5, beta=1.0),
    },
)
case(
    "LRN/stripped",
    lambda x: raw.LRN(input=x),
    f(1, 2, 3, 12),
    tol=MATHS,
    edit=strip("depth_radius", "bias", "alpha", "beta"),
)

# -- Matrix products ---------------------------------------------------------------------------------------
for name, x, y, kw in [
    ("plain", (3, 7), (7, 17), {}),
    ("row", (1, 33), (33, 10), {}),
    ("column", (16, 5), (5, 1), {}),
    ("ta", (7, 3), (7, 17), dict(transpose_a=True)),
    ("tb", (3, 7), (17, 7), dict(transpose_b=True)),
    ("tab", (7, 3), (17, 7), dict(transpose_a=True, transpose_b=True)),
    ("big", (17, 65), (65, 67), {}),
    ("empty_inner", (3, 0), (0, 4), {}),
    ("empty_outer", (0, 3), (3, 4), {}),
]:
    case(f"MatMul/{name}", lambda x, y=y, kw=kw: raw.MatMul(a=x, b=const(f(*y)), **kw), f(*x), tol=SUMS)
    case(f"MatMul/{name}_fed", lambda x, y, kw=kw: raw.MatMul(a=x, b=y, **kw), f(*x), f(*y), tol=SUMS)
case("MatMul/open_n", lambda x: raw.MatMul(a=x, b=const(f(33, 16))), f(3, 33), tol=SUMS, dyn="n")
case("MatMul/f64", lambda x: raw.MatMul(a=x, b=const(d(5, 6))), d(4, 5), tol=SUMS64)
case("MatMul/i32", lambda x: raw.MatMul(a=x, b=const(i(5, 6))), i(4, 5))
case("MatMul/const_left", lambda x: raw.MatMul(a=const(f(4, 5)), b=x), f(5, 6), tol=SUMS)
for name, x, y, kw in [
    ("batch", (2, 3, 4, 5), (2, 3, 5, 6), {}),
    ("adj_x", (2, 5, 4), (2, 5, 6), dict(adj_x=True)),
    ("adj_y", (2, 4, 5), (2, 6, 5), dict(adj_y=True)),
    ("rank2", (4, 5), (5, 6), {}),
]:
    case(f"BatchMatMul/{name}", lambda x, y, kw=kw: raw.BatchMatMul(x=x, y=y, **kw), f(*x), f(*y), tol=SUMS)
for name, x, y, kw in [
    ("batch", (2, 3, 17, 5), (2, 3, 5, 16), {}),
    ("broadcast", (3, 1, 4, 5), (2, 5, 6), {}),
    ("vector_y", (2, 4, 5), (5, 1), {}),
    ("adj_both", (2, 5, 4), (2, 6, 5), dict(adj_x=True, adj_y=True)),
]:
    case(
        f"BatchMatMulV2/{name}", lambda x, y, kw=kw: raw.BatchMatMulV2(x=x, y=y, **kw), f(*x), f(*y), tol=SUMS
    )
case("BatchMatMulV2/const_rhs", lambda x: raw.BatchMatMulV2(x=x, y=const(f(5, 7))), f(2, 3, 5), tol=SUMS)

# -- Softmax -----------------------------------------------------------------------------------------------
for op in ("Softmax", "LogSoftmax"):
    for name, shape in [
        ("row", (1, 10)),
        ("c17", (3, 17)),
        ("rank3", (2, 3, 33)),
        ("rank1", (7,)),
        ("one", (4, 1)),
        ("c1000", (1, 1000)),
        ("empty", (0, 5)),
    ]:
        case(f"{op}/{name}", lambda x, op=op: getattr(raw, op)(logits=x), f(*shape, lo=-6, hi=6), tol=MATHS)
    case(
        f"{op}/large",
        lambda x, op=op: getattr(raw, op)(logits=x),
        np.array([[1000, 999, -1000, 0], [-1e30, 0, 1, 2], [88, 89, 90, 91]], "f"),
        tol=MATHS,
    )
    case(
        f"{op}/masked",
        lambda x, op=op: getattr(raw, op)(logits=x),
        np.array([[1, -np.inf, 2, -np.inf], [0, 0, -np.inf, 3]], "f"),
        tol=MATHS,
    )
    case(f"{op}/f64", lambda x, op=op: getattr(raw, op)(logits=x), d(3, 5), tol=MATHS64)
    case(f"{op}/open_all", lambda x, op=op: getattr(raw, op)(logits=x), f(2, 9), tol=MATHS, dyn="all")

# -- Resizing ----------------------------------------------------------------------------------------------
MODES = {"legacy": {}, "corners": dict(align_corners=True), "half_pixel": dict(half_pixel_centers=True)}
for mode, kw in MODES.items():
    for name, shape, size in [
        ("up2", (1, 4, 5, 3), (8, 10)),
        ("up_odd", (2, 3, 4, 17), (7, 5)),
        ("down", (1, 9, 8, 4), (4, 3)),
        ("same", (1, 4, 4, 2), (4, 4)),
        ("from1", (1, 1, 1, 3), (3, 4)),
        ("to1", (1, 5, 6, 3), (1, 1)),
        ("x8", (1, 2, 3, 5), (16, 24)),
    ]:
        case(
            f"ResizeBilinear/{mode}_{name}",
            lambda x, size=size, kw=kw: raw.ResizeBilinear(
                images=x, size=const(np.array(size, np.int32)), **kw
            ),
            f(*shape),
            tol=SUMS,
        )
        case(
            f"ResizeNearestNeighbor/{mode}_{name}",
            lambda x, size=size, kw=kw: raw.ResizeNearestNeighbor(
                images=x, size=const(np.array(size, np.int32)), **kw
            ),
            f(*shape),
        )
case(
    "ResizeBilinear/u8",
    lambda x: raw.ResizeBilinear(images=x, size=const(np.array([5, 7], np.int32))),
    i(1, 3, 4, 3, lo=0, hi=255, dtype=np.uint8),
    tol=SUMS,
)
case(
    "ResizeBilinear/size_from_input",
    lambda x: raw.ResizeBilinear(images=x, size=tf.shape(x)[1:3] * 2),
    f(1, 3, 4, 5),
    tol=SUMS,
    dyn="all",
)
case(
    "ResizeNearestNeighbor/u8",
    lambda x: raw.ResizeNearestNeighbor(images=x, size=const(np.array([5, 7], np.int32))),
    i(1, 3, 4, 3, lo=0, hi=255, dtype=np.uint8),
)


# -- Already fused nodes, as Grappler and old optimisers leave them ----------------------------------------
def fused(op, fused_ops, args, conv_attrs=True, **numbers):
    """Turn the plain node named "fused" into TensorFlow's fused one, with the Const nodes args0, args1, … behind it."""

    def edit(graph):
        n = next(n for n in graph.node if n.name == "fused")
        n.op = op
        n.input.extend(args)
        n.attr["num_args"].i = len(args)
        n.attr["fused_ops"].list.s.extend(s.encode() for s in fused_ops)
        if op == "_FusedConv2D":
            n.attr["TArgs"].list.type.extend([tf.float32.as_datatype_enum] * len(args))
        for key in ("use_cudnn_on_gpu", "explicit_paddings", "grad_a", "grad_b"):
            n.attr.pop(key, None)
        for key, v in numbers.items():
            n.attr[key].f = v

    return edit


ACTIVATIONS = {
    "Relu": tf.nn.relu,
    "Relu6": tf.nn.relu6,
    "Elu": tf.nn.elu,
    "LeakyRelu": lambda x: tf.nn.leaky_relu(x, 0.3),
    "Sigmoid": tf.sigmoid,
    "Tanh": tf.tanh,
    "": lambda x: x,
}


def with_args(x, base, *args):
    y = base(x)
    for n, a in enumerate(args):
        const(a, f"args{n}")
    return y


CONV = lambda x: raw.Conv2D(
    input=x, filter=const(f(3, 3, 3, 8)), strides=[1, 1, 1, 1], padding="SAME", name="fused"
)
DEPTH = lambda x: raw.DepthwiseConv2dNative(
    input=x, filter=const(f(3, 3, 3, 1)), strides=[1, 1, 1, 1], padding="SAME", name="fused"
)
DENSE = lambda x: raw.MatMul(a=x, b=const(f(6, 8)), name="fused")
for act, fn in ACTIVATIONS.items():
    ops = ["BiasAdd", act] if act else ["BiasAdd"]
    extra = dict(leakyrelu_alpha=0.3) if act == "LeakyRelu" else {}
    name = "bias_" + act.lower() if act else "bias"
    for op, base, n, shape in [
        ("_FusedConv2D", CONV, 8, (1, 5, 5, 3)),
        ("_FusedMatMul", DENSE, 8, (3, 6)),
        ("_FusedDepthwiseConv2dNative", DEPTH, 3, (1, 5, 5, 3)),
    ]:
        if op == "_FusedDepthwiseConv2dNative" and act not in ("", "Relu", "Relu6", "Elu"):
            continue
        case(
            f"{op}/{name}",
            lambda x, base=base, n=n: with_args(x, base, f(n)),
            f(*shape),
            tol=NORMS,
            edit=fused(op, ops, ["args0"], **extra),
            oracle=lambda x, base=base, n=n, fn=fn: fn(tf.nn.bias_add(base(x), const(f(n)))),
        )


def norm_args(y, epsilon=0.001):
    scale, offset, mean, var = (const(a) for a in (f(8, lo=0, hi=2), f(8), f(8), f(8, lo=1, hi=3)))
    return (y - mean) * tf.math.rsqrt(var + epsilon) * scale + offset


for act, fn in {"": tf.identity, "Relu": tf.nn.relu}.items():
    case(
        f"_FusedConv2D/batch_norm{act and '_relu'}",
        lambda x: with_args(x, CONV, f(8, lo=0, hi=2), f(8), f(8), f(8, lo=1, hi=3)),
        f(1, 5, 5, 3),
        tol=NORMS,
        edit=fused(
            "_FusedConv2D",
            ["FusedBatchNorm"] + [act] * bool(act),
            ["args0", "args1", "args2", "args3"],
            epsilon=0.001,
        ),
        oracle=lambda x, fn=fn: fn(norm_args(CONV(x))),
    )
case(
    "_FusedConv2D/bias_add_relu",
    lambda x: with_args(x, CONV, f(8), f(1, 5, 5, 8)),
    f(1, 5, 5, 3),
    tol=NORMS,
    edit=fused("_FusedConv2D", ["BiasAdd", "Add", "Relu"], ["args0", "args1"]),
    oracle=lambda x: tf.nn.relu(tf.nn.bias_add(CONV(x), const(f(8))) + const(f(1, 5, 5, 8))),
)


def batch_norm_ex(relu, side):
    def edit(graph):
        n = node(graph, "FusedBatchNormV3")
        n.op = "_FusedBatchNormEx"
        n.attr["activation_mode"].s = b"Relu" if relu else b"Identity"
        n.attr["num_side_inputs"].i = int(side)
        if side:
            n.input.append("y")

    return edit


case(
    "_FusedBatchNormEx/relu",
    lambda x: batch_norm(x),
    f(2, 3, 3, 8),
    tol=NORMS,
    edit=batch_norm_ex(True, False),
    oracle=lambda x: tf.nn.relu(batch_norm(x)[0]),
)
case(
    "_FusedBatchNormEx/relu_side",
    lambda x, y: batch_norm(x),
    f(2, 3, 3, 8),
    f(2, 3, 3, 8),
    tol=NORMS,
    edit=batch_norm_ex(True, True),
    oracle=lambda x, y: tf.nn.relu(batch_norm(x)[0] + y),
)
for mode in ("REFLECT", "SYMMETRIC"):
    case(
        f"FusedPadConv2D/{mode.lower()}",
        lambda x, mode=mode: raw.FusedPadConv2D(
            input=x,
            paddings=const(np.array([[0, 0], [1, 2], [2, 1], [0, 0]], np.int32)),
            filter=const(f(3, 3, 3, 4)),
            mode=mode,
            strides=[1, 1, 1, 1],
            padding="VALID",
        ),
        f(1, 5, 6, 3),
        tol=SUMS,
    )
    case(
        f"FusedResizeAndPadConv2D/{mode.lower()}",
        lambda x, mode=mode: raw.FusedResizeAndPadConv2D(
            input=x,
            size=const(np.array([7, 8], np.int32)),
            paddings=const(np.array([[0, 0], [1, 2], [2, 1], [0, 0]], np.int32)),
            filter=const(f(3, 3, 3, 4)),
            mode=mode,
            strides=[1, 2, 2, 1],
            padding="VALID",
        ),
        f(1, 5, 6, 3),
        tol=SUMS,
    )

# -- Patterns that the passes look for ---------------------------------------------------------------------
case(
    "Pattern/conv_bias_relu",
    lambda x: tf.nn.relu(tf.nn.bias_add(conv(x, (3, 3, 3, 16)), const(f(16)))),
    f(1, 7, 7, 3),
    tol=SUMS,
)
case(
    "Pattern/conv_bias_add_relu6",
    lambda x, y: tf.nn.relu6(tf.nn.bias_add(conv(x, (3, 3, 3, 16)), const(f(16))) + y),
    f(1, 5, 5, 3),
    f(1, 5, 5, 16),
    tol=SUMS,
)
case(
    "Pattern/conv_residual",
    lambda x: tf.nn.relu(conv(tf.nn.relu(conv(x, (3, 3, 16, 16))), (3, 3, 16, 16)) + x),
    f(1, 5, 5, 16),
    tol=SUMS,
)
case(
    "Pattern/pad_conv",
    lambda x: conv(tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]]), (7, 7, 3, 8), s=2, padding="VALID"),
    f(1, 9, 9, 3),
    tol=SUMS,
)
case(
    "Pattern/pad_channels_conv",
    lambda x: conv(tf.pad(x, [[0, 0], [0, 1], [0, 0], [0, 2]]), (3, 3, 5, 8), padding="VALID"),
    f(1, 5, 5, 3),
    tol=SUMS,
)
case(
    "Pattern/pad_depthwise",
    lambda x: depthwise(tf.pad(x, [[0, 0], [0, 1], [0, 1], [0, 0]]), (3, 3, 8, 1), s=2, padding="VALID"),
    f(1, 6, 6, 8),
    tol=SUMS,
)
case(
    "Pattern/swish_scale",
    lambda x: conv(x, (1, 1, 16, 16)) * tf.sigmoid(tf.reduce_mean(x, [1, 2], keepdims=True)),
    f(1, 5, 5, 16),
    tol=SUMS,
)
case(
    "Pattern/hand_batch_norm",
    lambda x: (conv(x, (3, 3, 3, 8)) - const(f(8)))
    * (tf.math.rsqrt(const(f(8, lo=1, hi=3)) + 0.001) * const(f(8)))
    + const(f(8)),
    f(1, 5, 5, 3),
    tol=SUMS,
)
case(
    "Pattern/batch_norm_before_conv",
    lambda x: conv(tf.nn.relu(batch_norm(x)[0]), (1, 1, 16, 8)),
    f(1, 5, 5, 16),
    tol=SUMS,
)
case(
    "Pattern/space_batch_conv",
    lambda x: raw.BatchToSpaceND(
        input=conv(
            raw.SpaceToBatchND(
                input=x,
                block_shape=const(np.array([2, 2], np.int32)),
                paddings=const(np.array([[2, 3], [2, 2]], np.int32)),
            ),
            (3, 3, 4, 8),
            padding="VALID",
        ),
        block_shape=const(np.array([2, 2], np.int32)),
        crops=const(np.array([[0, 1], [0, 0]], np.int32)),
    ),
    f(1, 7, 8, 4),
    tol=SUMS,
)
case(
    "Pattern/transpose_conv_transpose",
    lambda x: tf.transpose(conv(tf.transpose(x, [0, 2, 3, 1]), (3, 3, 3, 8)), [0, 3, 1, 2]),
    f(1, 3, 5, 6),
    tol=SUMS,
)
case(
    "Pattern/two_uses",
    lambda x: (lambda c: [tf.nn.relu(c), c * 2.0, tf.reduce_sum(c, 3)])(conv(x, (3, 3, 3, 8))),
    f(1, 5, 5, 3),
    tol=SUMS,
)
case(
    "Pattern/concat_of_convs",
    lambda x: tf.concat([conv(x, (1, 1, 8, 8)), tf.nn.relu(conv(x, (3, 3, 8, 17))), x], 3),
    f(1, 4, 5, 8),
    tol=SUMS,
)
case(
    "Pattern/flatten_dense",
    lambda x: tf.nn.softmax(
        tf.nn.bias_add(
            tf.matmul(tf.reshape(x, tf.stack([tf.shape(x)[0], 24])), const(f(24, 10))), const(f(10))
        )
    ),
    f(3, 2, 3, 4),
    tol=SUMS,
    dyn="n",
)
case(
    "Pattern/dense_layers",
    lambda x: tf.matmul(tf.nn.relu(tf.matmul(x, const(f(9, 33))) + const(f(33))), const(f(33, 4))),
    f(5, 9),
    tol=SUMS,
    dyn="n",
)
case(
    "Pattern/dropout_leftover",
    lambda x: x / 1.0 * tf.floor(raw.RandomUniform(shape=tf.shape(x), dtype=tf.float32) + 1.0),
    f(3, 5),
    tol=SMOOTH,
)
case("Pattern/tensordot", lambda x: tf.tensordot(x, const(f(6, 8)), 1), f(2, 3, 6), tol=SUMS, dyn="n")
