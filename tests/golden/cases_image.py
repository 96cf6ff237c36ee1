"""Resizing by weighted sums, crops, projective transforms, softmax with a loss."""

import numpy as np
import tensorflow as tf
from cases_conv import HALF, I32, channels_first, via
from cases_nn import MODES
from golden import EXACT, MATHS, MATHS64, NORMS, SUMS, case, const, d, f, i, raw

LOOSE = (0, 0, 1e-4)  # coordinates at the edge of single precision

# -- Bicubic, area, kernels --------------------------------------------------------------------------------
SIZES = {
    "up2": ((1, 3, 4, 3), (6, 8)),
    "up_odd": ((2, 3, 4, 5), (7, 5)),
    "down": ((1, 9, 8, 2), (4, 3)),
    "same": ((1, 4, 4, 2), (4, 4)),
    "from1": ((1, 1, 1, 3), (3, 4)),
    "to1": ((1, 5, 6, 3), (1, 1)),
}
for size_name, (shape, size) in SIZES.items():
    for mode, kw in MODES.items():
        case(
            f"ResizeBicubic/{mode}_{size_name}",
            lambda x, size=size, kw=kw: raw.ResizeBicubic(images=x, size=I32(*size), **kw),
            f(*shape),
            tol=SUMS,
        )
    for corners in (False, True):
        case(
            f"ResizeArea/{'corners' if corners else 'plain'}_{size_name}",
            lambda x, size=size, c=corners: raw.ResizeArea(images=x, size=I32(*size), align_corners=c),
            f(*shape),
            tol=SUMS,
        )
for op in ("ResizeBicubic", "ResizeArea", "ResizeBilinear", "ResizeNearestNeighbor"):
    build = lambda x, op=op: getattr(raw, op)(images=x, size=I32(5, 3))
    for t in ("int8", "uint8", "int16", "uint16", "int32", "int64", "float64"):
        case(
            f"{op}/{t}_{5}x{3}",
            build,
            i(1, 3, 4, 2, lo=0 if t[0] == "u" else -99, hi=99, dtype=t),
            tol=EXACT if op == "ResizeNearestNeighbor" else SUMS,
        )
    case(f"{op}/f16", build, f(1, 3, 4, 2, dtype=np.float16), tol=SUMS)
    case(f"{op}/bf16", via(tf.bfloat16, build), f(1, 3, 4, 2), tol=SUMS)
    case(
        f"{op}/size_open",
        lambda x, op=op: getattr(raw, op)(images=x, size=tf.shape(x)[1:3] * 2),
        f(1, 3, 4, 2),
        tol=SUMS,
        dyn="all",
    )
case(
    "ResizeArea/inf",
    lambda x: raw.ResizeArea(images=x, size=I32(3, 2)),
    np.array([np.inf, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, np.nan, 15], "f").reshape(1, 4, 4, 1),
    tol=SUMS,
)

for kernel in ("lanczos1", "lanczos3", "lanczos5", "gaussian", "box", "triangle", "keyscubic", "mitchellcubic"):
    for antialias in (True, False):
        case(
            f"ScaleAndTranslate/{kernel}{'' if antialias else '_sharp'}",
            lambda x, k=kernel, a=antialias: raw.ScaleAndTranslate(
                images=x,
                size=I32(5, 7),
                scale=const(np.array([0.55, 1.3], "f")),
                translation=const(np.array([0.3, -0.7], "f")),
                kernel_type=k,
                antialias=a,
            ),
            f(1, 9, 6, 2),
            tol=LOOSE,
        )
case(
    "ScaleAndTranslate/fed",
    lambda x, y, z: raw.ScaleAndTranslate(images=x, size=I32(4, 4), scale=y, translation=z),
    i(2, 3, 3, 2, dtype=np.int32),
    np.array([1.5, 0.5], "f"),
    np.array([-1.0, 2.5], "f"),
    tol=LOOSE,
)

# -- CropAndResize -----------------------------------------------------------------------------------------
BOXES = np.array(
    [[0, 0, 1, 1], [0.1, 0.2, 0.7, 0.9], [0.8, 0.9, 0.1, 0.2], [-0.3, 0.2, 0.5, 1.4], [0.3, 0.3, 0.3, 0.3]], "f"
)


def crop(x, size=(3, 4), **kw):
    return raw.CropAndResize(image=x, boxes=const(BOXES), box_ind=I32(0, 1, 1, 0, 1), crop_size=I32(*size), **kw)


