"""Convolutions in three dimensions and backwards, pooling with places, patches, morphology; other types."""

import numpy as np
import tensorflow as tf
from golden import EXACT, SUMS, SUMS64, case, cases, const, d, f, i, node, raw

HALF = (1e-2, 0, 1e-2)  # sums in half precision: TensorFlow's intermediate sums are rounded, ours are not
I32 = lambda *v: const(np.array(v, np.int32))


def via(dtype, build):
    """build with the inputs cast to a type that .npy files lack, its float results cast back."""

    def run(*args):
        outs = tf.nest.flatten(build(*[tf.cast(a, dtype) for a in args]))
        return [tf.cast(o, tf.float32) if o.dtype == dtype else o for o in outs]

    return run


def channels_first(build, n=3):
    """The oracle of a case with channels first: TensorFlow on a CPU has them last only."""
    last, first = [0, *range(2, n + 2), 1], [0, n + 1, *range(1, n + 1)]
    return lambda x, *rest: tf.transpose(build(tf.transpose(x, last), *rest), first)


# -- Conv3D ------------------------------------------------------------------------------------------------
def conv3d(x, k, s=(1, 1, 1), padding="SAME", fmt="NDHWC", dil=(1, 1, 1)):
    spread = (lambda v: [1, *v, 1]) if fmt == "NDHWC" else (lambda v: [1, 1, *v])
    return raw.Conv3D(
        input=x,
        filter=tf.cast(const(f(*k)), x.dtype),
        strides=spread(s),
        padding=padding,
        data_format=fmt,
        dilations=spread(dil),
    )


def spread3d(x, k, dil, padding):
    """Dilations as zeros between the filter's taps."""
    w = f(*k)()
    wide = np.zeros([(n - 1) * t + 1 for n, t in zip(k, dil)] + list(k[3:]), np.float32)
    wide[:: dil[0], :: dil[1], :: dil[2]] = w
    return raw.Conv3D(input=x, filter=const(wide), strides=[1] * 5, padding=padding)


for name, shape, kw in [
    ("k3", (2, 4, 5, 6, 3), dict(k=(3, 3, 3, 3, 5))),
    ("k1", (1, 3, 4, 2, 7), dict(k=(1, 1, 1, 7, 17))),
    ("k3_valid", (1, 4, 5, 6, 3), dict(k=(3, 2, 3, 3, 4), padding="VALID")),
    ("s2", (1, 5, 6, 7, 2), dict(k=(3, 3, 3, 2, 4), s=(2, 2, 2))),
    ("s213_valid", (1, 7, 6, 8, 2), dict(k=(2, 3, 1, 2, 4), s=(2, 1, 3), padding="VALID")),
    ("k1_s2", (1, 4, 4, 4, 3), dict(k=(1, 1, 1, 3, 4), s=(2, 2, 2))),
    ("depth_only", (1, 6, 2, 2, 3), dict(k=(4, 1, 1, 3, 2))),
    ("stride_over_kernel", (1, 7, 7, 7, 1), dict(k=(2, 2, 2, 1, 3), s=(3, 3, 3))),
    ("batch0", (0, 3, 3, 3, 2), dict(k=(3, 3, 3, 2, 2))),
    ("kernel_is_input", (1, 3, 2, 4, 2), dict(k=(3, 2, 4, 2, 3), padding="VALID")),
]:
    case(f"Conv3D/{name}", lambda x, kw=kw: conv3d(x, **kw), f(*shape), tol=SUMS)
case("Conv3D/open_all", lambda x: conv3d(x, (3, 3, 3, 2, 4), (2, 1, 2)), f(1, 5, 4, 6, 2), tol=SUMS, dyn="all")
case("Conv3D/f16", via(tf.float16, lambda x: conv3d(x, (2, 3, 2, 3, 4))), f(1, 3, 4, 3, 3), tol=HALF)
case("Conv3D/bf16", via(tf.bfloat16, lambda x: conv3d(x, (2, 3, 2, 3, 4))), f(1, 3, 4, 3, 3), tol=HALF)
case("Conv3D/f64", lambda x: conv3d(x, (2, 3, 2, 3, 4)), d(1, 3, 4, 3, 3), tol=SUMS64)
for padding in ("SAME", "VALID"):
    case(
        f"Conv3D/dilated_{padding.lower()}",
        lambda x, p=padding: conv3d(x, (2, 3, 2, 3, 4), padding=p, dil=(2, 2, 2)),
        f(1, 5, 6, 7, 3),
        tol=SUMS,
        oracle=lambda x, p=padding: spread3d(x, (2, 3, 2, 3, 4), (2, 2, 2), p),
    )
