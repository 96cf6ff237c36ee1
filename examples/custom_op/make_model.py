#!/usr/bin/env python3
"""Writes model.pb, x.npy and y.npy: a small graph with two operations that TensorFlow does not have, and what it
computes, by NumPy. A node may name any operation, so TensorFlow is needed for its protocol buffers only; in a real
model the operations come from a library that tf.load_op_library() loads."""
import os

import numpy as np
from tensorflow.core.framework import graph_pb2, types_pb2
from tensorflow.python.framework import tensor_util

INPUTS, UNITS, ROWS = 12, 40, 6
here = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(5)
weights = rng.normal(0, 1, (INPUTS, UNITS)).astype(np.float32)
x = rng.normal(0, 1, (ROWS, INPUTS)).astype(np.float32)

graph = graph_pb2.GraphDef()


def node(name, op, *inputs):
    n = graph.node.add(name=name, op=op, input=inputs)
    n.attr["T"].type = types_pb2.DT_FLOAT
    return n


n = graph.node.add(name="x", op="Placeholder")
n.attr["dtype"].type = types_pb2.DT_FLOAT
for size in -1, INPUTS:
    n.attr["shape"].shape.dim.add(size=size)
n = graph.node.add(name="weights", op="Const")
n.attr["dtype"].type = types_pb2.DT_FLOAT
n.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(weights))
node("dense", "MatMul", "x", "weights")
node("mish", "Mish", "dense").attr["beta"].f = 1.5
node("y", "UnitRows", "mish").attr["epsilon"].f = 1e-6
with open(os.path.join(here, "model.pb"), "wb") as f:
    f.write(graph.SerializeToString(deterministic=True))

v = x.astype(np.float64) @ weights.astype(np.float64)
v = v * np.tanh(np.log1p(np.exp(1.5 * v)))
y = v / np.sqrt(np.sum(v * v, axis=1, keepdims=True) + 1e-6)
np.save(os.path.join(here, "x.npy"), x)
np.save(os.path.join(here, "y.npy"), y.astype(np.float32))
