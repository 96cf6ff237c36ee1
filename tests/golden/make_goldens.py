#!/usr/bin/env python3
"""Make the golden tensors of this folder with TensorFlow, or unpack them.

    make_goldens.py [OP ...]          write OP.npz for the given ops (all without one) and index.txt
    make_goldens.py --unpack DIR      write every case as CASE.pb, .npy files and a manifest.json (numpy only)

OP.npz holds, per case, VARIANT/graph (the frozen GraphDef's bytes), VARIANT/in/TENSOR and VARIANT/out/TENSOR,
or, of what TensorFlow refuses, VARIANT/refused/TENSOR with words of the error.
index.txt has one line per case: OP/VARIANT rtol atol; an element may be off by rtol times itself plus atol. The checked-in files were made with the versions in VERSIONS.
"""

import argparse
import io
import json
import os
import sys
import zipfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def write_npz(path, members):
    # np.savez_compressed, but with the same bytes on every run and every machine.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as z:
        for name, array in members.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, np.asarray(array, order="C"), version=(1, 0))
            info = zipfile.ZipInfo(name + ".npy", (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            z.writestr(info, data.getvalue())


def read_index():
    path = os.path.join(HERE, "index.txt")
    return dict(line.split(" ", 1) for line in open(path).read().splitlines()) if os.path.exists(path) else {}


def make(ops):
    import golden  # first: it sets up TensorFlow
    import tensorflow as tf
    import cases_array, cases_math, cases_nn, cases_control, cases_conv, cases_image, cases_rnn, cases_fused, cases_color, cases_audio, cases_index, cases_sparse, cases_dtypes, cases_quant, cases_encoding, cases_traps, cases_linalg, cases_scan, cases_shapes, cases_signal, cases_fft, cases_random, cases_ctc, cases_ragged, cases_parts, cases_spectral, cases_bessel  # noqa: F401  (they fill golden.CASES)

    files, failed, index = {}, 0, read_index()
    for c in golden.CASES:
        op, variant = c.name.split("/")
        if ops and op not in ops:
            continue
        try:
            members, tol = golden.answer(c)
        except Exception as e:
            print(f"{c.name}: {type(e).__name__}: {str(e).splitlines()[0][:200]}", file=sys.stderr)
            failed += 1
            continue
        index[c.name] = "%.3g %.3g" % tol
        files.setdefault(op, {}).update({f"{variant}/{k}": v for k, v in members.items()})
    for op, members in files.items():
        write_npz(os.path.join(HERE, op + ".npz"), members)
    with open(os.path.join(HERE, "index.txt"), "w") as out:
        for c in golden.CASES:
            out.write(f"{c.name} {index[c.name]}\n" if c.name in index else "")
    with open(os.path.join(HERE, "VERSIONS"), "w") as out:
        out.write(f"tensorflow {tf.__version__}\nnumpy {np.__version__}\n")
    print(f"{len(golden.CASES)} cases, {failed} failed")
    return failed > 0


def unpack(folder):
    os.makedirs(folder, exist_ok=True)
    manifest, open_files = [], {}
    for name, tolerances in read_index().items():
        rtol, atol = tolerances.split()
        op, variant = name.split("/")
        z = open_files.setdefault(op, np.load(os.path.join(HERE, op + ".npz")))
        stem = f"{op}.{variant}"
        entry = dict(name=name, model=stem + ".pb", inputs={}, outputs={}, rtol=float(rtol), atol=float(atol))
        for key in z.files:
            if not key.startswith(variant + "/"):
                continue
            kind, _, tensor = key[len(variant) + 1 :].partition("/")
            if kind == "graph":
                z[key].tofile(os.path.join(folder, stem + ".pb"))
                continue
            if kind == "refused":
                entry[kind] = z[key].tobytes().decode()
                continue
            path = f"{stem}.{kind}.{tensor.replace(':', '_')}.npy"
            np.save(os.path.join(folder, path), z[key])
            entry[kind + "puts"][tensor if ":" in tensor else tensor + ":0"] = path
        manifest.append(entry)
    with open(os.path.join(folder, "manifest.json"), "w") as out:
        json.dump(manifest, out, indent=1)
    print(f"{len(manifest)} cases in {folder}")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("ops", nargs="*", metavar="OP")
    ap.add_argument("--unpack", metavar="DIR")
    o = ap.parse_args()
    return unpack(o.unpack) if o.unpack else make(o.ops)


if __name__ == "__main__":
    sys.exit(main())
