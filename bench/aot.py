#!/usr/bin/env python3
"""What an object file costs: its size, the time from exec to the first answer, memory that processes share.

    bench/aot.py MODEL.pb [--build build] [--shape NAME=1,224,224,3] [--batches 1,3,8] [--processes 8] [--runs 20]

Sizes that neither the graph nor --shape tells are 1. With --batches the same object, its sizes open, runs with each of
these for all open sizes, and must give the bits that `jitc run` gives. Needs a C compiler, size and nm.
"""

import argparse
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CODES = {"f32": "f", "f64": "d", "i32": "i", "i64": "q", "u8": "B", "bool": "?"}


def run(*words, **more):
    p = subprocess.run(words, capture_output=True, text=True, **more)
    if p.returncode:
        sys.exit(f"{' '.join(words)}: exit status {p.returncode}\n{p.stderr}")
    return p.stdout


def compile_model(o, folder, shapes):
    """Compiles and links the host program; tells the bytes of code and of all, and undefined symbols."""
    run(f"{o.build}/jitc", "compile", o.model, "-o", f"{folder}/m.o", "--header", f"{folder}/m.h", *shapes)
    run("cc", "-O2", "-I", folder, f"{HERE}/aot_host.c", f"{folder}/m.o", "-lm", "-o", f"{folder}/host")
    sections = [line.split() for line in run("size", "-A", f"{folder}/m.o").splitlines()]
    code = sum(int(s[1]) for s in sections if len(s) == 3 and s[0].startswith(".text"))
    return code, os.path.getsize(f"{folder}/m.o"), run("nm", "-u", f"{folder}/m.o").split()


def elements(dtype, n):
    draw = random.Random(7)
    values = [draw.uniform(-1, 1) if dtype in ("f32", "f64") else draw.randrange(2) for _ in range(n)]
    return struct.pack(f"<{n}{CODES[dtype]}", *values)


def write_inputs(folder, inputs, size):
    for i, t in enumerate(inputs):
        shape = [size if d < 0 else d for d in t["shape"]]
        n = 1
        for d in shape:
            n *= d
        data = elements(t["dtype"], n)
        open(f"{folder}/in{i}.bin", "wb").write(data)
        word = {"f32": "<f4", "f64": "<f8", "i32": "<i4", "i64": "<i8", "u8": "|u1", "bool": "|b1"}[t["dtype"]]
        head = f"{{'descr': '{word}', 'fortran_order': False, 'shape': ({''.join(f'{d},' for d in shape)}), }}"
        head += " " * (-(len(head) + 11) % 64) + "\n"
        open(f"{folder}/in{i}.npy", "wb").write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + data)


class Host:
    """A host program that has run, and waits."""

    def __init__(self, folder, runs, dims=()):
        words = [f"{folder}/host", "0", str(runs), folder, *map(str, dims)]
        words[1] = str(time.clock_gettime_ns(time.CLOCK_MONOTONIC))
        self.p = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.p.stdout.readline().split()
        if len(said) != 3:
            sys.exit("the host program failed")
        self.first, self.median, self.workspace = float(said[0]), float(said[1]), int(said[2])

    def memory(self):
        """KiB by kind."""
        lines = open(f"/proc/{self.p.pid}/smaps_rollup").read().splitlines()[1:]
        return {s.split(":")[0]: int(s.split()[1]) for s in lines}

    def end(self):
        self.p.communicate("\n")


def same_bits(o, folder, model_io, batch):
    write_inputs(folder, model_io["inputs"], batch)
    open(f"{folder}/keep0.bin", "wb")
    Host(folder, 0, [batch] * sum(d < 0 for t in model_io["inputs"] for d in t["shape"])).end()
    names = [t["name"] for t in model_io["outputs"]]
    words = [f"--output={n}={folder}/want{i}.npy" for i, n in enumerate(names)]
    words += [f"--input={t['name']}={folder}/in{i}.npy" for i, t in enumerate(model_io["inputs"])]
    run(f"{o.build}/jitc", "run", o.model, "--threads", "1", "--quiet", *words)
    for i in range(len(names)):
        want, got = open(f"{folder}/want{i}.npy", "rb").read(), open(f"{folder}/out{i}.bin", "rb").read()
        if want[10 + struct.unpack("<H", want[8:10])[0] :] != got:
            return False
    return True


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("--build", default="build")
    p.add_argument("--shape", action="append", default=[])
    p.add_argument("--batches", default="")
    p.add_argument("--processes", type=int, default=8)
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("--rounds", type=int, default=5)
    o = p.parse_args()
    model_io = json.loads(run(f"{o.build}/jitc", "inspect", o.model, "--json"))
    fixed = {s.split("=")[0]: s for s in o.shape}
    shapes = []
    for t in model_io["inputs"]:
        if t["name"] in fixed:
            t["shape"] = [int(d) for d in fixed[t["name"]].split("=")[1].split(",")]
        t["shape"] = [-1 if d is None else d for d in t["shape"]]
        shapes += ["--shape", f"{t['name']}={','.join(str(abs(d)) for d in t['shape'])}"]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        code, size, undefined = compile_model(o, folder, shapes)
        print(f"object      {size / 1e6:.2f} MB, code {code / 1e3:.0f} kB; undefined: {' '.join(undefined) or 'nothing'}")
        write_inputs(folder, model_io["inputs"], 1)
        firsts, medians = [], []
        for _ in range(o.rounds):
            h = Host(folder, o.runs)
            h.end()
            firsts.append(h.first)
            medians.append(h.median)
        first, median = statistics.median(firsts), statistics.median(medians)
        print(f"first       {first:.2f} ms from exec to the answer; later ones {median:.2f} ms; ratio {first / median:.2f}")
        hosts = [Host(folder, 1) for _ in range(o.processes)]
        memory = [h.memory() for h in hosts]
        for h in hosts:
            h.end()
        total = sum(m["Pss"] for m in memory)
        own = statistics.mean(m["Private_Dirty"] for m in memory)
        print(f"processes   {o.processes}: {total / 1024:.1f} MiB in all (proportional set sizes), "
              f"{own / 1024:.1f} MiB each of its own, workspace {hosts[0].workspace / 2**20:.1f} MiB")
    if o.batches:
        with tempfile.TemporaryDirectory() as folder:
            compile_model(o, folder, [w for s in o.shape for w in ("--shape", s)])
            for batch in map(int, o.batches.split(",")):
                ok = same_bits(o, folder, model_io, batch)
                wrong += not ok
                print(f"batch {batch:<5} {'the bits of jitc run' if ok else 'other bits than jitc run'}")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
