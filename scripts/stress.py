#!/usr/bin/env python3
"""Compile time of large graphs: how long jitc takes to load them, phase by phase.

    stress.py [--jitc build/jitc] [--sizes 1000,10000,100000]

Graphs of many small random elementwise nodes, and an LSTM that is written out step by step. Needs TensorFlow, to
write the graphs only. The figures are in docs/testing.md.
"""

import argparse
import json
import os
import subprocess
import tempfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import tensor_util


class Graph:
    def __init__(self):
        self.g = graph_pb2.GraphDef()
        self.g.versions.producer = 1000

    def node(self, name, op, *inputs, **types):
        n = self.g.node.add()
        n.name, n.op = name, op
        n.input.extend(inputs)
        for k, v in (types or {"T": 1}).items():
            n.attr[k].type = v
        return n

    def placeholder(self, name, shape):
        n = self.node(name, "Placeholder", dtype=1)
        for d in shape:
            n.attr["shape"].shape.dim.add().size = d
        return name

    def const(self, name, value):
        n = self.node(name, "Const", dtype=3 if value.dtype == np.int32 else 1)
        n.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(value))
        return name

    def size(self):
        return len(self.g.node)


def small_nodes(n):
    r, g = np.random.RandomState(1), Graph()
    names = [g.placeholder("x", (4, 8))]
    for i in range(n):
        op = r.choice(["Add", "Mul", "Sub", "Tanh", "Sigmoid", "Maximum", "Relu", "Neg"])
        near = min(len(names), 30)
        inputs = [names[-1 - r.randint(near)] for _ in range(2 if op in ("Add", "Mul", "Sub", "Maximum") else 1)]
        g.node(f"n{i}", op, *inputs)
        names.append(f"n{i}")
    return g


def written_out_lstm(steps, inputs=32, units=64):
    """About 20 nodes a step, as static_rnn made them."""
    r, g = np.random.RandomState(2), Graph()
    x = g.placeholder("x", (steps, 1, inputs))
    w = g.const("w", r.normal(0, 0.1, (inputs + units, 4 * units)).astype("f"))
    b = g.const("b", r.normal(0, 0.1, 4 * units).astype("f"))
    one, axis = g.const("one", np.float32(1)), g.const("axis", np.int32(1))
    h = c = g.const("zero", np.zeros((1, units), "f"))
    g.node("steps", "Unpack", x).attr["num"].i = steps
    for t in range(steps):
        s = lambda name: f"s{t}/{name}"
        g.node(s("xh"), "ConcatV2", f"steps:{t}", h, axis, T=1, Tidx=3).attr["N"].i = 2
        g.node(s("z"), "MatMul", s("xh"), w)
        g.node(s("zb"), "BiasAdd", s("z"), b)
        g.node(s("gates"), "Split", axis, s("zb")).attr["num_split"].i = 4
        g.node(s("i"), "Sigmoid", s("gates"))
        g.node(s("j"), "Tanh", s("gates:1"))
        g.node(s("f1"), "Add", s("gates:2"), one)
        g.node(s("f"), "Sigmoid", s("f1"))
        g.node(s("o"), "Sigmoid", s("gates:3"))
        g.node(s("cf"), "Mul", c, s("f"))
        g.node(s("ij"), "Mul", s("i"), s("j"))
        g.node(s("c"), "Add", s("cf"), s("ij"))
        g.node(s("tc"), "Tanh", s("c"))
        g.node(s("h"), "Mul", s("tc"), s("o"))
        for k in range(6):  # what wrappers leave behind
            g.node(s(f"id{k}"), "Identity", s("h") if k == 0 else s(f"id{k - 1}"))
        h, c = s("id5"), s("c")
    return g


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--jitc", default="build/jitc")
    a.add_argument("--sizes", default="1000,10000,100000")
    o = a.parse_args()
    graphs = [("small nodes", small_nodes(int(n))) for n in o.sizes.split(",")]
    graphs += [("written-out LSTM", written_out_lstm(t)) for t in (35, 350)]
    print("| graph | nodes | load, ms | of it code | peak memory, MiB |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, g in graphs:
            path = os.path.join(folder, "g.pb")
            open(path, "wb").write(g.g.SerializeToString())
            p = subprocess.run(
                [o.jitc, "bench", path, "--threads", "1", "--secs", "0.1", "--json", "-"],
                check=True,
                stdout=subprocess.PIPE,
            )
            b = json.loads(p.stdout)
            print(f"| {name} | {g.size():,} | {b['load_ms']:,.0f} | {b['phases']['codegen']:,.0f} | {b['peak_rss_kib'] / 1024:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
