"""Forms that TensorFlow's optimiser had fused: what their other attributes and types do."""

import numpy as np
import tensorflow as tf
from cases_conv import HALF, I32, channels_first, via
from cases_nn import CONV, DENSE, DEPTH, fused, norm_args, with_args
from golden import NORMS, case, const, d, f, node, raw

# -- Activations of products -------------------------------------------------------------------------------
GELU = {
    "GeluExact": lambda x: tf.nn.gelu(x, approximate=False),
    "GeluApproximate": lambda x: tf.nn.gelu(x, approximate=True),
    "_FusedHardSwish": lambda x: x * tf.nn.relu6(x + 3) / 6,
}
for act, fn in GELU.items():
    case(
        f"_FusedMatMul/bias_{act.lower()}",
        lambda x: with_args(x, DENSE, f(8)),
        f(3, 6),
        tol=NORMS,
        edit=fused("_FusedMatMul", ["BiasAdd", act], ["args0"]),
        oracle=lambda x, fn=fn: fn(tf.nn.bias_add(DENSE(x), const(f(8)))),
    )
case(
    "_FusedMatMul/bias_add",
    lambda x: with_args(x, DENSE, f(8), f(3, 8)),
    f(3, 6),
    tol=NORMS,
    edit=fused("_FusedMatMul", ["BiasAdd", "Add"], ["args0", "args1"]),
    oracle=lambda x: tf.nn.bias_add(DENSE(x), const(f(8))) + const(f(3, 8)),
)
case(
    "_FusedMatMul/transposed",
    lambda x: with_args(x, lambda x: raw.MatMul(a=x, b=const(f(8, 6)), transpose_b=True, name="fused"), f(8)),
    f(3, 6),
    tol=NORMS,
    edit=fused("_FusedMatMul", ["BiasAdd", "Tanh"], ["args0"]),
    oracle=lambda x: tf.tanh(tf.nn.bias_add(tf.matmul(x, const(f(8, 6)), transpose_b=True), const(f(8)))),
)


# -- Convolutions with channels first, strides, pads and dilations -----------------------------------------
def wide_conv(x, fmt="NHWC"):
    spread = (lambda a, b: [1, a, b, 1]) if fmt == "NHWC" else (lambda a, b: [1, 1, a, b])
    pads = [0, 0, 2, 1, 0, 2, 0, 0] if fmt == "NHWC" else [0, 0, 0, 0, 2, 1, 0, 2]
    return raw.Conv2D(
        input=x,
        filter=const(f(3, 2, 3, 8)),
        strides=spread(2, 1),
        padding="EXPLICIT",
        explicit_paddings=pads,
        data_format=fmt,
        dilations=spread(1, 2),
        name="fused",
    )


def keep_pads(edit):
    def run(graph):
        n = next(n for n in graph.node if n.name == "fused")
        pads = list(n.attr["explicit_paddings"].list.i)
        edit(graph)
        n.attr["explicit_paddings"].list.i.extend(pads)

    return run


