"""Times jitc beside its peers on the same frozen graphs.

Each runtime is a process of its own. All of them load a model; then they run in turn, one at a time, for
several short rounds, so that a machine that slows down or speeds up does so for all. Of each runtime the best
round counts; "spread" says how far its worst round was from that. The error is the largest deviation from
TensorFlow's answer, relative to its largest element.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

import models
import report

PEERS = ["jitc", "openvino", "onnxruntime", "litert", "tensorflow"]
# jitc with all images in one layout that can lie so.
FORCED = ["jitc-nhwc", "jitc-nchw", "jitc-blocked"]
# What oneDNN calls the levels of --cpu, and the peers that are made of it.
LEVELS = {"x86-64-v2": "SSE41", "x86-64-v3": "AVX2", "x86-64-v4": "AVX512_CORE"}
ONEDNN = ["openvino", "tensorflow"]
ISAS = {"amx_tile": "AMX", "avx512f": "AVX-512", "avx2": "AVX2", "avx": "AVX", "asimd": "NEON"}
HERE = os.path.dirname(os.path.abspath(__file__))


class Worker:
    """A process of peers.py; `failed` says why it gave up."""

    def __init__(self, peer, stem, threads, tool, cpu):
        self.peer, self.failed, self.rounds = peer, None, []
        self.log = tempfile.TemporaryFile("w+")  # a file never fills up as a pipe does
        self.process = subprocess.Popen(
            [sys.executable, f"{HERE}/peers.py", peer, stem, str(threads), tool, cpu or ""],
            env=os.environ | ({"ONEDNN_MAX_CPU_ISA": LEVELS[cpu]} if cpu else {}),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True,
        )
        self.about = self.reply() or {}

    def reply(self):
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.log.seek(0)
        message = self.log.read().strip().splitlines()
        self.failed = re.sub(r"^[\w.]+: |\[ONNXRuntimeError\][ :\w]*: ", "", message[-1])[:120] if message else "no message"
        return None

    def round(self, secs):
        if self.failed:
            return
        self.process.stdin.write(f"{secs}\n")
        self.process.stdin.flush()
        r = self.reply()
        if r:
            self.rounds.append(r)

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.close()
        self.process.wait()
        self.log.close()

    def result(self):
        if self.failed:
            return {"peer": self.peer, "failed": self.failed}
        medians = [r["median_ms"] for r in self.rounds]
        return {
            "peer": self.peer,
            "version": self.about["version"],
            "load_ms": min([self.about["load_ms"]] + [r["load_ms"] for r in self.rounds if "load_ms" in r]),
            "median_ms": min(medians),
            "min_ms": min(r["min_ms"] for r in self.rounds),
            "spread": max(medians) / min(medians) - 1,
            "warm_ms": self.about.get("warm_ms"),
            "error": self.about["error"],
            "uses": self.about.get("uses"),
            "peak_mib": max(r["peak_mib"] for r in self.rounds),
        }


def cpu_name():
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cpu_isa():
    with open("/proc/cpuinfo") as f:
        flags = {word for line in f if line.startswith(("flags", "Features")) for word in line.split(":", 1)[1].split()}
    return next((isa for flag, isa in ISAS.items() if flag in flags), None)


def measure(o, model, threads):
    workers = []
    try:
        for peer in o.peers:
            workers.append(Worker(peer, f"{o.folder}/{model}", threads, o.jitc, o.cpu))
        for _ in range(o.rounds):
            for w in workers:
                w.round(o.secs)
    finally:
        for w in workers:
            w.close()
    return [w.result() for w in workers]


def show(model, threads, rows):
    ours = next((r["median_ms"] for r in rows if r["peer"] == "jitc" and "failed" not in r), None)
    print(f"\n{model}, {threads} thread{'s' if threads > 1 else ''}")
    print(f"  {'':12s} {'load ms':>9s} {'median ms':>10s} {'spread':>7s} {'error':>8s} {'peak MiB':>9s} {'time/jitc':>9s}")
    for r in rows:
        if "failed" in r:
            print(f"  {r['peer']:12s} failed: {r['failed']}")
            continue
        ratio = f"{r['median_ms'] / ours:9.2f}" if ours else f"{'':>9s}"
        print(f"  {r['peer']:12s} {r['load_ms']:9.1f} {r['median_ms']:10.3f} {r['spread']:6.0%} {r['error']:9.1e} {r['peak_mib']:9.0f} {ratio}{'  uses ' + r['uses'] if r.get('uses') else ''}")
        if r.get("warm_ms"):
            print(f"  {'  from cache':12s} {r['warm_ms']:9.1f}")
    sys.stdout.flush()


def options():
    cores = len(os.sched_getaffinity(0))
    ap = argparse.ArgumentParser(prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda s: [w for w in s.split(",") if w]
    ap.add_argument("--models", type=words, default=models.NAMES,
                    help=f"of {','.join(models.NAMES + models.OTHERS)}, or any of keras.applications; 'zoo' and 'others' stand for "
                         f"the first {len(models.NAMES)} and the rest of these")
    ap.add_argument("--peers", type=words, help="of " + ",".join(PEERS + FORCED))
    ap.add_argument("--layouts", dest="peers", action="store_const", const=["jitc", *FORCED],
                    help="jitc beside itself with all images in one layout")
    ap.add_argument("--threads", type=lambda s: [int(w) for w in words(s)], default=sorted({1, min(cores, 4)}), help="counts, for instance 1,4")
    ap.add_argument("--batch", type=int, default=1)
    ap.add_argument("--secs", type=float, default=1, help="length of a round")
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--jitc", default="build/jitc", help="the tool to measure")
    ap.add_argument("--folder", help="for the models; build/bench/models-BATCH")
    ap.add_argument("--cpu", choices=list(LEVELS), help="use no more than what this level has: of the peers, only "
                    f"{' and '.join(ONEDNN)} can be told (ONEDNN_MAX_CPU_ISA), and the others are left out")
    for kind, what, ext in (("json", "all numbers", "json"), ("markdown", "a table", "md"), ("svg", "a plot", "svg")):
        ap.add_argument(f"--{kind}", metavar="FILE", default=f"build/bench/result.{ext}", help=f"{what}; build/bench/result.{ext}")
    o = ap.parse_args()
    o.peers = o.peers or (["jitc", *ONEDNN] if o.cpu else PEERS)
    o.models = [m for name in o.models for m in {"zoo": models.NAMES, "others": models.OTHERS}.get(name, [name])]
    for name in o.models:
        if not models.known(name):
            ap.error(f"'{name}' is none of: {', '.join(models.NAMES + models.OTHERS)}")
    for name in o.peers:
        if name not in PEERS + FORCED:
            ap.error(f"'{name}' is none of: {', '.join(PEERS + FORCED)}")
    if min(o.threads + [o.rounds, o.batch]) < 1 or max(o.threads) > cores:
        ap.error(f"--threads, --rounds and --batch are 1 or more; this process may use {cores} CPUs")
    if "jitc" in o.peers and not os.access(o.jitc, os.X_OK):
        ap.error(f"'{o.jitc}' is not there: build jitc first, or name another tool with --jitc")
    o.folder = o.folder or f"build/bench/models-{o.batch}"
    return o


def write(o, about, table):
    result = about | {"results": table}
    for name in (o.json, o.markdown, o.svg):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
    with open(o.json, "w") as f:
        json.dump(result, f, indent=1)
    report.write([result], o.markdown, o.svg)


def main():
    o = options()
    about = {"cpu": cpu_name(), "isa": cpu_isa(), "cpus": len(os.sched_getaffinity(0)), "limit": o.cpu, "versions": {}}
    print(f"{report.machine(about)}; batch {o.batch}; {o.rounds} rounds of {o.secs:g} s")
    table = []
    for model in o.models:
        models.make(o.folder, [model], o.batch)
        for threads in o.threads:
            rows = measure(o, model, threads)
            show(model, threads, rows)
            about["versions"] |= {r["peer"]: r["version"] for r in rows if "version" in r and r["peer"] in PEERS}
            table += [{"model": model, "threads": threads, "batch": o.batch} | r for r in rows]
        write(o, about, table)
    _, groups = report.join([about | {"results": table}])
    for (batch, threads), rows in groups.items():
        if report.mean(rows):
            print(f"\n{report.heading(batch, threads)}: best peer / jitc, geometric mean {report.mean(rows):.2f}, "
                  f"least {min(r for r in map(report.ratio, rows.values()) if r):.2f}")
    print("\n" + report.versions(about) + f"\n{o.json}, {o.markdown}, {o.svg}")
    wrong = [r for r in table if r["peer"].startswith("jitc") and r.get("error", 1) > 1e-3]
    if wrong:
        sys.exit(f"jitc failed or was wrong on: {', '.join(sorted({r['model'] for r in wrong}))}")


if __name__ == "__main__":
    main()
