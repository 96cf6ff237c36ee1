#!/usr/bin/env python3
"""Compare jitc with TensorFlow on random graphs.

    random_graphs.py [--build build] [--seed N] [--count N] [--nodes N] [--only OP,…] [--keep DIR] [--seconds S]

Builds graphs out of patterns that networks are made of and out of single operators (scripts/graphs/), with all
element types, odd sizes, empty tensors, open dimensions, branches and loops. Each graph is computed by TensorFlow,
by jitc's evaluator (the graph as imported, and after the passes), and by compiled code, with the default passes and
with as few as possible, on several CPU levels and numbers of threads.

Outputs must have the same type and shape, integers and NaN the same places; floats may be off by TOLERANCE times
their largest element, or by as much as TensorFlow's answer moves when its inputs do by a rounding error. Graphs that
jitc refuses with a reason are counted, not failed.

Prints the seed of each graph that differs and keeps model, inputs and answers in DIR: `jitc compare DIR/SEED/model.pb
--input DIR/SEED/in.npz --ref DIR/SEED/want.npz` looks closer. Needs TensorFlow. Exit status 1 when a graph fails.
"""

import argparse
import collections
import os
import re
import select
import shutil
import subprocess
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
import numpy as np
import tensorflow as tf

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from graphs.control import CONTROL
from graphs.generator import TOLERANCE, Generator
from graphs.ops import OPS
from graphs.patterns import PATTERNS

tf.get_logger().setLevel("ERROR")
FEWEST = "fix(fold,dce),groups,init,dce,fuse"  # passes that code needs
# A refusal has a reason like these; anything else that stops jitc is a defect.
REFUSED = re.compile(r"support|not known|open dimensions|depends on data|depend on data|unknown|must be|too (large|many)|"
                     r"one type|random|cannot")
TIMEOUT = 60


class Jitc:
    """The process that runs the models; a new one when it has died."""

    def __init__(self, build):
        self.program, self.process, self.read = f"{build}/tests/difftest", None, b""

    def line(self):
        """The next one; "99 …" when the process has died or is stuck."""
        out = self.process.stdout
        while b"\n" not in self.read:
            if not select.select([out], [], [], TIMEOUT)[0]:
                self.process.kill()
                return f"99 no answer in {TIMEOUT} seconds"
            more = os.read(out.fileno(), 65536)
            if not more:
                return f"99 it died: status {self.process.wait()}"
            self.read += more
        line, _, self.read = self.read.partition(b"\n")
        return line.decode(errors="replace")

    def ask(self, words, n):
        """The answers of n ways; the last may say how the process died."""
        if not self.process:
            self.process, self.read = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                       stderr=subprocess.DEVNULL, bufsize=0), b""
        answers = []
        self.process.stdin.write(("\t".join(words) + "\n").encode())
        while len(answers) <= n:
            answers.append(self.line())
            if answers[-1].startswith("99 "):
                self.process.stdin.close()
                self.process.stdout.close()
                self.process.wait()
                self.process = None
                break
        return answers[:n]


def widened(a):
    return a.astype("complex128" if a.dtype.kind == "c" else "d") if a.dtype.kind in "cfV" else a


def difference(got, want, name, noise=None):
    """"" when equal within the tolerance."""
    if got.dtype.str == "|V2":  # bfloat16, as .npy has it
        got = got.view(tf.bfloat16.as_numpy_dtype)
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
    if want.dtype.name not in TOLERANCE:
        wrong = np.argwhere(got != want)
        if not len(wrong):
            return ""
        at = tuple(int(i) for i in wrong[0])
        return f"{len(wrong)} of {want.size} elements wrong, at {at} {got[at]}, not {want[at]}"
    got, want, limit = widened(got), widened(want), TOLERANCE[name]
    finite = np.isfinite(want)
    if not np.array_equal(np.isfinite(got), finite) or not np.array_equal(got[~finite], want[~finite], equal_nan=True):
        return "not finite in other places"
    if not finite.any():
        return ""
    off, scale = np.abs(got[finite] - want[finite]), np.abs(want[finite]).max()
    allowed = limit * scale + limit * 1e-2
    if noise is not None:
        allowed = allowed + noise
    return f"off by {off.max():.3g} of {scale:.3g}" if off.max() > allowed else ""