case(
    "_FusedConv2D/explicit_dilated",
    lambda x: with_args(x, wide_conv, f(8)),
    f(1, 6, 5, 3),
    tol=NORMS,
    edit=keep_pads(fused("_FusedConv2D", ["BiasAdd", "Relu"], ["args0"])),
    oracle=lambda x: tf.nn.relu(tf.nn.bias_add(wide_conv(x), const(f(8)))),
)
case(
    "_FusedConv2D/nchw",
    lambda x: with_args(x, lambda x: wide_conv(x, "NCHW"), f(8)),
    f(1, 3, 6, 5),
    tol=NORMS,
    edit=keep_pads(fused("_FusedConv2D", ["BiasAdd", "Elu"], ["args0"])),
    oracle=channels_first(lambda x: tf.nn.elu(tf.nn.bias_add(wide_conv(x), const(f(8)))), 2),
)
NCHW_CONV = lambda x: raw.Conv2D(
    input=x, filter=const(f(3, 3, 3, 8)), strides=[1, 1, 1, 1], padding="SAME", data_format="NCHW", name="fused"
)
case(
    "_FusedConv2D/nchw_batch_norm",
    lambda x: with_args(x, NCHW_CONV, f(8, lo=0, hi=2), f(8), f(8), f(8, lo=1, hi=3)),
    f(1, 3, 5, 4),
    tol=NORMS,
    edit=fused(
        "_FusedConv2D", ["FusedBatchNorm", "Relu6"], ["args0", "args1", "args2", "args3"], epsilon=0.001
    ),
    oracle=channels_first(lambda x: tf.nn.relu6(norm_args(CONV(x))), 2),
)
case(
    "_FusedConv2D/stripped",
    lambda x: with_args(x, CONV, f(8, lo=0, hi=2), f(8), f(8), f(8, lo=1, hi=3)),
    f(1, 5, 5, 3),
    tol=NORMS,
    edit=fused("_FusedConv2D", ["FusedBatchNorm", "LeakyRelu"], ["args0", "args1", "args2", "args3"]),
    oracle=lambda x: tf.nn.leaky_relu(norm_args(CONV(x), 0.0001), 0.2),
)

# -- Pads and sizes before a convolution -------------------------------------------------------------------


def resized(x, w, **kw):
    return raw.FusedResizeAndPadConv2D(
        input=x,
        size=I32(7, 8),
        paddings=I32([0, 0], [1, 2], [2, 1], [0, 0]),
        filter=tf.cast(const(w), x.dtype),
        mode="REFLECT",
        strides=[1, 2, 2, 1],
        **kw,
    )


for name, kw in {
    "corners": dict(padding="VALID", resize_align_corners=True),
    "same": dict(padding="SAME"),
}.items():
    case(
        f"FusedResizeAndPadConv2D/{name}",
        lambda x, kw=kw: resized(x, f(3, 3, 3, 4), **kw),
        f(1, 5, 6, 3),
        tol=(0, 0, 1e-5),
    )
case(
    "FusedResizeAndPadConv2D/f16",
    via(tf.float16, lambda x: resized(x, f(3, 3, 3, 4), padding="VALID")),
    f(1, 5, 6, 3),
    tol=HALF,
)
case(
    "FusedResizeAndPadConv2D/f64",
    lambda x: resized(x, f(3, 3, 3, 4), padding="VALID"),
    d(1, 5, 6, 3),
    tol=(0, 0, 1e-5),
)
for t in ("float16", "bfloat16", "float64"):
    case(
        f"FusedPadConv2D/{t}",
        via(
            t,
            lambda x: raw.FusedPadConv2D(
                input=x,
                paddings=I32([0, 0], [1, 2], [2, 1], [0, 0]),
                filter=tf.cast(const(f(3, 3, 3, 4)), x.dtype),
                mode="SYMMETRIC",
                strides=[1, 1, 1, 1],
                padding="SAME",
            ),
        ),
        f(1, 5, 6, 3),
        tol=HALF if t != "float64" else (0, 0, 1e-6),
    )


# -- Batch normalisation with a second summand -------------------------------------------------------------
def bf16_norm(x, y=None):
    n = 4
    r = raw.FusedBatchNormV3(
        x=x,
        scale=const(f(n, lo=0, hi=2)),
        offset=const(f(n)),
        mean=const(f(n)),
        variance=const(f(n, lo=1, hi=3)),
        is_training=False,
        epsilon=0.01,
        name="fused",
    ).y
    return r


def ex(graph):
    n = node(graph, "FusedBatchNormV3")
    n.op = "_FusedBatchNormEx"
    n.attr["activation_mode"].s = b"Relu"
    n.attr["num_side_inputs"].i = 1
    n.input.append("Cast_1")


case(
    "_FusedBatchNormEx/bf16_side",
    via(tf.bfloat16, bf16_norm),
    f(2, 3, 2, 4),
    f(2, 3, 2, 4),
    tol=HALF,
    edit=ex,
    oracle=via(tf.bfloat16, lambda x, y: tf.nn.relu(bf16_norm(x) + y)),
)
