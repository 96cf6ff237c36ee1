"""Keeps random graphs with TensorFlow's answers as golden cases (tests/golden/make_goldens.py has the format)."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/golden"))
from make_goldens import write_npz  # noqa: E402

MOST_BYTES = 12000  # of a graph with its inputs and answers
COMPARED = {"float32", "float64", "float16", "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}


class Store:
    def __init__(self, folder, count):
        self.folder, self.count, self.found = folder, count, []

    def offer(self, seed, graph, limits, seconds):
        """limits: by how much each output may be off; seconds: what jitc needed."""
        wanted, inputs = graph.wanted[0], graph.inputs[0]
        size = graph.model.ByteSize() + sum(x.nbytes for x in inputs.values()) + sum(y.nbytes for y in wanted)
        kinds = {x.dtype.name for x in (*inputs.values(), *wanted)}
        if size < MOST_BYTES and kinds <= COMPARED and max(limits) <= 10 * min(limits):
            self.found.append((seconds, seed, graph, min(limits)))

    def chosen(self):
        """One graph for each kind of step that there is, the quickest first; then the quickest of the others."""
        self.found.sort(key=lambda f: f[0])
        seen, first, rest = set(), [], []
        for f in self.found:
            names = set(f[2].g.names)
            (rest if names <= seen else first).append(f)
            seen |= names
        return (first + rest)[:self.count]

    def write(self):
        members, index = {}, []
        for _, seed, graph, limit in sorted(self.chosen(), key=lambda f: f[1]):
            index.append(f"Random/{seed} 0 {limit:.3g}\n")
            members[f"{seed}/graph"] = np.frombuffer(graph.model.SerializeToString(), np.uint8)
            members.update({f"{seed}/in/{name}": x for name, x in graph.inputs[0].items()})
            members.update({f"{seed}/out/result{k}": y for k, y in enumerate(graph.wanted[0])})
        os.makedirs(self.folder, exist_ok=True)
        write_npz(os.path.join(self.folder, "Random.npz"), members)
        with open(os.path.join(self.folder, "index.txt"), "w") as f:
            f.writelines(index)
        return len(index)
