"""Scores a data set with Dask: worker processes, which all share one copy of the model's code and weights.

    python3 examples/dask/score.py [--workers 8] [--rows 36000] [MODEL.pb]

The model is compiled once, to a shared object. Each worker maps that file; so the weights are in memory once,
however many workers there are, and no worker compiles anything. Without MODEL it is the digits, whose test
images are repeated. Another model must have one input of float32; it is fed with random numbers.

Needs jitc, Dask with distributed, and a C compiler that links the shared object.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from distributed import Client, LocalCluster

import jitc

DIGITS = Path(__file__).resolve().parent.parent / "digits"


def make_data(model: jitc.CompiledModel, rows: int, path: Path) -> None:
    """The data set, as a file that workers read their parts of."""
    info = model.inputs[0]
    shape = [1 if n is None else n for n in info.shape or ()]
    one = np.random.default_rng(0).random(shape, np.float32)
    images = np.load(DIGITS / "test_images.npy") if shape == [1, 8, 8, 1] else one
    data = np.lib.format.open_memmap(path, "w+", np.float32, (rows, *shape[1:]))
    for begin in range(0, rows, len(images)):
        data[begin : begin + len(images)] = images[: rows - begin]
    data.flush()


def score(part: tuple[int, int], model: jitc.CompiledModel, data: Path) -> Any:
    """The best class of each row of a part. Dask sends the model along; a worker opens it once."""
    rows = np.load(data, mmap_mode="r")[slice(*part)]
    batches = [rows] if model.inputs[0].shape[:1] == (None,) else [row[None] for row in rows]
    name = model.outputs[0].name
    return np.concatenate([model.run_dict(batch)[name].argmax(axis=-1) for batch in batches])


def memory_of(path: Path) -> tuple[int, int]:
    """KiB of the file's read-only pages that this process has in memory, and its share of them: a page that n
    processes have counts 1/n (Rss and Pss of /proc/self/smaps)."""
    resident = share = 0
    for mapping in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", Path("/proc/self/smaps").read_text()):
        head = mapping.split("\n", 1)[0]
        if head.endswith(path.name) and " rw-p " not in head:
            resident += sum(map(int, re.findall(r"(?m)^Rss: +(\d+) kB", mapping)))
            share += sum(map(int, re.findall(r"(?m)^Pss: +(\d+) kB", mapping)))
    return resident, share


def main() -> None:
    words = argparse.ArgumentParser(description="Scores a data set with Dask workers that share the weights.")
    words.add_argument("model", nargs="?", type=Path, default=DIGITS / "digits.pb")
    words.add_argument("--workers", type=int, default=8)
    words.add_argument("--rows", type=int, default=36000)
    words.add_argument("--part", type=int, default=1000, help="rows of a task")
    given = words.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        shared, data = Path(folder, "model.so"), Path(folder, "data.npy")
        begin = time.monotonic()
        jitc.compile(given.model, shared)
        print(f"compiled in {time.monotonic() - begin:.1f} s: {shared.stat().st_size >> 10} KiB")
        model = jitc.load_compiled(shared)
        make_data(model, given.rows, data)
        cluster = LocalCluster(
            n_workers=given.workers, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
        )
        with cluster, Client(cluster) as client:
            parts = [(n, min(n + given.part, given.rows)) for n in range(0, given.rows, given.part)]
            begin = time.monotonic()
            best = np.concatenate(client.gather(client.map(score, parts, model=model, data=data)))
            print(f"{len(best)} rows scored in {time.monotonic() - begin:.2f} s")
            if given.model.parent == DIGITS:
                labels = np.load(DIGITS / "test_labels.npy")
                right = int((best == np.resize(labels, len(best))).sum())
                print(f"accuracy: {right} of {len(best)}")
            memory = client.run(memory_of, shared)
        for i, (resident, share) in enumerate(memory.values()):
            print(f"worker {i}: {resident} KiB of the model in memory, its share {share} KiB")
        residents, shares = zip(*memory.values())
        print(f"together: {sum(residents)} KiB mapped, {sum(shares)} KiB of memory")


if __name__ == "__main__":
    main()
