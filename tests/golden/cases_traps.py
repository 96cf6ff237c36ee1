"""What importers of TensorFlow graphs get wrong in reading files: values given in part, defaults left out, control
edges, names that look like something else."""

import numpy as np
import tensorflow as tf
from cases_encoding import bits, tensor
from golden import MATHS, NORMS, SMOOTH, SPECIAL, SUMS, case, const, f, i, node, raw
from tensorflow.python.framework import op_def_registry

# -- Constants: the last value repeats, in every type --------------------------------------------------------
Z = np.zeros


def given(name, t, fill, shape=(2, 3)):
    case(f"Const/{name}", lambda x: [tf.identity(const(Z(shape, t), "c")), raw.Neg(x=x)], f(2), edit=tensor(fill))


given("f16_last_repeats", np.float16, lambda t: t.half_val.extend(bits([1, -2.5])))
given("f16_no_value", np.float16, lambda t: None)
given("u8_last_repeats", np.uint8, lambda t: t.int_val.extend([7, 200]))
given("i8_last_repeats", np.int8, lambda t: t.int_val.extend([7, -100]))
given("u16_last_repeats", np.uint16, lambda t: t.int_val.extend([7, 65535]))
given("u32_last_repeats", np.uint32, lambda t: t.uint32_val.extend([7, 4294967295]))
given("u64_last_repeats", np.uint64, lambda t: t.uint64_val.extend([7, (1 << 64) - 1]))
given("u64_values", np.uint64, lambda t: t.uint64_val.extend([0, 1, 1 << 63]), (3,))
given("i64_last_repeats", np.int64, lambda t: t.int64_val.extend([1, -(1 << 63)]))
given("bool_last_repeats", bool, lambda t: t.bool_val.extend([False, True]))
given("u16_content", np.uint16, lambda t: setattr(t, "tensor_content", np.arange(6, dtype="<u2").tobytes()))
given("u64_content", np.uint64, lambda t: setattr(t, "tensor_content", np.arange(6, dtype="<u8").tobytes()))
given("i32_empty", np.int32, lambda t: None, (2, 0))
case("Const/bf16_last_repeats", lambda x: [tf.cast(tf.constant([[0.0] * 3] * 2, tf.bfloat16, name="c"), tf.float32),
     raw.Neg(x=x)], f(2), edit=tensor(lambda t: t.half_val.extend([0x3F80, 0xC049])))  # fmt: skip
case("Const/two_of_f16", lambda x: [raw.Mul(x=x, y=const(np.float16(3))), raw.Mul(x=x, y=const(np.float16(-0.5))),
     raw.Mul(x=x, y=const(np.array([2, 4], np.float16)))], f(3, 2, dtype=np.float16))  # fmt: skip


# -- Edges -----------------------------------------------------------------------------------------------------
def control(graph):
    """A control edge from everything to everything that stands behind it."""
    names = [n.name for n in graph.node]
    for k, n in enumerate(graph.node):
        if n.op not in ("Placeholder", "Const"):
            n.input.extend("^" + name for name in names[:k])


SMALL = lambda x: tf.nn.relu(tf.matmul(x, const(f(4, 5))) + const(f(5)))
case("Edges/control", SMALL, f(3, 4), tol=SUMS, edit=control)
case("Edges/misleading_names", lambda x: raw.Relu(
    features=raw.Neg(x=raw.Exp(x=x, name="Assert_NoOp/Print"), name="CheckNumerics/Const") + 1, name="Placeholder_1"),
    f(3, 4), tol=SMOOTH)  # fmt: skip
case("Edges/behind_a_switch_of_names", lambda x: raw.Identity(input=raw.Neg(x=x, name="while/Enter"), name="Merge"), f(3))


# -- Attributes that hold their default are left out ---------------------------------------------------------------
def strip_defaults(graph):
    for n in graph.node:
        for a in op_def_registry.get(n.op).attr:
            if a.HasField("default_value") and a.name in n.attr and n.attr[a.name] == a.default_value:
                del n.attr[a.name]


