#!/usr/bin/env python3
"""Operators and element types: what jitc computes, refuses, or gets wrong, judged by TensorFlow.

    op_matrix.py [--jitc build/jitc] [--write docs/operators.md] [--verbose] [OP ...]

For every operator of the importer's tables the first golden case that has it is run in TensorFlow, to learn
the tensors that it reads. Then the operator is built as a graph of its own for each combination of types that
TensorFlow has a CPU kernel for, with the same tensors in other types, and both answers are compared. A type
that TensorFlow itself refuses is left out. Needs TensorFlow. Exit status 1 when an answer is wrong.
"""

import argparse
import collections
import concurrent.futures
import glob
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
import numpy as np
import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
tf1 = tf.compat.v1
COLUMNS = dict(f16="float16", bf16="bfloat16", f32="float32", f64="float64", i8="int8", i16="int16", i32="int32",
               i64="int64", u8="uint8", u16="uint16", u32="uint32", u64="uint64", bool="bool", c64="complex64",
               c128="complex128", qi8="qint8", qu8="quint8", qi16="qint16", qu16="quint16", qi32="qint32")
SHORT = {v: k for k, v in COLUMNS.items()}
PLAIN = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}
# Bits of agreement: TensorFlow adds some sums of products in half precision, which jitc does not.
DIGITS = {"float16": 8, "bfloat16": 5, "float32": 20, "float64": 44, "complex64": 19, "complex128": 42}
# What has no answer to compare: random numbers, text on a terminal, functions, queues.
NO_ANSWER = {"Placeholder", "PlaceholderV2", "NoOp", "Assert", "Print", "PrintV2", "Timestamp", "TensorArrayV3"}
SEEDED = {"RandomUniform", "RandomStandardNormal", "TruncatedNormal", "RandomUniformInt", "Multinomial"}
NOTE = {
    **dict.fromkeys(SEEDED, "TensorFlow's numbers where it has a seed"),
    "Placeholder": "every type in the table but strings",
    "PlaceholderV2": "every type in the table but strings",
}


def imported_ops():
    ops = set()
    for path in glob.glob(os.path.join(ROOT, "frontend", "tf", "*.c")):
        text = open(path).read()
        for table in re.findall(r"const TfOp tf_\w+\[\] = \{(.*?)\n\};", text, re.S):
            ops.update(re.findall(r'\{"(\w+)",', table))
    return sorted(ops)


def supported(dtype):
    return tf.as_dtype(dtype).base_dtype.name in SHORT


def run_tf(graph_def, feeds, fetches):
    g = tf.Graph()
    with g.as_default():
        tf.import_graph_def(graph_def, name="")
    config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
    with tf1.Session(graph=g, config=config) as s:
        return s.run(fetches, feeds)


# -- Samples: a node and the tensors that it reads, from the golden cases ----------------------------------
class Sample:
    def __init__(self, node, inputs, fixed):
        self.node, self.inputs, self.fixed = node, inputs, fixed


def golden_cases():
    index = os.path.join(ROOT, "tests", "golden", "index.txt")
    for line in open(index):
        yield line.split()[0].split("/")


def samples(wanted):
    """Per operator a few nodes of golden cases, smallest graphs first."""
    found, files = collections.defaultdict(list), {}
    for op, variant in golden_cases():
        path = os.path.join(ROOT, "tests", "golden", op + ".npz")
        z = files.setdefault(op, np.load(path, allow_pickle=False))
        if f"{variant}/graph" not in z.files:
            continue
        graph = tf1.GraphDef.FromString(z[f"{variant}/graph"].tobytes())
        if graph.library.function:
            continue
        for n in graph.node:
            if n.op in wanted and (op == n.op or not found[n.op]):
                if len(found[n.op]) < 8:
                    found[n.op].append((graph, n, z, variant, op))
    return found