for name, kw in {
    "bilinear": {},
    "nearest": dict(method="nearest"),
    "outside": dict(extrapolation_value=-7.5),
    "nearest_outside": dict(method="nearest", extrapolation_value=3.25),
    "to1": dict(size=(1, 1)),
    "to1_row": dict(size=(1, 3)),
}.items():
    case(f"CropAndResize/{name}", lambda x, kw=kw: crop(x, **kw), f(2, 5, 6, 3), tol=SUMS)
for t in ("uint8", "int8", "int16", "uint16", "int32", "int64", "float64", "float16"):
    case(f"CropAndResize/{t}", crop, i(2, 4, 4, 2, lo=0, hi=99, dtype=t), tol=SUMS)
case(
    "CropAndResize/open_all",
    lambda x, y, z: raw.CropAndResize(image=x, boxes=y, box_ind=z, crop_size=I32(2, 3)),
    f(2, 4, 5, 3),
    BOXES,
    np.array([1, 0, 1, 1, 0], np.int32),
    tol=SUMS,
    dyn="all",
)
case(
    "CropAndResize/no_boxes",
    lambda x, y, z: raw.CropAndResize(image=x, boxes=y, box_ind=z, crop_size=I32(2, 3)),
    f(2, 4, 5, 3),
    np.zeros((0, 4), "f"),
    np.zeros(0, np.int32),
    dyn="n",
)

# -- ImageProjectiveTransform ------------------------------------------------------------------------------
TRANSFORMS = np.array(
    [[0.8, 0.3, -1.2, -0.2, 1.1, 0.6, 0.01, -0.02], [1, 0, 2.25, 0, 1, -3.75, 0, 0]], "f"
)


def project(x, way="BILINEAR", mode="CONSTANT", transforms=TRANSFORMS):
    return raw.ImageProjectiveTransformV2(
        images=x, transforms=const(transforms), output_shape=I32(6, 5), interpolation=way, fill_mode=mode
    )


for way in ("NEAREST", "BILINEAR"):
    for mode in ("CONSTANT", "NEAREST", "REFLECT", "WRAP"):
        case(
            f"ImageProjectiveTransformV2/{way.lower()}_{mode.lower()}",
            lambda x, a=(way, mode): project(x, *a),
            f(2, 5, 4, 2),
            tol=LOOSE,
        )
        case(
            f"ImageProjectiveTransformV3/{way.lower()}_{mode.lower()}",
            lambda x, y, a=(way, mode): raw.ImageProjectiveTransformV3(
                images=x,
                transforms=const(TRANSFORMS[:1]),
                output_shape=I32(4, 6),
                fill_value=y,
                interpolation=a[0],
                fill_mode=a[1],
            ),
            f(2, 5, 4, 2),
            np.float32(2.5),
            tol=LOOSE,
        )
for t in ("uint8", "int32", "int64", "float64"):
    case(f"ImageProjectiveTransformV2/{t}", lambda x: project(x, "NEAREST"), i(2, 5, 4, 1, lo=0, hi=99, dtype=t))
for mode in ("CONSTANT", "NEAREST", "REFLECT", "WRAP"):
    for way in ("NEAREST", "BILINEAR"):
        case(f"ImageProjectiveTransformV2/{way.lower()}_{mode.lower()}_of_none", lambda x, a=(way, mode): project(x, *a), f(2, 0, 4, 2))
case("ImageProjectiveTransformV2/open_all", project, f(2, 5, 4, 2), tol=LOOSE, dyn="all")


# -- Softmax with a loss -----------------------------------------------------------------------------------
def loss(x, y):
    return list(raw.SoftmaxCrossEntropyWithLogits(features=x, labels=y))


case("SoftmaxCrossEntropyWithLogits/plain", loss, f(3, 5), f(3, 5, lo=0, hi=1), tol=NORMS)
case("SoftmaxCrossEntropyWithLogits/broadcast", loss, f(3, 5), f(1, 5, lo=0, hi=1), tol=NORMS)
case("SoftmaxCrossEntropyWithLogits/open_all", loss, f(3, 5), f(3, 5, lo=0, hi=1), tol=NORMS, dyn="all")
case("SoftmaxCrossEntropyWithLogits/f64", loss, d(3, 5), d(3, 5, lo=0, hi=1), tol=MATHS64)
case("SoftmaxCrossEntropyWithLogits/f16", via(tf.float16, loss), f(3, 5), f(3, 5, lo=0, hi=1), tol=HALF)
case("SoftmaxCrossEntropyWithLogits/bf16", via(tf.bfloat16, loss), f(3, 5), f(3, 5, lo=0, hi=1), tol=HALF)


