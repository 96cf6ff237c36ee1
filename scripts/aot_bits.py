#!/usr/bin/env python3
"""Object files give the same bits as code that is compiled at load, on each CPU level, for one share and several.

    aot_bits.py [--build build] [--cpus native,x86-64-v3,x86-64] [--manifest FILE] [MODEL.pb=INPUTS.npz ...]

INPUTS.npz holds the inputs by name. A manifest is a JSON list of {"name", "model", "inputs": {name: file},
"outputs": {name: ...}}, with files (.npy, or bytes for a string input) beside it. Needs numpy only. Exit status 1 when
a bit differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import numpy as np


def plain(name):
    return name[:-2] if name.endswith(":0") else name


def read(path):
    return np.load(path) if path.endswith(".npy") else np.fromfile(path, np.uint8)


def cases(o):
    if o.manifest:
        root = os.path.dirname(os.path.abspath(o.manifest))
        for c in json.load(open(o.manifest)):
            inputs = {plain(t): read(os.path.join(root, f)) for t, f in c["inputs"].items()}
            yield c["name"], os.path.join(root, c["model"]), inputs, [plain(t) for t in c["outputs"]]
    for pair in o.models:
        model, inputs = pair.rsplit("=", 1)
        yield model, model, dict(np.load(inputs)), []


def check(o, model, inputs, outputs, cpu):
    with tempfile.TemporaryDirectory() as d:
        np.savez(f"{d}/in.npz", **inputs)
        ways = [f"code:{cpu}:1:", f"aot:{cpu}:1", f"aot:{cpu}:3"]
        job = "\t".join([os.path.abspath(model), f"{d}/out", f"{d}/in.npz", *ways]) + "\n"
        p = subprocess.run([f"{o.build}/tests/difftest", *outputs], input=job, capture_output=True, text=True)
        said = p.stdout.strip().split("\n")
        if p.returncode or said != ["ok"] * len(ways):
            return f"exit status {p.returncode}: {' / '.join(said)[:300]}"
        got = [np.load(f"{d}/out{k}.0.npz") for k in range(len(ways))]
        for k in range(1, len(ways)):
            for name in got[0].files:
                if got[0][name].shape != got[k][name].shape or got[0][name].tobytes() != got[k][name].tobytes():
                    return f"{ways[k]}: {name} differs"
    return ""


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build", default="build")
    p.add_argument("--cpus", default="native,x86-64-v3,x86-64")
    p.add_argument("--manifest")
    p.add_argument("models", nargs="*")
    o = p.parse_args()
    wrong = 0
    for name, model, inputs, outputs in cases(o):
        for cpu in o.cpus.split(","):
            why = check(o, model, inputs, outputs, cpu)
            wrong += bool(why)
            print(f"{name} {cpu}: {why or 'the same bits'}", flush=True)
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