def make_sample(graph, node, z, variant):
    names = [i if ":" in i else i + ":0" for i in node.input if not i.startswith("^")]
    keys = [k for k in z.files if k.startswith(variant + "/in/")]
    feeds = {}
    for k in keys:
        name = k[len(variant) + 4 :]
        feeds[name if ":" in name else name + ":0"] = z[k]
    arrays = run_tf(graph, feeds, names) if names else []
    by_name = {n.name: n for n in graph.node}
    fixed = [by_name[n.split(":")[0]].op == "Const" for n in names]
    return Sample(node, arrays, fixed)


# -- Types --------------------------------------------------------------------------------------------------
def combinations(op_def, node):
    """Assignments of the type attributes that TensorFlow has CPU kernels for, the node's own first."""
    attrs = [a for a in op_def.attr if a.type == "type"]
    own = {a.name: tf.as_dtype(node.attr[a.name].type).name if a.name in node.attr else
           tf.as_dtype(a.default_value.type).name for a in attrs}
    seen, out = set(), []

    def add(types):
        key = tuple(sorted(types.items()))
        if key not in seen and all(t in SHORT for t in types.values()):
            seen.add(key)
            out.append(types)

    add(own)
    registered = [k for k in kernels.get_registered_kernels_for_op(node.op).kernel
                  if k.device_type in ("CPU", "DEFAULT") and not k.label]
    for k in registered:
        lists = {c.name: [tf.as_dtype(t).name for t in c.allowed_values.list.type] for c in k.constraint
                 if c.name in own}
        for values in itertools.product(*lists.values()):
            types = dict(zip(lists, values))
            free = [a for a in attrs if a.name not in types]
            choices = {a.name: [tf.as_dtype(t).name for t in a.allowed_values.list.type] or list(SHORT)
                       for a in free}
            if node.op == "Cast":
                for pair in itertools.product(*choices.values()):
                    add({**types, **dict(zip(choices, pair))})
                continue
            add({**own, **types})
            for a in free:
                for t in choices[a.name]:
                    add({**own, **types, a.name: t})
    return out, own


def arg_types(op_def, node, types, args):
    """The element type of each tensor of a list of arguments."""
    out = []
    for a in args:
        if a.type_list_attr:
            out += [tf.as_dtype(t).name for t in node.attr[a.type_list_attr].list.type]
            continue
        t = types[a.type_attr] if a.type_attr else tf.as_dtype(a.type).name
        out += [t] * (node.attr[a.number_attr].i if a.number_attr else 1)
    return out


def convert(array, to):
    """The same numbers, as far as the type has them."""
    np_type = tf.as_dtype(to).as_numpy_dtype if to not in PLAIN else np.dtype(PLAIN[to])
    array = np.asarray(array)
    if array.dtype.names:
        array = array.view(array.dtype[0])
    if array.dtype == object:
        raise ValueError("strings")
    kind = np.dtype(np_type).kind
    if array.dtype == bool or to == "bool":
        return array.astype(np_type)
    wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    if kind == "c":
        return (wide + 0.25j * np.roll(wide.real, 1)).astype(np_type) if array.dtype.kind != "c" else wide.astype(np_type)
    wide = np.asarray(np.real(wide))
    if kind in "iu":
        if array.dtype.kind in "iu":
            info = np.iinfo(np_type)
            return np.array(np.clip(array.astype(object), info.min, info.max), np_type)
        wide = np.rint(np.nan_to_num(wide, nan=0, posinf=3, neginf=-3))
        if kind == "u":
            wide = np.abs(wide)
        return np.asarray(np.clip(wide, -100, 100)).astype(np_type)
    return np.asarray(wide).astype(np_type)


# -- One graph ----------------------------------------------------------------------------------------------
def keeps_sign(dtype):
    return not PLAIN.get(dtype, dtype).startswith("u")