case(
    "Conv3D/ncdhw",
    lambda x: conv3d(x, (2, 3, 1, 3, 4), (1, 2, 2), fmt="NCDHW"),
    f(1, 3, 4, 5, 6),
    tol=SUMS,
    oracle=channels_first(lambda x: conv3d(x, (2, 3, 1, 3, 4), (1, 2, 2))),
)


def grouped3d(x):
    w = f(2, 2, 2, 2, 6)()
    parts = [
        raw.Conv3D(
            input=x[..., 2 * g : 2 * g + 2], filter=const(w[..., 3 * g : 3 * g + 3]), strides=[1] * 5, padding="SAME"
        )
        for g in range(2)
    ]
    return tf.concat(parts, -1)


case("Conv3D/grouped", lambda x: conv3d(x, (2, 2, 2, 2, 6)), f(1, 3, 3, 4, 4), tol=SUMS, oracle=grouped3d)


# -- Conv3DBackpropInput, also of other conv ops -----------------------------------------------------------
def deconv3d(y, out, k, s=(1, 1, 1), padding="SAME", fmt="NDHWC"):
    return raw.Conv3DBackpropInputV2(
        input_sizes=I32(*out),
        filter=tf.cast(const(f(*k)), y.dtype),
        out_backprop=y,
        strides=[1, *s, 1] if fmt == "NDHWC" else [1, 1, *s],
        padding=padding,
        data_format=fmt,
    )


for name, shape, kw in [
    ("s2_same", (1, 2, 3, 2, 4), dict(out=(1, 4, 6, 4, 3), k=(3, 3, 3, 3, 4), s=(2, 2, 2))),
    ("s2_same_odd", (2, 2, 3, 2, 2), dict(out=(2, 3, 5, 4, 3), k=(3, 2, 3, 3, 2), s=(2, 2, 2))),
    ("s213_valid", (1, 2, 3, 2, 4), dict(out=(1, 5, 4, 7, 2), k=(3, 2, 4, 2, 4), s=(2, 1, 3), padding="VALID")),
    ("s1", (1, 3, 3, 4, 3), dict(out=(1, 3, 3, 4, 2), k=(3, 3, 3, 2, 3))),
    ("k1_s2", (1, 2, 2, 2, 3), dict(out=(1, 4, 4, 3, 2), k=(1, 1, 1, 2, 3), s=(2, 2, 2))),
]:
    case(f"Conv3DBackpropInputV2/{name}", lambda y, kw=kw: deconv3d(y, **kw), f(*shape), tol=SUMS)
S2 = dict(k=(3, 3, 3, 3, 2), s=(2, 2, 2))
case(
    "Conv3DBackpropInputV2/f64",
    lambda y: deconv3d(y, out=(1, 3, 4, 4, 3), **S2),
    d(1, 2, 2, 2, 2),
    tol=SUMS64,
)
case(
    "Conv3DBackpropInputV2/f16",
    via(tf.float16, lambda y: deconv3d(y, out=(1, 3, 4, 4, 3), **S2)),
    f(1, 2, 2, 2, 2),
    tol=HALF,
)
case(
    "Conv3DBackpropInputV2/ncdhw",
    lambda y: deconv3d(y, out=(1, 3, 3, 4, 4), fmt="NCDHW", **S2),
    f(1, 2, 2, 2, 2),
    tol=SUMS,
    oracle=channels_first(lambda y: deconv3d(y, out=(1, 3, 4, 4, 3), **S2)),
)
case(
    "Conv3DBackpropInputV2/shape_from_input",
    lambda y: raw.Conv3DBackpropInputV2(
        input_sizes=tf.stack([tf.shape(y)[0], *(2 * tf.shape(y)[k] for k in (1, 2, 3)), 3]),
        filter=const(f(3, 3, 3, 3, 2)),
        out_backprop=y,
        strides=[1, 2, 2, 2, 1],
        padding="SAME",
    ),
    f(1, 2, 3, 2, 2),
    tol=SUMS,
    dyn="all",
)


def like(graph):
    """The first version, which TensorFlow has removed: a tensor in the place of the sizes."""
    n = node(graph, "Conv3DBackpropInputV2")
    n.op = "Conv3DBackpropInput"
    n.input[0] = "x"
    n.attr.pop("Tshape")
    n.attr.pop("data_format")