T4 = f(1, 5, 6, 4)
U8 = lambda *shape: i(*shape, lo=0, hi=255, dtype=np.uint8)
for name, build, data, tol in [
    ("Conv2D", lambda x: raw.Conv2D(input=x, filter=const(f(3, 3, 4, 2)), strides=[1, 2, 1, 1], padding="SAME"), T4, SUMS),
    ("DepthwiseConv2dNative", lambda x: raw.DepthwiseConv2dNative(
        input=x, filter=const(f(3, 3, 4, 2)), strides=[1, 1, 1, 1], padding="VALID"), T4, SUMS),
    ("MaxPool", lambda x: raw.MaxPool(input=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"), T4, SUMS),
    ("AvgPool", lambda x: raw.AvgPool(value=x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"), T4, SUMS),
    ("FusedBatchNormV3", lambda x: raw.FusedBatchNormV3(
        x=x, scale=const(f(4)), offset=const(f(4)), mean=const(Z(0, "f")), variance=const(Z(0, "f")))[0], T4, NORMS),
    ("FusedBatchNormV2", lambda x: raw.FusedBatchNormV2(
        x=x, scale=const(f(4)), offset=const(f(4)), mean=const(f(4)), variance=const(f(4, lo=1)), is_training=False)[0],
        T4, NORMS),
    ("BiasAdd", lambda x: raw.BiasAdd(value=x, bias=const(f(4))), T4, SUMS),
    ("LRN", lambda x: raw.LRN(input=x), T4, MATHS),
    ("LeakyRelu", lambda x: raw.LeakyRelu(features=x), T4, SMOOTH),
    ("ResizeBilinear", lambda x: raw.ResizeBilinear(images=x, size=const(np.int32([7, 3]))), T4, MATHS),
    ("ResizeNearestNeighbor", lambda x: raw.ResizeNearestNeighbor(images=x, size=const(np.int32([7, 3]))), T4, MATHS),
    ("DepthToSpace", lambda x: raw.DepthToSpace(input=x, block_size=2), T4, SUMS),
    ("SpaceToDepth", lambda x: raw.SpaceToDepth(input=x, block_size=2), f(1, 4, 6, 2), SUMS),
    ("MatMul", lambda x: raw.MatMul(a=x, b=const(f(5, 2))), f(3, 5), SUMS),
    ("BatchMatMulV2", lambda x: raw.BatchMatMulV2(x=x, y=const(f(2, 5, 2))), f(2, 3, 5), SUMS),
    ("Cumsum", lambda x: raw.Cumsum(x=x, axis=const(np.int32(1))), f(3, 5), SUMS),
    ("Squeeze", lambda x: raw.Squeeze(input=x), f(3, 1, 5, 1), SUMS),
    ("ArgMax", lambda x: raw.ArgMax(input=x, dimension=const(np.int32(1))), f(3, 5), SUMS),
    ("ArgMin", lambda x: raw.ArgMin(input=x, dimension=const(np.int32(1))), f(3, 5), SUMS),
    ("Cast", lambda x: raw.Cast(x=x, DstT=np.float16), f(3, 5), SUMS),
    ("GatherV2", lambda x: raw.GatherV2(params=x, indices=const(np.int32([2, 0])), axis=const(np.int32(0))), f(3, 5), SUMS),
    ("StridedSlice", lambda x: x[1:, ::-2], f(3, 5), SUMS),
    ("Pack", lambda x: raw.Pack(values=[x, x]), f(3, 5), SUMS),
    ("Unpack", lambda x: raw.Unpack(value=x, num=3), f(3, 5), SUMS),
    ("Mean", lambda x: raw.Mean(input=x, axis=const(np.int32([1]))), f(3, 5), SUMS),
    ("OneHot", lambda x: raw.OneHot(indices=x, depth=const(np.int32(4)), on_value=const(np.float32(2)),
                                    off_value=const(np.float32(-1))), i(3, lo=-1, hi=4), SUMS),
    ("Shape", lambda x: raw.Shape(input=x), f(3, 5), SUMS),
    ("Size", lambda x: raw.Size(input=x), f(3, 5), SUMS),
    ("Equal", lambda x: raw.Equal(x=x, y=const(np.float32(0))), f(3, 5), SUMS),
    ("ApproximateEqual", lambda x: raw.ApproximateEqual(x=x, y=const(Z((3, 5), "f"))), f(3, 5), SUMS),
    ("CheckNumerics", lambda x: raw.CheckNumerics(tensor=x, message="m"), f(3, 5), SUMS),
    ("FakeQuantWithMinMaxArgs", lambda x: raw.FakeQuantWithMinMaxArgs(inputs=x), f(3, 5), MATHS),
    ("QuantizeAndDequantizeV2", lambda x: raw.QuantizeAndDequantizeV2(
        input=x, input_min=const(np.float32(-1)), input_max=const(np.float32(1))), f(3, 5), MATHS),
    ("QuantizeAndDequantizeV3", lambda x: raw.QuantizeAndDequantizeV3(
        input=x, input_min=const(np.float32(-1)), input_max=const(np.float32(1)), num_bits=const(np.int32(8))),
        f(3, 5), MATHS),
    ("QuantizeV2", lambda x: tf.bitcast(raw.QuantizeV2(
        input=x, min_range=const(np.float32(-1)), max_range=const(np.float32(1)), T=tf.quint8)[0], tf.uint8), f(3, 5), SUMS),
    ("Dequantize", lambda x: raw.Dequantize(
        input=tf.bitcast(x, tf.quint8), min_range=const(np.float32(-1)), max_range=const(np.float32(1))), U8(3, 5), MATHS),
    ("QuantizedRelu", lambda x: tf.bitcast(raw.QuantizedRelu(
        features=tf.bitcast(x, tf.quint8), min_features=const(np.float32(-1)), max_features=const(np.float32(1)))[0],
        tf.uint8), U8(3, 5), SUMS),
    ("QuantizedMatMul", lambda x: tf.bitcast(raw.QuantizedMatMul(
        a=tf.bitcast(x, tf.quint8), b=tf.bitcast(const(U8(5, 2)), tf.quint8), min_a=const(np.float32(-1)),
        max_a=const(np.float32(1)), min_b=const(np.float32(-1)), max_b=const(np.float32(1)))[0], tf.int32), U8(3, 5), SUMS),
]:  # fmt: skip
    case(f"{name}/defaults_stripped", build, data, tol=tol, edit=strip_defaults)

# -- Not a number, and infinity, in the middle of arithmetic --------------------------------------------------------
case("IsNan/of_arithmetic", lambda x: [tf.where(raw.IsNan(x=x * 0.0), const(np.float32(7)), x), raw.IsInf(x=x + x),
     raw.IsFinite(x=x - x)], SPECIAL)  # fmt: skip
case("Softmax/all_but_one_masked", lambda x: raw.Softmax(logits=x + const(np.float32([[0, -np.inf, -np.inf, -np.inf]]))),
     f(3, 4), tol=SMOOTH)  # fmt: skip
case("Maximum/minus_infinity", lambda x: raw.Max(input=tf.where(x > 0, x, const(np.float32(-np.inf))),
     axis=const(np.int32([1]))), f(4, 5))  # fmt: skip
case("Round/ties", lambda x: [raw.Round(x=x), raw.Rint(x=x)], np.float32([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 8388607.5]))
case("Log1p/tiny", lambda x: [raw.Log1p(x=x), raw.Expm1(x=x), raw.Softplus(features=-x * 1e30)],
     np.float32([1e-10, -1e-10, 1e-5, 1e-20, 0]), tol=SMOOTH)  # fmt: skip
case("Softplus/far", lambda x: raw.Softplus(features=x), np.float32([-100, -50, 50, 100, 1e10]), tol=SMOOTH)


# -- Nodes that are there for their control edges --------------------------------------------------------------------
def anchored(x):
    with tf.control_dependencies([raw.Identity(input=raw.CheckNumerics(tensor=x, message="m"))]):
        with tf.control_dependencies([raw.NoOp()]):
            return raw.Neg(x=raw.Identity(input=x))


def asserted(x):
    with tf.control_dependencies([raw.Assert(condition=tf.reduce_all(x < 0), data=[x])]):
        return raw.Neg(x=x)


case("CheckNumerics/anchors", anchored, f(3))
case("Assert/false_is_dropped", asserted, np.float32([1, 2]), oracle=lambda x: raw.Neg(x=x))