def build(sample, op_def, types):
    """A graph of the node alone; half precision comes and goes as float, since files lack bfloat16."""
    node = tf1.NodeDef()
    node.CopyFrom(sample.node)
    node.name = "op"
    node.device = ""
    for name, t in types.items():
        node.attr[name].type = tf.as_dtype(t).as_datatype_enum
    if node.op == "Const":
        value = convert(tf.make_ndarray(sample.node.attr["value"].tensor), types["dtype"])
        np_type = tf.as_dtype(types["dtype"]).as_numpy_dtype
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value.view(np_type), types["dtype"]))
    ins = arg_types(op_def, node, types, op_def.input_arg)
    if len(ins) != len(sample.inputs):
        raise ValueError("optional inputs")
    feeds, names = {}, []
    with tf.Graph().as_default() as g:
        for k, (array, to, fixed) in enumerate(zip(sample.inputs, ins, sample.fixed)):
            value = convert(array, to)
            if node.op == "Cast" and not keeps_sign(types["DstT"]) and value.dtype.kind != "u":
                # A negative number has no answer there that one could rely on.
                value = (np.abs(value.real) + 1j * value.imag).astype(value.dtype) if value.dtype.kind == "c" else np.abs(value)
            if fixed:
                names.append(tf.constant(value.view(tf.as_dtype(to).as_numpy_dtype), to, name=f"c{k}").op.name)
                continue
            if to == "bfloat16":
                value = value.astype("f")
                p = tf.cast(tf1.placeholder("float32", value.shape, name=f"x{k}"), to, name=f"b{k}")
            elif to in PLAIN:
                p = tf.bitcast(tf1.placeholder(PLAIN[to], value.shape, name=f"x{k}"), to, name=f"b{k}")
            else:
                p = tf1.placeholder(to, value.shape, name=f"x{k}")
            feeds[f"x{k}"] = value
            names.append(p.op.name)
    graph = g.as_graph_def()
    del node.input[:]
    node.input.extend(names)
    graph.node.append(node)
    outs = arg_types(op_def, node, types, op_def.output_arg)
    fetches = []
    for k, t in enumerate(outs):
        name = f"op:{k}"
        if t == "bfloat16" or t in PLAIN:
            cast = graph.node.add(name=f"r{k}", op="Cast" if t == "bfloat16" else "Bitcast", input=[name])
            here, there = ("SrcT", "DstT") if t == "bfloat16" else ("T", "type")
            cast.attr[here].type = tf.as_dtype(t).as_datatype_enum
            cast.attr[there].type = tf.as_dtype(PLAIN.get(t, "float32")).as_datatype_enum
            name = f"r{k}:0"
        elif t == "string":
            raise ValueError("strings")
        fetches.append(name)
    return graph, feeds, fetches, outs


# Outputs that are eigenvectors or singular vectors: each may be multiplied by -1.
FREE_SIGN = {"SelfAdjointEigV2": (1,), "Svd": (1, 2)}


def close(got, want, dtype, loose):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, not {want.dtype}{list(want.shape)}"
    if not want.size:
        return ""
    if want.dtype.kind in "iub":
        ok = got == want
    else:
        share = 2.0 ** -min(DIGITS.get(dtype, 20), loose)
        finite = np.abs(want[np.isfinite(want)]).astype(np.float64)
        slack = share * (np.abs(want) + (finite.max() if finite.size else 0))
        with np.errstate(all="ignore"):
            ok = (np.abs(got - want) <= slack) | (got == want) | (np.isnan(got) & np.isnan(want))
    if ok.all():
        return ""
    at = tuple(np.argwhere(~ok)[0])
    return f"{got[at]} at {[int(i) for i in at]}, not {want[at]}"


Result = collections.namedtuple("Result", "op types state why")


