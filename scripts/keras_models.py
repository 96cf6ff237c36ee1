#!/usr/bin/env python3
"""Compare jitc with TensorFlow on small models made with Keras and TensorFlow.

    keras_models.py [--build build] [--only TEXT,…] [--list] [--keep DIR]

Builds each model of scripts/models/ with random weights: with fixed sizes, with an open number of examples, and with
all of its sizes open (length, height, width). Each is frozen with control flow as it is and lowered to Switch and
Merge, or is made with TensorFlow 1's control flow, and run by TensorFlow and by `jitc run` on random inputs of two
sizes; then the program runs both sizes in one process. Outputs are compared as in scripts/random_graphs.py.

Prints a line per model that fails, with its first message, and a line for each that takes very long; keeps model and
inputs in DIR. Needs TensorFlow with Keras 3. Exit status 1 when a model fails.
"""

import argparse
import collections
import os
import re
import shutil
import subprocess
import sys
import time
import warnings
import zlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from models import MODELS
from random_graphs import TOLERANCE, difference, widened

tf.get_logger().setLevel("ERROR")
warnings.simplefilter("ignore")
SLOW_COMPILE_MS, SLOW_RUN, TIMEOUT = 10_000, 20, 300


def shape_of(dims, sizes):
    return [int(d) if d.isdigit() else sizes[d] for d in dims]


def random_input(r, kind, dims, sizes):
    """f: normal; u: in [0, 1); iN: integers below N; b: mostly true; m: true, then false, along the last dimension."""
    shape = shape_of(dims, sizes)
    if kind == "f":
        return r.standard_normal(shape).astype("f")
    if kind == "u":
        return r.random(shape).astype("f")
    if kind == "b":
        return r.random(shape) < 0.7
    if kind == "m":
        return np.arange(shape[-1]) < r.integers(1, shape[-1] + 1, shape[:-1] + [1])
    return r.integers(0, int(kind[1:]), shape).astype("i4")


def dtype_of(kind):
    return {"f": tf.float32, "u": tf.float32, "b": tf.bool, "m": tf.bool}.get(kind[0], tf.int32)


def randomise(variables, r):
    """Weights that start as zeros or ones are such that mistakes would not show."""
    for v in variables:
        name = v.path if hasattr(v, "path") else v.name
        if re.search(r"variance", name):
            v.assign(r.uniform(0.5, 2, v.shape))
        elif re.search(r"gamma|scale", name):
            v.assign(r.uniform(0.5, 1.5, v.shape))
        elif re.search(r"bias|beta|moving_mean", name):
            v.assign(r.standard_normal(v.shape) * 0.1)


