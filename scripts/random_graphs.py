#!/usr/bin/env python3
"""Compare jitc with TensorFlow on random graphs.

    random_graphs.py [--build build] [--seed N] [--count N] [--nodes N] [--only OP,…] [--keep DIR] [--seconds S]
                     [--steps] [--store DIR]

Builds graphs out of patterns that networks are made of and out of single operators (scripts/graphs/), with all
element types, odd sizes, empty tensors, open dimensions, branches and loops. Each graph is computed by TensorFlow,
by jitc's evaluator (the graph as imported, and after the passes), and by compiled code, with the default passes and
with as few as possible, on several CPU levels and numbers of threads. While jitc runs one graph, the next is made.

Where dimensions are open, the same program also runs inputs of other sizes.

Outputs must have the same type and shape, integers and NaN the same places; floats may be off by TOLERANCE times
their largest element, or by as much as TensorFlow's answer moves when inputs and steps move by a rounding error of
their largest element. Graphs that jitc refuses with a reason are counted, not failed.

Prints the seed of each graph that differs and keeps model, inputs and answers in DIR: `jitc compare DIR/SEED/model.pb
--input DIR/SEED/in0.npz --ref DIR/SEED/want0.npz` looks closer. Needs TensorFlow. Exit status 1 when a graph fails.
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
from graphs import rarer  # adds to OPS
from graphs.patterns import PATTERNS
from graphs.store import Store

tf.get_logger().setLevel("ERROR")
tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.debugging.disable_traceback_filtering()
FEWEST = "fix(fold,dce),groups,init,dce,fuse"  # passes that code needs
# A refusal has a reason like these; anything else that stops jitc is a defect.
REFUSED = re.compile(r"support|not known|open dimensions|depends on data|depend on data|unknown|must be|too (large|many)|"
                     r"one type|random|cannot")
TIMEOUT = 60
NO_GRAPPLER = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
NO_GRAPPLER.graph_options.rewrite_options.disable_meta_optimizer = True
NO_GRAPPLER.graph_options.optimizer_options.opt_level = -1


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

    def ask(self, words):
        if not self.process:
            self.process, self.read = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                       stderr=subprocess.DEVNULL, bufsize=0), b""
        self.process.stdin.write(("\t".join(words) + "\n").encode())

    def answers(self, n):
        """Of n ways; the last may say how the process died."""
        answers = []
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
    allowed = limit * (scale + 1e-2)
    if noise is not None:
        allowed = allowed + noise
    return f"off by {off.max():.3g} of {scale:.3g}" if off.max() > allowed else ""


class Graph:
    def __init__(self, seed, nodes, patterns):
        self.g = Generator(seed, patterns)
        self.g.grow(nodes)
        self.outs = self.g.outputs()
        self.model = self.g.graph_def(self.outs)
        self.wanted = [[self.g.values[i].numpy() for i in self.outs]]
        self.coarsest = [self.g.coarsest[i] for i in self.outs]
        self.used = {n.name for n in self.model.node}
        self.inputs = [self.named(x for x, _, _ in self.g.inputs)]
        other = self.g.other_inputs() if self.g.r.random() < 0.6 else None
        if other:
            other = self.named(other)
            try:
                self.wanted.append(self.session(other))
                self.inputs.append(other)
            except (tf.errors.OpError, ValueError):  # something in the graph knows the first sizes
                pass

    def named(self, inputs):
        return {f"in{i}": x for i, x in enumerate(inputs) if f"in{i}" in self.used}

    def save(self, folder):
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/model.pb", "wb") as f:
            f.write(self.model.SerializeToString())
        for k, inputs in enumerate(self.inputs):
            np.savez(f"{folder}/in{k}.npz", **inputs)

    def session(self, inputs):
        """TensorFlow's answer from the graph as it is."""
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(self.model, name="")
            with tf.compat.v1.Session(graph=graph, config=NO_GRAPPLER) as s:
                return s.run([f"result{k}:0" for k in range(len(self.outs))], {n + ":0": x for n, x in inputs.items()})

    def noise(self, inputs):
        """By how much the outputs move when all floats of inputs and steps move by a rounding error."""
        try:
            runs = [[widened(y) for y in self.g.replay(inputs, self.outs, moved)] for moved in (0, 1, 1, 1)]
        except (tf.errors.OpError, ValueError):
            return None
        with np.errstate(invalid="ignore"):
            return [10 * max(np.nanmax(np.abs(y - run[k]), initial=0) for run in runs) if y.dtype.kind in "fc" and
                    all(run[k].shape == y.shape for run in runs) else 0 for k, y in enumerate(runs[0])]