def sparse_loss(x, y):
    return list(raw.SparseSoftmaxCrossEntropyWithLogits(features=x, labels=y))


case("SparseSoftmaxCrossEntropyWithLogits/i64", sparse_loss, f(4, 5), np.array([0, 4, 2, 2]), tol=NORMS)
case(
    "SparseSoftmaxCrossEntropyWithLogits/i32", sparse_loss, f(4, 5), np.array([0, 4, 2, 2], np.int32), tol=NORMS
)
case(
    "SparseSoftmaxCrossEntropyWithLogits/open_all",
    sparse_loss,
    f(4, 5),
    np.array([0, 4, 2, 2], np.int32),
    tol=NORMS,
    dyn="all",
)
case("SparseSoftmaxCrossEntropyWithLogits/f64", sparse_loss, d(4, 5), np.array([0, 4, 2, 2]), tol=MATHS64)

for op in ("Softmax", "LogSoftmax"):
    for t in ("float16", "bfloat16"):
        case(f"{op}/{t}", via(t, lambda x, op=op: getattr(raw, op)(logits=x)), f(3, 7, lo=-6, hi=6), tol=HALF)
    case(f"{op}/rank4", lambda x, op=op: getattr(raw, op)(logits=x), f(2, 1, 3, 6), tol=MATHS)

# -- Space, depth and batch in every type ------------------------------------------------------------------
for t in ("int8", "uint8", "int16", "uint16", "int32", "int64", "float16", "float64", "bool"):
    case(f"SpaceToDepth/{t}", lambda x: raw.SpaceToDepth(input=x, block_size=2), i(1, 4, 2, 3, lo=0, hi=1, dtype=t))
    case(f"DepthToSpace/{t}", lambda x: raw.DepthToSpace(input=x, block_size=2), i(1, 2, 3, 8, lo=0, hi=1, dtype=t))
    if t == "bool":
        continue
    case(
        f"SpaceToBatchND/{t}",
        lambda x: raw.SpaceToBatchND(input=x, block_shape=I32(2, 3), paddings=I32([0, 1], [2, 0])),
        i(1, 3, 4, 2, lo=0, hi=99, dtype=t),
    )
    case(
        f"BatchToSpaceND/{t}",
        lambda x: raw.BatchToSpaceND(input=x, block_shape=I32(2, 1), crops=I32([0, 1], [1, 0])),
        i(4, 2, 3, 2, lo=0, hi=99, dtype=t),
    )

# -- Batch normalisation: every output, every type ---------------------------------------------------------
def norm(x, op="FusedBatchNormV3", training=False, factor=1.0, outs=3, fmt="NHWC"):
    n = x.shape[1 if fmt == "NCHW" else -1]
    stats = factor != 1.0 or not training
    r = getattr(raw, op)(
        x=x,
        scale=const(f(n, lo=0, hi=2)),
        offset=const(f(n)),
        mean=const(f(n, lo=-1, hi=1) if stats else np.zeros(0, np.float32)),
        variance=const(f(n, lo=1, hi=3) if stats else np.zeros(0, np.float32)),
        is_training=training,
        exponential_avg_factor=factor,
        data_format=fmt,
        epsilon=0.01,
    )
    return list(r)[:outs]


for op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
    case(f"{op}/all_outputs", lambda x, op=op: norm(x, op), f(2, 3, 2, 5), tol=NORMS)
    case(f"{op}/training_outputs", lambda x, op=op: norm(x, op, True, outs=4), f(2, 3, 2, 5), tol=NORMS)
    case(f"{op}/averaged", lambda x, op=op: norm(x, op, True, 0.25, 3), f(2, 3, 2, 5), tol=NORMS)
    if op == "FusedBatchNorm":
        continue
    for t in ("float16", "bfloat16"):
        for training in (False, True):
            name = t + ("_training" if training else "")
            case(
                f"{op}/{name}",
                via(t, lambda x, op=op, training=training: norm(x, op, training, outs=3)),
                f(2, 3, 2, 5),
                tol=HALF,
            )
case(
    "FusedBatchNormV3/nchw_training",
    lambda x: norm(x, training=True, fmt="NCHW", outs=1),
    f(2, 5, 3, 2),
    tol=NORMS,
    oracle=channels_first(lambda x: norm(x, training=True, outs=1)[0], 2),
)
case("LRN/f16", via(tf.float16, lambda x: raw.LRN(input=x, depth_radius=2, alpha=0.5)), f(1, 2, 3, 7), tol=HALF)