def judge(o, sample, op_def, types, folder):
    op = sample.node.op
    try:
        graph, feeds, fetches, outs = build(sample, op_def, types)
        want = run_tf(graph, {k + ":0": v.copy() for k, v in feeds.items()}, fetches)
        if op == "Round" and want[0].dtype.kind == "i":
            want = list(feeds.values())  # TensorFlow 2.21 gives zeros
    except Exception as e:  # TensorFlow has no such kernel, or no such tensor exists
        return Result(op, types, "none", str(e).split("\n")[0])
    with tempfile.TemporaryDirectory(dir=folder) as d:
        open(f"{d}/m.pb", "wb").write(graph.SerializeToString())
        args = [o.jitc, "run", f"{d}/m.pb", "--quiet", "--threads", "1"]
        for k, v in feeds.items():
            np.save(f"{d}/{k}.npy", v)
            args += ["--input", f"{k}={d}/{k}.npy"]
        for k, name in enumerate(fetches):
            args += ["--output", f"{name}={d}/out{k}.npy"]
        p = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if p.returncode == 1:
            why = re.sub(r"^jitc: error: (node '[^']*' \(\w+\): )?", "", p.stdout.strip().split("\n")[0])
            return Result(op, types, "refused", why)
        if p.returncode:
            return Result(op, types, "wrong", f"exit status {p.returncode}: {p.stdout.strip()[:200]}")
        for k, (w, t) in enumerate(zip(want, outs)):
            if op.startswith("FusedBatchNorm") and k > 2:
                break  # for the backward pass; TensorFlow leaves them as they are
            got, w = np.load(f"{d}/out{k}.npy"), np.asarray(w)
            if k in FREE_SIGN.get(op, ()):
                got, w = np.abs(got), np.abs(w)
            bad = close(got, w, t, o.bits)
            if bad:
                return Result(op, types, "wrong", f"output {k}: {bad}")
    return Result(op, types, "computed", "")


def first_sample(o, op_def, op, found, folder):
    """The first golden case whose node TensorFlow runs as a graph of its own."""
    for graph, node, z, variant, _ in found:
        try:
            sample = make_sample(graph, node, z, variant)
            types, own = combinations(op_def, node)
            first = judge(o, sample, op_def, own, folder)
        except Exception:
            continue
        if first.state != "none":
            return sample, [own] + [t for t in types if t != own]
    return None, []


def judge_op(o, op, found, folder, begin, emit):
    op_def = op_def_registry.get(op)
    if op_def is None or op in NO_ANSWER | SEEDED:
        return
    sample, types = first_sample(o, op_def, op, found, folder)
    for k, t in list(enumerate(types))[begin:]:
        emit(k, judge(o, sample, op_def, t, folder))


def judge_apart(o, op, found, folder):
    """In a process of its own, since TensorFlow aborts on some types; then the next one goes on behind it."""
    results, begin, tries = [], 0, 0
    while tries < 8:
        path = os.path.join(folder, f"{op}.{tries}")
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                with open(path, "w") as out:
                    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)

                    def emit(k, r):
                        out.write(json.dumps([k, r.types, r.state, r.why]) + "\n")
                        out.flush()

                    judge_op(o, op, found, folder, begin, emit)
                    status = 0
            finally:
                os._exit(status)
        _, status = os.waitpid(pid, 0)
        for line in open(path):
            k, types, state, why = json.loads(line)
            results.append(Result(op, types, state, why))
            begin = k + 1
        if status == 0:
            break
        begin, tries = begin + 1, tries + 1
    return results


# -- The table ----------------------------------------------------------------------------------------------
def main_attr(op):
    attrs = [a.name for a in op_def_registry.get(op).attr if a.type == "type"]
    inputs = [a.type_attr for a in op_def_registry.get(op).input_arg if a.type_attr]
    for name in ("T", "Tparams", "SrcT", "Tinput", "T1", "dtype"):
        if name in attrs:
            return name
    return (inputs or attrs or [None])[0]


