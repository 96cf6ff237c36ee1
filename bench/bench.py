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
import subprocess
import sys
import tempfile

import models

PEERS = ["jitc", "openvino", "onnxruntime", "litert", "tensorflow"]
HERE = os.path.dirname(os.path.abspath(__file__))


class Worker:
    """A process of peers.py; `failed` says why it gave up."""

    def __init__(self, peer, stem, threads, tool):
        self.peer, self.failed, self.rounds = peer, None, []
        self.log = tempfile.TemporaryFile("w+")  # a file never fills up as a pipe does
        self.process = subprocess.Popen(
            [sys.executable, f"{HERE}/peers.py", peer, stem, str(threads), tool],
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
        self.failed = message[-1][:90] if message else "no message"
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
            "error": self.about["error"],
            "peak_mib": max(r["peak_mib"] for r in self.rounds),
        }


def cpu_name():
    with open("/proc/cpuinfo") as f:
        names = [line.split(":", 1)[1].strip() for line in f if line.startswith("model name")]
    return names[0] if names else platform.machine()


def measure(o, model, threads):
    workers = []
    try:
        for peer in o.peers:
            workers.append(Worker(peer, f"{o.folder}/{model}", threads, o.jitc))
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
        print(f"  {r['peer']:12s} {r['load_ms']:9.1f} {r['median_ms']:10.3f} {r['spread']:6.0%} {r['error']:9.1e} {r['peak_mib']:9.0f} {ratio}")
    sys.stdout.flush()


def options():
    cores = len(os.sched_getaffinity(0))
    ap = argparse.ArgumentParser(prog="bench/run", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda s: [w for w in s.split(",") if w]
    ap.add_argument("--models", type=words, default=models.NAMES, help="of " + ",".join(models.NAMES))
    ap.add_argument("--peers", type=words, default=PEERS, help="of " + ",".join(PEERS))
    ap.add_argument("--threads", type=lambda s: [int(w) for w in words(s)], default=sorted({1, min(cores, 4)}), help="counts, for instance 1,4")
    ap.add_argument("--batch", type=int, default=1)
    ap.add_argument("--secs", type=float, default=1, help="length of a round")
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--jitc", default="build/jitc", help="the tool to measure")
    ap.add_argument("--folder", help="for the models; build/bench/models-BATCH")
    ap.add_argument("--json", help="write all numbers to this file")
    o = ap.parse_args()
    for given, known in ((o.models, models.NAMES), (o.peers, PEERS)):
        for name in given:
            if name not in known:
                ap.error(f"'{name}' is none of: {', '.join(known)}")
    if min(o.threads + [o.rounds, o.batch]) < 1 or max(o.threads) > cores:
        ap.error(f"--threads, --rounds and --batch are 1 or more; this process may use {cores} CPUs")
    if "jitc" in o.peers and not os.access(o.jitc, os.X_OK):
        ap.error(f"'{o.jitc}' is not there: build jitc first, or name another tool with --jitc")
    o.folder = o.folder or f"build/bench/models-{o.batch}"
    return o


def main():
    o = options()
    print(f"{cpu_name()}, {len(os.sched_getaffinity(0))} CPUs; batch {o.batch}; {o.rounds} rounds of {o.secs:g} s")
    # In a process of its own: TensorFlow would keep its threads and memory here.
    subprocess.run([sys.executable, "-c", f"import models; models.make({o.folder!r}, {o.models!r}, {o.batch})"],
                   env=os.environ | {"PYTHONPATH": HERE}, check=True)
    table, versions = [], {}
    for model in o.models:
        for threads in o.threads:
            rows = measure(o, model, threads)
            show(model, threads, rows)
            versions |= {r["peer"]: r["version"] for r in rows if "version" in r}
            table += [{"model": model, "threads": threads, "batch": o.batch} | r for r in rows]
    print("\n" + "; ".join(v if p in v else f"{p} {v}" for p, v in versions.items()))
    if o.json:
        with open(o.json, "w") as f:
            json.dump({"cpu": cpu_name(), "versions": versions, "results": table}, f, indent=1)
    wrong = [r for r in table if r["peer"] == "jitc" and r.get("error", 1) > 1e-3]
    if wrong:
        sys.exit(f"jitc failed or was wrong on: {', '.join(sorted({r['model'] for r in wrong}))}")


if __name__ == "__main__":
    main()
