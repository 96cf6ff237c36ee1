"""One runtime with one model, in a process of its own, driven by lines on its standard input.

    peers.py PEER MODEL_STEM THREADS JITC CPU

loads the model, answers once, and prints a line of JSON (load time, error, versions). Then each line read is
a number of seconds to run for, answered by a line of JSON with the time of every inference in milliseconds.
A peer's inputs and outputs are bound beforehand where it can do that; fetching results is not timed. CPU is the level
that jitc compiles for; of the peers only those on oneDNN can be told not to use more, by ONEDNN_MAX_CPU_ISA. What they
say that they use goes into "uses".
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time


def load_tf(stem, threads, ins, onames):
    import tensorflow as tf

    t = time.perf_counter()
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    graph_def = tf.compat.v1.GraphDef()
    with open(stem + ".pb", "rb") as f:
        graph_def.ParseFromString(f.read())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(graph_def, name="")
    call = tf.compat.v1.Session(graph=graph).make_callable(onames, list(ins))
    args = list(ins.values())
    return tf.__version__, t, lambda: call(*args), lambda result: result, isa_of_tf


def isa_of_tf():
    """What TensorFlow's oneDNN says: printed once by a process that runs one convolution."""
    code = "import tensorflow as tf; tf.nn.conv2d(tf.ones([1, 32, 32, 16]), tf.ones([3, 3, 16, 16]), 1, 'SAME')"
    said = subprocess.run([sys.executable, "-c", code], env=os.environ | {"ONEDNN_VERBOSE": "1"}, capture_output=True, text=True)
    return (re.findall(r"cpu,isa:([^\n]*)", said.stdout + said.stderr) or ["unknown"])[0]


def load_ov(stem, threads, ins, onames):
    import openvino as ov

    t = time.perf_counter()
    core = ov.Core()
    config = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(stem + ".pb"), "CPU", config)
    request = compiled.create_infer_request()
    for port in request.model_inputs:
        for name, x in ins.items():
            if name in port.names or name.split(":")[0] in port.names:
                request.set_tensor(port, ov.Tensor(x, shared_memory=True))
    fetch = lambda _: [request.get_output_tensor(i).data for i in range(len(request.model_outputs))]

    def uses():
        """The instruction sets that the names of the kernels tell."""
        infos = [node.get_rt_info() for node in compiled.get_runtime_model().get_ops()]
        kinds = " ".join(str(i["primitiveType"].astype(str)) for i in infos if "primitiveType" in i)
        return " ".join(sorted(set(re.findall(r"amx|avx512|avx2|avx(?!\w)|sse\w*", kinds)))) or "unknown"

    return ov.__version__.split("-")[0], t, request.infer, fetch, uses