def ways(g):
    threads = g.r.choice([1, 3])
    kind = "code" if g.r.random() < 0.15 else "quick"  # most of the time goes into LLVM
    chosen = ["eval", "eval:", f"{kind}:native:{threads}:", f"quick:native:1:{FEWEST}"]
    if g.r.random() < 0.1:
        chosen.append(f"quick:{g.r.choice(['x86-64', 'x86-64-v2', 'x86-64-v3', 'x86-64-v4'])}:{g.r.choice([1, 3])}:")
    opened = any(d is None for _, _, spec in g.inputs for d in spec)
    if g.r.random() < (0.4 if opened else 0.05):
        chosen.append(f"open:native:{threads}:")
    if g.r.random() < 0.1:
        chosen.append(f"aot:native:{threads}")
    return chosen


def judge(graph, jitc, folder, chosen, refusals):
    """Problems, a line each; refusals are counted."""
    answers = jitc.answers(len(chosen))
    problems, off = [], []
    if all(a != "ok" and not a.startswith(("99", "3")) and REFUSED.search(a) for a in answers):
        for node in re.findall(r"\(([A-Z]\w*)\): ", answers[0]) or [answers[0][:70]]:
            refusals[node] += 1
            if refusals[node] == 1:
                print(f"refused: {answers[0][:300]}", flush=True)
        return None
    for k, (way, a) in enumerate(zip(chosen, answers)):
        if a != "ok":
            if "this CPU" not in a:
                problems.append(f"{way}: {a[:400]}")
            continue
        for j, wanted in enumerate(graph.wanted):
            got = np.load(f"{folder}/out{k}.{j}.npz")
            for i, want in enumerate(wanted):
                why = difference(got[f"result{i}"], want, graph.coarsest[i])
                if why:
                    off.append((j, way, i, got[f"result{i}"], why))
    noise = {j: graph.noise(graph.inputs[j]) for j, *_ in off}
    for j, way, i, got, why in off:
        if noise[j] and difference(got, graph.wanted[j][i], graph.coarsest[i], noise[j][i]) == "":
            continue
        problems.append(f"{way}: inputs {j}: result{i}: {why}")
    return problems


def keep(graph, folder, problems):
    for j, wanted in enumerate(graph.wanted):
        np.savez(f"{folder}/want{j}.npz", **{f"result{k}": y for k, y in enumerate(wanted)})
    for name in os.listdir(folder):
        if name.startswith("out"):
            os.remove(f"{folder}/{name}")
    with open(f"{folder}/problems.txt", "w") as f:
        f.write("\n".join(problems) + "\nsteps: " + ", ".join(graph.g.names) + "\n")


