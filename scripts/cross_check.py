#!/usr/bin/env python3
"""Object files for other systems, run under qemu, answer what this machine's code answers, but for rounding.

    cross_check.py [--build build] [--targets TARGET[/CPU],...] [--rtol 1e-3] [--manifest FILE] [--only TEXT]
                   [MODEL.pb=INPUTS.npz ...]

Models and manifests are those of aot_bits.py; where a manifest names files of the outputs, they are compared too. An
error is the largest difference over the largest number of an output. Needs numpy, Debian's cross compilers and
qemu-user. Exit status 1 when an answer differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np

from aot_bits import cases, plain

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = "aarch64-linux-gnu,riscv64-linux-gnu/rv64gc,riscv64-linux-gnu/rv64gcv,armv7-linux-gnueabihf"


def given(o):
    """The manifest's own outputs, by case and tensor."""
    if not o.manifest:
        return {}
    root = os.path.dirname(os.path.abspath(o.manifest))
    return {c["name"]: {plain(t): os.path.join(root, f) for t, f in c["outputs"].items() if str(f).endswith(".npy")}
            for c in json.load(open(o.manifest))}


def error(got, want):
    if got.shape != want.shape:
        return float("inf")
    if want.dtype.kind not in "fc":
        return 0.0 if np.array_equal(got, want) else float("inf")
    if not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return float("inf")
    ok = np.isfinite(want)
    difference = np.abs(got[ok].astype(np.float64) - want[ok])
    return float(difference.max(initial=0) / max(np.abs(want[ok]).max(initial=0), 1e-30))


def check(o, target, model, inputs, outputs, known):
    triple, _, cpu = target.partition("/")
    with tempfile.TemporaryDirectory() as d:
        np.savez(f"{d}/in.npz", **inputs)
        ways = ["code:native:1:", f"far:{cpu}:1" if cpu else "far::1"]
        job = "\t".join([os.path.abspath(model), f"{d}/out", f"{d}/in.npz", *ways]) + "\n"
        build = os.path.abspath(o.build)
        command = [f"{HERE}/../tests/cross/far.sh", build, f"{HERE}/..", "with", triple, cpu, f"{build}/tests/difftest"]
        p = subprocess.run([*command, *outputs], input=job, capture_output=True, text=True)
        said = p.stdout.strip().split("\n")
        if p.returncode or said != ["ok"] * len(ways):
            return f"exit status {p.returncode}: {' / '.join(said)[:300]} {p.stderr[-300:]}", None
        here, far = (np.load(f"{d}/out{k}.0.npz") for k in range(2))
        errors = [error(far[n], here[n]) for n in here.files]
        errors += [error(far[n], np.load(known[n])) for n in far.files if n in known]
        worst = max(errors)
        return (f"differs by {worst:.1e}" if worst > o.rtol else ""), worst


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--targets", default=TARGETS)
    p.add_argument("--rtol", type=float, default=1e-3)
    p.add_argument("--manifest")
    p.add_argument("--only", default="")
    p.add_argument("models", nargs="*")
    o = p.parse_args()
    wrong, known = 0, given(o)
    for name, model, inputs, outputs in cases(o):
        for target in o.targets.split(",") if o.only in name else []:
            why, worst = check(o, target, model, inputs, outputs, known.get(name, {}))
            wrong += bool(why)
            print(f"{name} {target}: {why or f'the same, but for {worst:.1e}'}", flush=True)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