case(
    "Conv3DBackpropInput/like",
    lambda x, y: deconv3d(y, out=(1, 3, 4, 4, 3), **S2),
    f(1, 3, 4, 4, 3),
    f(1, 2, 2, 2, 2),
    tol=SUMS,
    edit=like,
    oracle=lambda x, y: deconv3d(y, out=(1, 3, 4, 4, 3), **S2),
)


def deconv2d(y, out, w, s=1, padding="SAME", dil=1, fmt="NHWC"):
    spread = (lambda v: [1, v, v, 1]) if fmt == "NHWC" else (lambda v: [1, 1, v, v])
    return raw.Conv2DBackpropInput(
        input_sizes=I32(*out),
        filter=w if tf.is_tensor(w) else const(w),
        out_backprop=y,
        strides=spread(s),
        padding=padding,
        dilations=spread(dil),
        data_format=fmt,
    )


def wide2d(k, dil):
    w = f(*k)()
    wide = np.zeros([(n - 1) * dil + 1 for n in k[:2]] + list(k[2:]), np.float32)
    wide[::dil, ::dil] = w
    return wide


for name, s, padding, out in [("same", 2, "SAME", (1, 7, 8, 3)), ("valid", 1, "VALID", (1, 8, 8, 3))]:
    case(
        f"Conv2DBackpropInput/dilated_{name}",
        lambda y, a=(s, padding, out): deconv2d(y, a[2], f(3, 3, 3, 2), a[0], a[1], 2),
        f(1, 4, 4, 2),
        tol=SUMS,
        oracle=lambda y, a=(s, padding, out): deconv2d(y, a[2], wide2d((3, 3, 3, 2), 2), a[0], a[1]),
    )
case(
    "Conv2DBackpropInput/nchw",
    lambda y: deconv2d(y, (1, 3, 7, 8), f(3, 3, 3, 2), 2, fmt="NCHW"),
    f(1, 2, 4, 4),
    tol=SUMS,
    oracle=channels_first(lambda y: deconv2d(y, (1, 7, 8, 3), f(3, 3, 3, 2), 2), 2),
)
case(
    "Conv2DBackpropInput/two_sizes",
    lambda y: deconv2d(y, (7, 8), f(3, 3, 3, 2), 2),
    f(1, 4, 4, 2),
    tol=SUMS,
)
case("Conv2DBackpropInput/i32", lambda y: deconv2d(y, (1, 7, 8, 3), i(3, 3, 3, 2), 2), i(1, 4, 4, 2))
case("Conv2DBackpropInput/f64", lambda y: deconv2d(y, (1, 7, 8, 3), d(3, 3, 3, 2), 2), d(1, 4, 4, 2), tol=SUMS64)
case(
    "Conv2DBackpropInput/f16",
    via(tf.float16, lambda y: deconv2d(y, (1, 7, 8, 3), f(3, 3, 3, 2, dtype=np.float16), 2)),
    f(1, 4, 4, 2),
    tol=HALF,
)


def grouped_back(y):
    w = f(3, 3, 2, 6)()
    parts = [
        deconv2d(y[..., 3 * g : 3 * g + 3], (1, 7, 8, 2), w[..., 3 * g : 3 * g + 3], 2) for g in range(2)
    ]
    return tf.concat(parts, -1)


case(
    "Conv2DBackpropInput/grouped",
    lambda y: deconv2d(y, (1, 7, 8, 4), f(3, 3, 2, 6), 2),
    f(1, 4, 4, 6),
    tol=SUMS,
    oracle=grouped_back,
)


def depthwise_back(y, out, w, s=1, padding="SAME", fmt="NHWC", explicit=(), dil=1):
    spread = (lambda v: [1, v, v, 1]) if fmt == "NHWC" else (lambda v: [1, 1, v, v])
    return raw.DepthwiseConv2dNativeBackpropInput(
        input_sizes=I32(*out),
        filter=const(w),
        out_backprop=y,
        strides=spread(s),
        padding=padding,
        data_format=fmt,
        explicit_paddings=list(explicit),
        dilations=spread(dil),
    )