class Run:
    def __init__(self, jitc, folder, patterns, nodes):
        self.jitc, self.folder, self.patterns, self.nodes = jitc, folder, patterns, nodes
        self.refusals, self.used = collections.Counter(), collections.Counter()
        self.count = self.failed = self.left_out = self.refused = self.pairs = 0
        self.pending, self.store = None, None  # pending: the graph that jitc works on

    def one(self, seed):
        """Makes a graph, looks at the answers to the one before, and hands it over."""
        try:
            graph = Graph(seed, self.nodes, self.patterns)
        except (ValueError, TypeError, NotImplementedError, RuntimeError, tf.errors.OpError) as e:  # TensorFlow is stricter with graphs than eagerly
            self.left_out += 1
            if self.left_out < 4:
                print(f"graph {seed} left out: {str(e)[:200]}", flush=True)
            return
        if not graph.outs:
            return
        self.count += 1
        self.used.update(graph.g.names)
        folder, chosen = f"{self.folder}/{seed}", ways(graph.g)
        graph.save(folder)
        self.finish()
        inputs = ",".join(f"{folder}/in{k}.npz" for k in range(len(graph.inputs)))
        self.jitc.ask([f"{folder}/model.pb", f"{folder}/out", inputs, *chosen])
        self.pairs += len(graph.inputs) > 1
        self.pending = seed, graph, folder, chosen

    def offer(self, seed, graph, folder):
        """For the stored graphs: those that pass within the table's tolerance alone, in code as it is shipped."""
        start = time.monotonic()
        self.jitc.ask([f"{folder}/model.pb", f"{folder}/out", f"{folder}/in0.npz", "code:native:1:"])
        if self.jitc.answers(1) != ["ok"]:
            return
        seconds, got = time.monotonic() - start, np.load(f"{folder}/out0.0.npz")
        if any(difference(got[f"result{i}"], y, graph.coarsest[i]) for i, y in enumerate(graph.wanted[0])):
            return
        finite = [np.abs(y[np.isfinite(y)]).max(initial=0) for y in map(widened, graph.wanted[0])]
        limits = [TOLERANCE[t] * (n + 1e-2) for t, n in zip(graph.coarsest, finite) if t in TOLERANCE]
        self.store.offer(seed, graph, limits or [0], seconds)

    def finish(self):
        if not self.pending:
            return
        seed, graph, folder, chosen = self.pending
        self.pending = None
        problems = judge(graph, self.jitc, folder, chosen, self.refusals)
        if problems == [] and self.store:
            self.offer(seed, graph, folder)
        if not problems:
            self.refused += problems is None
            shutil.rmtree(folder)
            return
        self.failed += 1
        print(f"graph {seed} ({folder}):", *problems, sep="\n    ", flush=True)
        keep(graph, folder, problems)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--build", default="build")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--count", type=int, default=200)
    ap.add_argument("--seconds", type=float, default=0, help="stop after so many")
    ap.add_argument("--nodes", type=int, default=12, help="patterns in a graph, at most")
    ap.add_argument("--only", default="", help="patterns and operators by name, with commas")
    ap.add_argument("--steps", action="store_true", help="print how often each was used")
    ap.add_argument("--store", metavar="DIR", help="keep passing graphs with TensorFlow's answers as golden cases")
    ap.add_argument("--stored", type=int, default=200, help="how many")
    ap.add_argument("--keep", default="random_graphs.failed", metavar="DIR")
    o = ap.parse_args()
    patterns = PATTERNS + OPS + CONTROL
    for p in PATTERNS:
        p.weight = p.weight * len(OPS) / 60  # as often as single operators
    if o.only:
        patterns = [p for p in patterns if p.name in o.only.split(",")]
    run = Run(Jitc(o.build), o.keep, patterns, o.nodes)
    store = run.store = Store(o.store, o.stored) if o.store else None
    start = time.monotonic()
    try:
        for seed in range(o.seed, o.seed + o.count):
            if o.seconds and time.monotonic() - start > o.seconds:
                break
            run.one(seed)
        run.finish()
    except KeyboardInterrupt:
        print(f"stopped at seed {seed}")
    if store:
        print(f"{store.write()} graphs are in {o.store}")
    if run.refusals:
        print("refused:", ", ".join(f"{op} {n}" for op, n in run.refusals.most_common(40)))
    if o.steps:
        print("steps:", ", ".join(f"{name} {n}" for name, n in run.used.most_common()))
    print(f"{run.count} graphs of {sum(run.used.values())} steps in {time.monotonic() - start:.0f} s: {run.failed} failed, "
          f"{run.refused} refused, {run.left_out} left out, {run.pairs} with inputs of two sizes")
    return run.failed > 0


if __name__ == "__main__":
    sys.exit(main())