def table(results, ops):
    marks = dict(computed="✓", refused="✗", wrong="WRONG")
    lines = ["| operator | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    notes = []
    for op in ops:
        rs = [r for r in results.get(op, []) if r.state != "none"]
        if not rs:
            continue
        attr, cells = main_attr(op), collections.defaultdict(set)
        for r in rs:
            t = r.types.get(attr, "float32") if attr else "float32"
            cells[SHORT[t]].add(r.state)
            if r.state != "computed":
                text = ", ".join(f"{k}={v}" for k, v in r.types.items())
                notes.append((op, r.why, text))
        row = []
        for c in COLUMNS:
            states = cells[c]
            row.append("" if not states else marks["wrong"] if "wrong" in states else "(✓)" if len(states) > 1
                       else marks[next(iter(states))])
        lines.append(f"| {op} | " + " | ".join(row) + " |")
    by_reason = collections.defaultdict(lambda: collections.defaultdict(list))
    for op, why, text in notes:
        by_reason[re.sub(r"^input '\w+': ", "", why)][op].append(text)
    reasons = []
    for why, of in sorted(by_reason.items()):
        if why.startswith("type "):  # the table shows which
            reasons.append(f"- {why}: {', '.join(sorted(of))}")
        else:
            texts = "; ".join(f"{op} ({', '.join(t[:3])}{', …' if len(t) > 3 else ''})" for op, t in sorted(of.items()))
            reasons.append(f"- {why}: {texts}")
    return lines, reasons


HEAD = """# Operators

Which operators jitc imports, and for which element types it computes what TensorFlow's CPU kernels compute.
`scripts/op_matrix.py` writes this text: it builds a graph of each operator for each type that TensorFlow has a
CPU kernel for, and compares the answers.

Not in the table, though imported, are operators that cannot be compared so: those that TensorFlow has no CPU kernel
for (old names, oneDNN's and cuDNN's operators), arrays and lists of tensors, and random numbers.

✓ computed and equal to TensorFlow's, (✓) with some types of the other operands or results only, ✗ refused with
a message; empty: TensorFlow has no CPU kernel. The columns are the types of the first operand; types beginning
with q are quantised ones, which are plain integers to jitc.

Where TensorFlow has no answer that one could rely on: a number that an integer type cannot hold becomes the
nearest that it can when it is cast from floating point (NaN the least); Round of integers gives them back
(TensorFlow 2.21 gives zeros). The Quantized… operators of oneDNN, which have no kernel of TensorFlow's own, are
compared with a model in the golden cases; of one range per channel, each channel's numbers stand for what its
range says. Eigenvectors and singular vectors have the signs that the algorithm gives them, here and there.

Random numbers are those that TensorFlow's CPU kernels draw (Philox4x32-10), with the attributes seed and seed2 of
the node. An exec is like a session: its runs go on in the sequence, as if each had drawn as many numbers as the
current one (those of another size, or whose branch was not taken, count the same). Where both attributes are 0,
TensorFlow chooses a seed; so does jitc, for each exec, and every run draws other numbers. Such nodes may stand in
a loop, and draw the same in each of its rounds; with a seed they are refused there. Multinomial draws as
TensorFlow does with one thread. Of the Stateless… operators alg 1 (Philox) and 3 (automatic: Philox) are computed.
"""


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("ops", nargs="*", metavar="OP")
    ap.add_argument("--jitc", default=os.path.join(ROOT, "build", "jitc"))
    ap.add_argument("--write", metavar="FILE")
    ap.add_argument("--bits", type=int, default=16, help="of agreement that are asked of float and wider")
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--verbose", action="store_true")
    o = ap.parse_args()
    ops = o.ops or imported_ops()
    found = samples(set(ops))
    results, count = {}, collections.Counter()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(o.jobs) as pool:
        for op, rs in zip(ops, pool.map(lambda op: judge_apart(o, op, found[op], folder), ops)):
            results[op] = rs
            for r in rs:
                count[r.state] += 1
                if r.state == "wrong" or (o.verbose and r.state == "refused"):
                    print(f"{r.state}: {op} {r.types}: {r.why}", flush=True)
    lines, reasons = table(results, ops)
    bare = [op for op in ops if not any(r.state != "none" for r in results[op])]
    text = HEAD + "\n" + "\n".join(lines) + "\n"
    if bare:
        shown = ", ".join(op + (f" ({NOTE[op]})" if op in NOTE else "") for op in bare)
        text += "\nImported too, but without an answer of TensorFlow's to compare in this way: " + shown + ".\n"
    if reasons:
        text += "\n## Refused\n\n" + "\n".join(reasons) + "\n"
    if o.write:
        open(o.write, "w").write(text)
    elif o.verbose:
        print(text)
    print(f"{len(ops)} operators: {count['computed']} combinations computed, {count['refused']} refused, "
          f"{count['wrong']} wrong; {len(bare)} operators without a sample: {', '.join(bare)}")
    return count["wrong"] > 0


if __name__ == "__main__":
    sys.exit(main())