class Graph:
    def __init__(self, seed, nodes, patterns):
        self.g = Generator(seed, patterns)
        self.g.grow(nodes)
        self.outs = self.g.outputs()
        self.model = self.g.graph_def(self.outs)
        self.wanted = [self.g.values[i].numpy() for i in self.outs]
        self.coarsest = [self.g.coarsest[i] for i in self.outs]
        used = {n.name for n in self.model.node}
        self.inputs = {f"in{i}": x for i, (x, _, _) in enumerate(self.g.inputs) if f"in{i}" in used}

    def save(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/model.pb", "wb") as f:
            f.write(self.model.SerializeToString())
        np.savez(f"{folder}/in.npz", **self.inputs)

    def session(self, moved):
        """TensorFlow's answer from the graph, with inputs as they are or moved by rounding errors."""
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(self.model, name="")
            r, feed = np.random.default_rng(1), {}
            for name, x in self.inputs.items():
                t = graph.get_tensor_by_name(name + ":0").dtype
                if moved and t.is_floating:
                    eps = {tf.float64: 1e-15, tf.float32: 2e-7, tf.float16: 1e-3, tf.bfloat16: 8e-3}[t]
                    x = (x.astype("d") * (1 + eps * r.choice([-1, 1], x.shape))).astype(x.dtype)
                feed[name + ":0"] = x
            with tf.compat.v1.Session(graph=graph) as s:
                return s.run([f"result{k}:0" for k in range(len(self.outs))], feed)

    def noise(self):
        try:
            a, b = self.session(False), self.session(True)
        except tf.errors.OpError:
            return None
        with np.errstate(invalid="ignore"):
            return [30 * np.nanmax(np.abs(widened(x) - widened(y)), initial=0) if x.dtype.name in TOLERANCE and
                    x.shape == y.shape else 0 for x, y in zip(a, b)]


def ways(g):
    threads = g.r.choice([1, 3])
    chosen = ["eval", "eval:", f"code:native:{threads}:"]
    if g.r.random() < 0.4:
        chosen.append(f"code:native:1:{FEWEST}")
    if g.r.random() < 0.3:
        chosen.append(f"code:{g.r.choice(['x86-64', 'x86-64-v2', 'x86-64-v3', 'x86-64-v4'])}:{g.r.choice([1, 3])}:")
    return chosen


def judge(graph, jitc, folder, refusals):
    """Problems, a line each; refusals are counted."""
    chosen = ways(graph.g)
    answers = jitc.ask([f"{folder}/model.pb", f"{folder}/in.npz", f"{folder}/out", *chosen], len(chosen))
    problems, off = [], []
    if all(a != "ok" and not a.startswith(("99", "3")) and REFUSED.search(a) for a in answers):
        for node in re.findall(r"\(([A-Z]\w*)\): ", answers[0]) or [answers[0][:70]]:
            refusals[node] += 1
        return None
    for k, (way, a) in enumerate(zip(chosen, answers)):
        if a != "ok":
            if "this CPU" not in a:
                problems.append(f"{way}: {a[:400]}")
            continue
        got = np.load(f"{folder}/out{k}.npz")
        for i, want in enumerate(graph.wanted):
            why = difference(got[f"result{i}"], want, graph.coarsest[i])
            if why:
                off.append((way, i, got[f"result{i}"], why))
    if off:
        noise = graph.noise()
        for way, i, got, why in off:
            if noise and difference(got, graph.wanted[i], graph.coarsest[i], noise[i]) == "":
                continue
            problems.append(f"{way}: result{i}: {why}")
    return problems


def keep(graph, folder, problems):
    np.savez(f"{folder}/want.npz", **{f"result{k}": y for k, y in enumerate(graph.wanted)})
    for name in os.listdir(folder):
        if name.startswith("out"):
            os.remove(f"{folder}/{name}")
    with open(f"{folder}/problems.txt", "w") as f:
        f.write("\n".join(problems) + "\nsteps: " + ", ".join(graph.g.names) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default="build")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--count", type=int, default=200)
    ap.add_argument("--seconds", type=float, default=0, help="stop after so many")
    ap.add_argument("--nodes", type=int, default=12, help="patterns in a graph, at most")
    ap.add_argument("--only", default="", help="patterns and operators by name, with commas")
    ap.add_argument("--keep", default="random_graphs.failed", metavar="DIR")
    o = ap.parse_args()
    patterns = PATTERNS + OPS + CONTROL
    for p in PATTERNS:
        p.weight = p.weight * len(OPS) / 60  # as often as single operators
    if o.only:
        patterns = [p for p in patterns if p.name in o.only.split(",")]
    jitc, refusals, used = Jitc(o.build), collections.Counter(), collections.Counter()
    count = failed = left_out = refused = 0
    start = time.monotonic()
    for seed in range(o.seed, o.seed + o.count):
        if o.seconds and time.monotonic() - start > o.seconds:
            break
        folder = f"{o.keep}/{seed}"
        try:
            graph = Graph(seed, o.nodes, patterns)
        except (ValueError, TypeError, tf.errors.OpError) as e:  # TensorFlow is stricter with graphs than eagerly
            left_out += 1
            if left_out < 4:
                print(f"graph {seed} left out: {str(e)[:200]}", flush=True)
            continue
        if not graph.outs:
            continue
        count += 1
        used.update(graph.g.names)
        graph.save(folder)
        problems = judge(graph, jitc, folder, refusals)
        if not problems:
            refused += problems is None
            shutil.rmtree(folder)
            continue
        failed += 1
        print(f"graph {seed} ({folder}):", *problems, sep="\n    ", flush=True)
        keep(graph, folder, problems)
    if refusals:
        print("refused:", ", ".join(f"{op} {n}" for op, n in refusals.most_common(40)))
    print(f"{count} graphs of {sum(used.values())} steps in {time.monotonic() - start:.0f} s: {failed} failed, "
          f"{refused} refused, {left_out} left out")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