for name, shape, kw in [
    ("k3", (2, 4, 5, 3), dict(out=(2, 4, 5, 3), w=f(3, 3, 3, 1))),
    ("s2", (1, 4, 3, 3), dict(out=(1, 7, 6, 3), w=f(3, 3, 3, 1), s=2)),
    ("s2_valid", (1, 3, 3, 17), dict(out=(1, 7, 8, 17), w=f(3, 3, 17, 1), s=2, padding="VALID")),
    ("mult2", (1, 4, 3, 6), dict(out=(1, 7, 6, 3), w=f(3, 3, 3, 2), s=2)),
    ("mult3_s1", (1, 4, 3, 6), dict(out=(1, 4, 3, 2), w=f(3, 3, 2, 3))),
    (
        "explicit",
        (1, 4, 4, 2),
        dict(out=(1, 7, 7, 2), w=f(3, 3, 2, 1), s=2, padding="EXPLICIT", explicit=(0, 0, 1, 1, 1, 1, 0, 0)),
    ),
]:
    case(f"DepthwiseConv2dNativeBackpropInput/{name}", lambda y, kw=kw: depthwise_back(y, **kw), f(*shape), tol=SUMS)
case(
    "DepthwiseConv2dNativeBackpropInput/nchw",
    lambda y: depthwise_back(y, (1, 3, 7, 6), f(3, 3, 3, 2), 2, fmt="NCHW"),
    f(1, 6, 4, 3),
    tol=SUMS,
    oracle=channels_first(lambda y: depthwise_back(y, (1, 7, 6, 3), f(3, 3, 3, 2), 2), 2),
)
case(
    "DepthwiseConv2dNativeBackpropInput/dilated",
    lambda y: depthwise_back(y, (1, 5, 6, 3), f(3, 3, 3, 1), dil=2),
    f(1, 5, 6, 3),
    tol=SUMS,
    oracle=lambda y: depthwise_back(y, (1, 5, 6, 3), wide2d((3, 3, 3, 1), 2)),
)
case(
    "DepthwiseConv2dNativeBackpropInput/f64",
    lambda y: depthwise_back(y, (1, 7, 6, 3), d(3, 3, 3, 1), 2),
    d(1, 4, 3, 3),
    tol=SUMS64,
)

# -- Conv2D and DepthwiseConv2dNative in other types -------------------------------------------------------
C2 = lambda x: raw.Conv2D(
    input=x, filter=tf.cast(const(f(3, 3, 3, 5)), x.dtype), strides=[1, 2, 1, 1], padding="SAME"
)
D2 = lambda x: raw.DepthwiseConv2dNative(
    input=x, filter=tf.cast(const(f(3, 3, 3, 2)), x.dtype), strides=[1, 1, 1, 1], padding="SAME"
)
for op, build in {"Conv2D": C2, "DepthwiseConv2dNative": D2}.items():
    case(f"{op}/f16", via(tf.float16, build), f(1, 5, 6, 3), tol=HALF)
    case(f"{op}/bf16", via(tf.bfloat16, build), f(1, 5, 6, 3), tol=HALF)
case("DepthwiseConv2dNative/f64", D2, d(1, 5, 6, 3), tol=SUMS64)
case("Conv2D/i32", C2, i(1, 5, 6, 3))


# -- Pooling -----------------------------------------------------------------------------------------------
def pool3d(op, x, k, s, padding="SAME", fmt="NDHWC"):
    spread = (lambda v: [1, *v, 1]) if fmt == "NDHWC" else (lambda v: [1, 1, *v])
    return getattr(raw, op)(input=x, ksize=spread(k), strides=spread(s), padding=padding, data_format=fmt)


for op in ("MaxPool3D", "AvgPool3D"):
    tol = SUMS if op == "AvgPool3D" else EXACT
    for name, shape, k, s, padding in [
        ("k2_s2", (2, 4, 4, 6, 3), (2, 2, 2), (2, 2, 2), "SAME"),
        ("k2_s2_odd", (1, 3, 5, 7, 3), (2, 2, 2), (2, 2, 2), "SAME"),
        ("k323_valid", (1, 5, 4, 7, 17), (3, 2, 3), (1, 2, 2), "VALID"),
        ("k3_s1", (1, 3, 4, 3, 2), (3, 3, 3), (1, 1, 1), "SAME"),
        ("depth_only", (1, 5, 2, 3, 2), (3, 1, 1), (2, 1, 1), "SAME"),
        ("global", (1, 3, 4, 2, 5), (3, 4, 2), (1, 1, 1), "VALID"),
    ]:
        case(f"{op}/{name}", lambda x, a=(op, k, s, padding): pool3d(a[0], x, *a[1:]), f(*shape), tol=tol)
    case(
        f"{op}/open_all",
        lambda x, op=op: pool3d(op, x, (2, 3, 2), (2, 1, 2)),
        f(1, 3, 4, 5, 2),
        tol=tol,
        dyn="all",
    )
    case(
        f"{op}/ncdhw",
        lambda x, op=op: pool3d(op, x, (2, 3, 1), (1, 2, 3), fmt="NCDHW"),
        f(1, 2, 3, 4, 5),
        tol=tol,
        oracle=channels_first(lambda x, op=op: pool3d(op, x, (2, 3, 1), (1, 2, 3))),
    )
    case(f"{op}/bf16", via(tf.bfloat16, lambda x, op=op: pool3d(op, x, (2, 2, 2), (2, 2, 2))), f(1, 3, 4, 4, 2), tol=HALF)