def load_ort(stem, threads, ins, onames):
    import onnxruntime as ort

    t = time.perf_counter()
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(stem + ".onnx", options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    for name, x in ins.items():
        binding.bind_cpu_input(name, x)
    for name in onames:
        binding.bind_output(name)
    return ort.__version__, t, lambda: session.run_with_iobinding(binding), lambda _: binding.copy_outputs_to_cpu(), None


def load_litert(stem, threads, ins, onames):
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter

    t = time.perf_counter()
    it = Interpreter(stem + ".tflite", num_threads=threads)
    it.allocate_tensors()
    for detail in it.get_input_details():  # named serving_default_NAME:0, in an order of their own
        of = [x for name, x in ins.items() if name.split(":")[0] in detail["name"]] or list(ins.values())
        it.set_tensor(detail["index"], of[0])
    fetch = lambda _: [it.get_tensor(d["index"]) for d in it.get_output_details()]
    return getattr(ai_edge_litert, "__version__", "?"), t, it.invoke, fetch, None


class Runtime:
    """A peer with a Python interface."""

    def __init__(self, load, stem, threads, ins, outs):
        self.version, start, self.call, fetch, self.uses = load(stem, threads, ins, list(outs))
        answers = fetch(self.call())
        self.load_ms = (time.perf_counter() - start) * 1e3
        self.error = error(answers, list(outs.values()))
        for _ in range(3):
            self.call()

    def run(self, secs):
        times, end = [], time.perf_counter() + secs
        while time.perf_counter() < end or len(times) < 3:
            t = time.perf_counter()
            self.call()
            times.append((time.perf_counter() - t) * 1e3)
        return {"median_ms": sorted(times)[len(times) // 2], "min_ms": min(times)}

    def peak_mib(self):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Jitc:
    """jitc, through its command line."""

    uses = None

    def __init__(self, tool, stem, threads, ins, outs, more):
        import numpy as np

        self.folder = tempfile.TemporaryDirectory()
        tmp = self.folder.name
        self.args = [stem + ".pb", "--threads", str(threads), *more]
        for i, (name, x) in enumerate(ins.items()):
            np.save(f"{tmp}/in{i}.npy", x)
            self.args += ["--input", f"{name}={tmp}/in{i}.npy"]
        self.tool, wanted, files = tool, [], [f"{tmp}/out{i}.npy" for i in range(len(outs))]
        for name, file in zip(outs, files):
            wanted += ["--output", f"{name}={file}"]
        self.command("run", *wanted)
        self.error = error([np.load(f) for f in files], list(outs.values()))
        self.version = subprocess.run([tool, "--version"], capture_output=True, text=True).stdout.split("\n")[0]
        self.load_ms, self.peak = float("inf"), 0
        self.warm_ms = min(self.first_answer(self.bench("0", cache=f"{tmp}/cache")) for _ in range(4))

    def command(self, verb, *more, cache=None):
        kept = ["--cache-dir", cache] if cache else ["--no-cache"]
        p = subprocess.run([self.tool, verb, *self.args, *kept, *more], capture_output=True, text=True)
        if p.returncode:
            raise RuntimeError(p.stderr.strip() or f"exit status {p.returncode}")
        return p.stdout

    def bench(self, secs, cache=None):
        return json.loads(self.command("bench", "--secs", str(secs), "--json", "-", cache=cache))

    @staticmethod
    def first_answer(report):
        return report["load_ms"] + report["first_ms"]

    def run(self, secs):
        r = self.bench(secs)
        self.load_ms = min(self.load_ms, self.first_answer(r))
        self.peak = max(self.peak, r["peak_rss_kib"] / 1024)
        return {"median_ms": r["median_ms"], "min_ms": r["min_ms"], "load_ms": self.load_ms}

    def peak_mib(self):
        return self.peak


PEERS = {"openvino": load_ov, "onnxruntime": load_ort, "litert": load_litert, "tensorflow": load_tf}


def error(answers, wanted):
    """Largest deviation, relative to the largest element. Some peers reorder outputs: the nearest one counts."""
    import numpy as np

    def off(a, b):
        a = np.asarray(a, "f8")
        return np.abs(a.reshape(b.shape) - b).max() / max(np.abs(b).max(), 1e-30) if a.size == b.size else np.inf

    return float(max(min(off(a, b) for a in answers) for b in wanted))


def main():
    peer, stem, threads, tool, cpu = *sys.argv[1:3], int(sys.argv[3]), *sys.argv[4:6]
    kind = {"onnxruntime": "onnx", "litert": "tflite"}.get(peer, "pb")
    if os.path.exists(f"{stem}.{kind}.failed"):
        with open(f"{stem}.{kind}.failed") as f:
            sys.exit(f"no {kind} model: {f.read().strip()}")
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", OMP_NUM_THREADS=str(threads), CUDA_VISIBLE_DEVICES="")
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    replies, sys.stdout = sys.stdout, sys.stderr  # some peers print
    import numpy as np

    z = np.load(stem + ".npz")
    ins = {k[3:]: z[k] for k in z.files if k.startswith("in/")}
    outs = {k[4:]: z[k] for k in z.files if k.startswith("out/")}
    if peer.startswith("jitc"):
        layout = peer.partition("-")[2]
        r = Jitc(tool, stem, threads, ins, outs, (["--cpu", cpu] if cpu else []) + (["--layout", layout] if layout else []))
    else:
        r = Runtime(PEERS[peer], stem, threads, ins, outs)
    reply = {"version": r.version, "load_ms": r.load_ms, "error": r.error}
    if peer == "jitc":
        reply["warm_ms"] = r.warm_ms
    if cpu and r.uses:
        reply["uses"] = r.uses()
    print(json.dumps(reply), file=replies, flush=True)
    for line in sys.stdin:
        reply = r.run(float(line)) | {"peak_mib": r.peak_mib()}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    main()