class Frozen:
    """A model made and frozen: graph, names of its outputs, answers()."""

    def __init__(self, m, openness, lower):
        tf.keras.backend.clear_session()
        tf.keras.utils.set_random_seed(7)
        self.model, self.r = m, np.random.default_rng(zlib.crc32(m.name.encode()))
        self.open = {"static": "", "batch": "n", "open": "".join(m.sizes)}[openness]
        self.sizes = {d: None if d in self.open else s[0] for d, s in m.sizes.items()}
        (self.freeze_v1 if m.v1 else self.freeze)(lower)

    def freeze(self, lower):
        fn = self.model.build(**self.sizes)
        layers = fn if isinstance(fn, tf.keras.Model) else None
        if layers is not None:
            randomise(layers.variables, self.r)
            single = len(self.model.inputs) == 1
            fn = lambda *x: layers(x[0] if single else list(x), training=False)  # noqa: E731
        specs = [tf.TensorSpec(shape_of(dims, self.sizes), dtype_of(kind), name) for name, kind, dims in self.model.inputs]
        concrete = tf.function(lambda *x: tf.nest.flatten(fn(*x))).get_concrete_function(*specs)
        function = convert_variables_to_constants_v2(concrete, lower_control_flow=lower)
        self.graph = function.graph.as_graph_def()
        self.names = [t.name.removesuffix(":0") for t in function.outputs]
        self.answers = lambda x: [y.numpy() for y in tf.nest.flatten(function(*(tf.constant(a) for a in x)))]

    def freeze_v1(self, _):
        v1 = tf.compat.v1
        v1.disable_control_flow_v2()
        v1.disable_resource_variables()
        try:
            with tf.Graph().as_default(), v1.Session() as session:
                v1.set_random_seed(7)
                fed = [v1.placeholder(dtype_of(kind), shape_of(dims, self.sizes), name) for name, kind, dims in self.model.inputs]
                outs = [tf.identity(y) for y in tf.nest.flatten(self.model.build(**self.sizes)(*fed))]
                self.names = [y.op.name for y in outs]
                session.run(v1.global_variables_initializer())
                for v in v1.global_variables():
                    if v.shape.rank and v.dtype.base_dtype.is_floating:
                        low = 0.5 if "variance" in v.name else -0.5
                        v.load(self.r.uniform(low, low + 1, v.shape), session)
                self.graph = v1.graph_util.convert_variables_to_constants(session, session.graph_def, self.names)
        finally:
            v1.enable_control_flow_v2()
            v1.enable_resource_variables()
        graph = tf.Graph()
        with graph.as_default():
            v1.import_graph_def(self.graph, name="")
        session = v1.Session(graph=graph)
        fed = [name + ":0" for name, _, _ in self.model.inputs]
        self.answers = lambda x: session.run([name + ":0" for name in self.names], dict(zip(fed, x)))

    def control(self):
        ops = {n.op for n in self.graph.node} | {n.op for f in self.graph.library.function for n in f.node_def}
        return ops & {"If", "StatelessIf", "While", "StatelessWhile", "Case", "StatelessCase"}

    def inputs(self, k):
        sizes = {d: s[k] if d in self.open else s[0] for d, s in self.model.sizes.items()}
        return {name: random_input(self.r, kind, dims, sizes) for name, kind, dims in self.model.inputs}


def message(p):
    lines = [line for line in p.stderr.strip().splitlines() if line.strip()]
    if p.returncode < 0 or not lines:
        return f"it died: status {p.returncode}: {(lines or [''])[-1][:200]}"
    return " / ".join(lines[:3])[:600]


def noise(frozen, x, want):
    """How far each of TensorFlow's answers may be off: it moves when the inputs move by rounding errors."""
    moved = [a * (1 + 2e-7 * np.sign(frozen.r.random(a.shape) - 0.5)).astype("f") if a.dtype == "f" else a for a in x.values()]
    got = frozen.answers(moved)
    return [30 * np.nanmax(np.abs(widened(a) - widened(b)), initial=0)
            if a.dtype.name in TOLERANCE and a.shape == b.shape else 0 for a, b in zip(got, want)]


def compared(path, frozen, want, off):
    """"" or the first output that differs."""
    if path.endswith(".npz"):
        with np.load(path) as z:
            got = [z[name] for name in frozen.names]
    else:
        got = [np.load(path % i) for i in range(len(want))]
    for i, (x, y) in enumerate(zip(got, want)):
        why = difference(x, y, y.dtype.name, off[i])
        if why:
            return f"output {i} ({frozen.names[i]}): {why}"
    return ""


def run(o, frozen, k, folder, what, slow):
    """The problem, or "", TensorFlow's answers, and how far each may be off."""
    x = frozen.inputs(k)
    np.savez(f"{folder}/in{k}.npz", **x)
    refused = frozen.model.refused
    try:
        want = [] if refused else frozen.answers(list(x.values()))
    except (tf.errors.OpError, TypeError) as e:
        return f"TensorFlow: {str(e)[:300]}", None, None
    start = time.monotonic()
    want = want and frozen.answers(list(x.values()))
    tf_ms = (time.monotonic() - start) * 1e3
    command = [f"{o.build}/jitc", "run", f"{folder}/model.pb", "--input", f"{folder}/in{k}.npz", "--repeat", "2"]
    for i, name in enumerate(frozen.names):
        command += ["--output", f"{name}={folder}/out{i}.npy"]
    try:
        p = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, errors="replace")
    except subprocess.TimeoutExpired:
        return f"no answer in {TIMEOUT} seconds", None, None
    if refused and p.returncode == 1 and refused in p.stderr:
        return "", None, None
    if refused:
        return f"not refused with '{refused}': {message(p) if p.returncode else 'computed'}", None, None
    if p.returncode:
        return message(p), None, None
    for word, most in ("compiled in", SLOW_COMPILE_MS), ("least", max(SLOW_RUN * tf_ms, 100)):
        for number, unit in re.findall(rf"{word} ([0-9.]+) (m?s)\b", p.stdout):
            if float(number) * (1 if unit == "ms" else 1e3) > most:
                slow.append(f"{what}: {word} {number} {unit}, TensorFlow runs in {tf_ms:.0f} ms")
    off = noise(frozen, x, want)
    why = compared(f"{folder}/out%d.npy", frozen, want, off)
    return f"input {k}, {why}" if why else "", want, off


