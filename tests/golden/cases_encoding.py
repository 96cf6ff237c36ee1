"""The forms that constants, attributes and edges take in files."""

import numpy as np
import tensorflow as tf
from golden import SMOOTH, SUMS, case, const, f, node, raw, strip


def plus(data):
    """A constant that the graph only passes on, beside an input."""
    return lambda x: [tf.identity(const(data, "c")), raw.Neg(x=x)]


def tensor(fill, shape=None):
    """Rewrite the constant's TensorProto by hand."""

    def edit(graph):
        t = next(n for n in graph.node if n.name == "c").attr["value"].tensor
        t.ClearField("tensor_content")
        for field, _ in list(t.ListFields()):
            if field.name.endswith("_val"):
                t.ClearField(field.name)
        fill(t)
        if shape is not None:
            t.ClearField("tensor_shape")
            for size in shape:
                t.tensor_shape.dim.add(size=size)

    return edit


Z = np.zeros
bits = lambda v: np.array(v, np.float16).view(np.uint16).tolist()
for name, zero, fill in [
    ("f32_values", Z((2, 3), "f"), lambda t: t.float_val.extend([1, 2, 3, 4, 5, 6.5])),
    ("f32_one_value", Z((2, 3), "f"), lambda t: t.float_val.extend([1.5])),
    ("f32_last_repeats", Z((2, 3), "f"), lambda t: t.float_val.extend([1, 2, 3.5])),
    ("f32_no_value", Z((2, 3), "f"), lambda t: None),
    ("f64_last_repeats", Z(4, "d"), lambda t: t.double_val.extend([1.25, -2])),
    ("i32_last_repeats", Z((2, 2), np.int32), lambda t: t.int_val.extend([-7, 8])),
    ("i64_one_value", Z(3, np.int64), lambda t: t.int64_val.extend([1 << 40])),
    ("u8_values", Z(3, np.uint8), lambda t: t.int_val.extend([0, 200, 255])),
    ("i8_values", Z(3, np.int8), lambda t: t.int_val.extend([0, -128, 127])),
    ("i16_last_repeats", Z(3, np.int16), lambda t: t.int_val.extend([-300])),
    ("bool_values", Z(4, bool), lambda t: t.bool_val.extend([True, False])),
    (
        "f32_content",
        Z((2, 2), "f"),
        lambda t: setattr(t, "tensor_content", np.array([1, -2, np.inf, 4], "<f4").tobytes()),
    ),
    (
        "i64_content",
        Z(2, np.int64),
        lambda t: setattr(t, "tensor_content", np.array([-1, 1 << 50], "<i8").tobytes()),
    ),
    ("bool_content", Z(3, bool), lambda t: setattr(t, "tensor_content", b"\1\0\1")),
    ("f32_empty", Z((0, 3), "f"), lambda t: None),
]:
    case(f"Const/{name}", plus(zero), f(2), edit=tensor(fill))
case("Const/scalar_no_shape", plus(np.float32(0)), f(2), edit=tensor(lambda t: t.float_val.extend([2.5])))
case(
    "Const/f16_values",
    lambda x: [tf.cast(const(Z(3, np.float16), "c"), tf.float32), raw.Neg(x=x)],
    f(2),
    edit=tensor(lambda t: t.half_val.extend(bits([1, -0.5, 1024.0]))),
)
case(
    "Const/f16_content",
    lambda x: [tf.cast(const(Z(3, np.float16), "c"), tf.float32), raw.Neg(x=x)],
    f(2),
    edit=tensor(lambda t: setattr(t, "tensor_content", np.array([1, -0.5, 6e-8], np.float16).tobytes())),
)
case(
    "Const/bf16_values",
    lambda x: [tf.cast(tf.constant([0.0, 0.0], tf.bfloat16, name="c"), tf.float32), raw.Neg(x=x)],
    f(2),
    edit=tensor(lambda t: t.half_val.extend([0x3F80, 0xC049])),
)
case("Const/no_inputs", lambda: tf.identity(const(np.arange(6, dtype="f").reshape(2, 3))))
case("Const/unaligned_weights", lambda x: raw.MatMul(a=x, b=const(f(7, 5), "odd_name_")), f(3, 7), tol=SUMS)


# -- Edges, devices, names, versions -----------------------------------------------------------------------
def reverse_nodes(graph):
    nodes = list(graph.node)[::-1]
    del graph.node[:]
    graph.node.extend(nodes)


def explicit_ports(graph):
    for n in graph.node:
        n.input[:] = [e if ":" in e or e.startswith("^") else e + ":0" for e in n.input]


def devices(graph):
    for k, n in enumerate(graph.node):
        n.device = ["/device:GPU:0", "/job:worker/task:3/cpu:0", ""][k % 3]
    for n in graph.node:
        n.attr["_class"].list.s.append(b"loc:@x")
        n.attr["_output_shapes"].list.shape.add().dim.add(size=99)


def no_versions(graph):
    graph.ClearField("versions")


def legacy_shape(graph):
    """Files of old producers give every placeholder an empty shape, which then means an unknown one."""
    graph.versions.producer = 8
    p = node(graph, "Placeholder")
    p.attr["shape"].shape.Clear()


SMALL = lambda x: tf.nn.relu(tf.matmul(x, const(f(4, 5))) + const(f(5)))
case("Edges/reversed_nodes", SMALL, f(3, 4), tol=SUMS, edit=reverse_nodes, oracle=SMALL)
case("Edges/explicit_ports", SMALL, f(3, 4), tol=SUMS, edit=explicit_ports, oracle=SMALL)
case("Edges/devices_and_hints", SMALL, f(3, 4), tol=SUMS, edit=devices, oracle=SMALL)
case(
    "Edges/no_versions",
    lambda x: tf.nn.relu(raw.Add(x=x, y=const(f(5)))),
    f(3, 5),
    edit=no_versions,
    oracle=lambda x: tf.nn.relu(raw.Add(x=x, y=const(f(5)))),
)
case(
    "Edges/second_output",
    lambda x: tf.nn.relu(raw.Split(axis=const(np.int32(0)), value=x, num_split=3)[2]),
    f(6, 2),
)
case(
    "Edges/output_used_and_returned",
    lambda x: (lambda r: [r, tf.exp(-r)])(tf.nn.relu(x)),
    f(3, 5),
    tol=SMOOTH,
)
case(
    "Placeholder/legacy_unknown_shape",
    lambda x: raw.Neg(x=x),
    f(2, 3),
    edit=legacy_shape,
    oracle=lambda x: raw.Neg(x=x),
)
case("Placeholder/unknown_rank", lambda x: raw.Neg(x=x), f(2, 3), dyn="rank")
case("Placeholder/no_shape_attr", lambda x: raw.Neg(x=x), f(2, 3), edit=strip("shape"))


def keep_training(x):
    y = raw.Relu(features=x)
    raw.ScalarSummary(tags=tf.constant("loss"), values=tf.reduce_sum(y))
    return y


case("Edges/dead_training_nodes", keep_training, f(3, 4))