MP = lambda x: raw.MaxPool(input=x, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME")
AP = lambda x: raw.AvgPool(value=x, ksize=[1, 2, 3, 1], strides=[1, 2, 1, 1], padding="SAME")
for t in ("int8", "int16", "int32", "int64", "uint16"):
    lo = 0 if t[0] == "u" else -100
    case(f"MaxPool/{t}", MP, i(1, 3, 4, 2, lo=lo, hi=100, dtype=t))
case("MaxPool/f16", MP, f(1, 3, 4, 2, dtype=np.float16))
case("MaxPool/bf16", via(tf.bfloat16, MP), f(1, 3, 4, 2))
case("AvgPool/f16", via(tf.float16, AP), f(1, 3, 4, 2), tol=HALF)
case("AvgPool/bf16", via(tf.bfloat16, AP), f(1, 3, 4, 2), tol=HALF)
case(
    "MaxPool/channels",
    lambda x: raw.MaxPool(input=x, ksize=[1, 1, 1, 3], strides=[1, 1, 1, 3], padding="SAME"),
    f(2, 2, 3, 9),
)
case(
    "MaxPoolV2/nchw",
    lambda x: raw.MaxPoolV2(
        input=x, ksize=I32(1, 1, 2, 3), strides=I32(1, 1, 2, 1), padding="SAME", data_format="NCHW"
    ),
    f(1, 2, 3, 4),
    oracle=channels_first(MP, 2),
)
case(
    "MaxPoolV2/valid",
    lambda x: raw.MaxPoolV2(input=x, ksize=I32(1, 2, 3, 1), strides=I32(1, 2, 1, 1), padding="VALID"),
    f(1, 3, 4, 2),
)


def pool_argmax(x, k=(2, 3), s=(2, 1), padding="SAME", **kw):
    return list(
        raw.MaxPoolWithArgmax(input=x, ksize=[1, *k, 1], strides=[1, *s, 1], padding=padding, **kw)
    )


for name, shape, kw in [
    ("same", (2, 3, 4, 3), {}),
    ("valid", (1, 5, 4, 3), dict(k=(2, 2), s=(2, 2), padding="VALID")),
    ("k3_s2", (1, 5, 6, 2), dict(k=(3, 3), s=(2, 2))),
    ("with_batch", (2, 3, 4, 3), dict(include_batch_in_index=True)),
    ("i32", (2, 3, 4, 3), dict(Targmax=tf.int32)),
    ("stride_over_window", (1, 7, 7, 2), dict(k=(2, 2), s=(3, 3))),
]:
    case(f"MaxPoolWithArgmax/{name}", lambda x, kw=kw: pool_argmax(x, **kw), f(*shape))
case("MaxPoolWithArgmax/ties", lambda x: pool_argmax(x, (3, 3), (1, 1)), f(1, 4, 4, 2, lo=0, hi=1 / 16))
case(
    "MaxPoolWithArgmax/nan_inf",
    lambda x: pool_argmax(x, (2, 2), (1, 1)),
    np.array([np.nan, 1, 2, np.nan, 5, 6, -np.inf, -np.inf, np.nan, 3, -np.inf, -np.inf], "f").reshape(1, 3, 4, 1),
)
case("MaxPoolWithArgmax/open_all", lambda x: pool_argmax(x, include_batch_in_index=True), f(2, 3, 4, 3), dyn="all")
case("MaxPoolWithArgmax/f16", pool_argmax, f(1, 3, 4, 2, dtype=np.float16))
for t in ("int8", "uint8", "int64", "float64"):
    case(f"MaxPoolWithArgmax/{t}", pool_argmax, i(1, 3, 4, 2, lo=0 if t[0] == "u" else -50, hi=50, dtype=t))


# -- Patches -----------------------------------------------------------------------------------------------
def patches(x, k=(2, 3), s=(1, 1), r=(1, 1), padding="VALID"):
    return raw.ExtractImagePatches(
        images=x, ksizes=[1, *k, 1], strides=[1, *s, 1], rates=[1, *r, 1], padding=padding
    )


for name, shape, kw in [
    ("valid", (2, 4, 5, 3), {}),
    ("same", (1, 4, 5, 3), dict(padding="SAME")),
    ("s2_same", (1, 5, 4, 2), dict(k=(3, 3), s=(2, 2), padding="SAME")),
    ("rates", (1, 6, 7, 2), dict(r=(2, 3))),
    ("rates_same", (1, 6, 7, 2), dict(k=(3, 2), s=(2, 3), r=(2, 1), padding="SAME")),
    ("tiles", (1, 4, 6, 1), dict(k=(2, 2), s=(2, 2))),
]:
    case(f"ExtractImagePatches/{name}", lambda x, kw=kw: patches(x, **kw), f(*shape))
case("ExtractImagePatches/open_all", lambda x: patches(x, s=(2, 1), padding="SAME"), f(1, 5, 4, 2), dyn="all")
for t in ("uint8", "int16", "int64", "float16", "float64"):
    case(f"ExtractImagePatches/{t}", lambda x: patches(x, padding="SAME"), i(1, 3, 3, 2, lo=0, hi=9, dtype=t))


def volumes(x, k=(2, 1, 3), s=(1, 2, 1), padding="VALID"):
    return raw.ExtractVolumePatches(input=x, ksizes=[1, *k, 1], strides=[1, *s, 1], padding=padding)


case("ExtractVolumePatches/valid", volumes, f(1, 3, 4, 4, 2))
case("ExtractVolumePatches/same", lambda x: volumes(x, (2, 2, 2), (2, 2, 2), "SAME"), f(1, 3, 4, 3, 2))
case("ExtractVolumePatches/i32", lambda x: volumes(x, (3, 2, 2), (1, 1, 1), "SAME"), i(1, 3, 2, 3, 1))


# -- Dilation2D --------------------------------------------------------------------------------------------
def dilate(x, w, s=(1, 1), r=(1, 1), padding="SAME"):
    return raw.Dilation2D(input=x, filter=const(w), strides=[1, *s, 1], rates=[1, *r, 1], padding=padding)


for name, shape, kw in [
    ("same", (2, 4, 5, 3), dict(w=f(2, 3, 3))),
    ("valid", (1, 4, 5, 3), dict(w=f(2, 3, 3), padding="VALID")),
    ("s2", (1, 5, 6, 2), dict(w=f(3, 3, 2), s=(2, 2))),
    ("rates", (1, 6, 7, 2), dict(w=f(3, 2, 2), s=(2, 1), r=(2, 3))),
]:
    case(f"Dilation2D/{name}", lambda x, kw=kw: dilate(x, **kw), f(*shape))
case("Dilation2D/open_all", lambda x: dilate(x, f(3, 2, 2), (2, 1)), f(1, 5, 4, 2), dyn="all")
case("Dilation2D/uint8", lambda x: dilate(x, i(2, 2, 2, lo=0, hi=200, dtype="uint8")), i(1, 3, 4, 2, lo=0, hi=255, dtype="uint8"))
case("Dilation2D/int8", lambda x: dilate(x, i(2, 2, 2, lo=-100, hi=100, dtype="int8")), i(1, 3, 4, 2, lo=-128, hi=127, dtype="int8"))
case("Dilation2D/int64", lambda x: dilate(x, i(2, 2, 2, dtype="int64")), i(1, 3, 4, 2, dtype="int64"))
case("Dilation2D/f16", lambda x: dilate(x, f(2, 2, 2, dtype=np.float16)), f(1, 3, 4, 2, dtype=np.float16))
case(
    "Dilation2D/nan_inf",
    lambda x: dilate(x, np.zeros((2, 2, 1), "f")),
    np.array([np.nan, 1, -np.inf, -np.inf, np.inf, np.nan, -np.inf, -np.inf, 2], "f").reshape(1, 3, 3, 1),
)