def resized(o, frozen, folder, wants, offs):
    """Both inputs in one process, the first again at the end."""
    inputs = ",".join(f"{folder}/in{k}.npz" for k in (0, 1, 0))
    words = [f"{folder}/model.pb", f"{folder}/again", inputs, "code:native:2:"]
    p = subprocess.run([f"{o.build}/tests/difftest", *dict.fromkeys(frozen.names)], input="\t".join(words) + "\n", capture_output=True, text=True,
                       timeout=TIMEOUT, errors="replace")
    answer = p.stdout.strip()
    if p.returncode or answer != "ok":
        return f"in one process: {answer or f'it died: status {p.returncode}'}"
    for j, k in enumerate((0, 1, 0)):
        why = compared(f"{folder}/again0.{j}.npz", frozen, wants[k], offs[k])
        if why:
            return f"in one process, input {k}, {why}"
    return ""


def judge(o, m, counts, slow):
    """The problems of a model, by what they say."""
    problems = collections.defaultdict(list)
    for openness in ["static"] + ["batch"] * (len(m.sizes) > 1) + ["open"] * (len(m.sizes) > 0):
        for lower in (False, True):
            what, folder = f"{openness}{' lowered' if lower else ''}", f"{o.keep}/{m.name}.{openness}{'.v1' * lower}"
            try:
                frozen = Frozen(m, openness, lower)
            except Exception as e:  # not a model that TensorFlow can make; whatever it says
                problems[f"TensorFlow: {type(e).__name__}: {' '.join(str(e).split())[:300]}"].append(what)
                break
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/model.pb", "wb") as f:
                f.write(frozen.graph.SerializeToString())
            runs = []
            for k in range(2 if frozen.open else 1):
                counts["runs"] += 1
                runs.append(run(o, frozen, k, folder, f"{m.name} {what}", slow))
            why = next((r[0] for r in runs if r[0]), "")
            if not why and len(runs) == 2 and not m.refused:
                why = resized(o, frozen, folder, [r[1] for r in runs], [r[2] for r in runs])
            if why:
                problems[re.sub(r"\b[0-9.]+(e-?\d+)?\b", "#", why)].append((what, why))
            else:
                shutil.rmtree(folder)
            if m.v1 or not frozen.control():
                break
    return problems


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default="build")
    ap.add_argument("--only", default="", help="models whose name has one of these texts, with commas")
    ap.add_argument("--list", action="store_true", help="name the models")
    ap.add_argument("--keep", default="keras_models.failed", metavar="DIR")
    o = ap.parse_args()
    chosen = [m for m in MODELS if not o.only or any(t in m.name for t in o.only.split(","))]
    if o.list:
        print(*(m.name for m in chosen), sep="\n")
        return 0
    counts, slow, failed = collections.Counter(), [], 0
    for m in chosen:
        problems = judge(o, m, counts, slow)
        failed += bool(problems)
        for where in problems.values():
            print(f"{m.name} ({', '.join(w if isinstance(w, str) else w[0] for w in where)}):", flush=True)
            print(f"    {where[0][1] if not isinstance(where[0], str) else [k for k in problems][0]}", flush=True)
    print(*slow, sep="\n")
    print(f"{len(chosen)} models, {counts['runs']} runs: {failed} models failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
