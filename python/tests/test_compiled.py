"""Models that are compiled ahead of time: the same calls, the same answers."""

from __future__ import annotations

import concurrent.futures
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import DIGITS, GRAPHS, golden

import jitc

pytestmark = pytest.mark.skipif(
    not shutil.which(os.environ.get("CC", "cc")), reason="no C compiler to link a shared object with"
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return jitc.load_compiled(jitc.compile(DIGITS, tmp_path_factory.mktemp("aot") / "digits.so"))


def test_the_same_answers(compiled: Any, digits: Any, images: Any) -> None:
    assert repr(compiled) == (
        "<jitc.CompiledModel digits.so: images: float32[?,8,8,1] -> probabilities: float32[?,10]>"
    )
    for n in (1, 3, 360):
        np.testing.assert_allclose(compiled.run(images[:n]), digits.run(images[:n]), rtol=1e-5, atol=1e-6)


def test_the_same_bits_at_the_same_level(tmp_path: Path, images: Any) -> None:
    m = jitc.load_compiled(jitc.compile(DIGITS, tmp_path / "v2.so", cpu="x86-64-v2"))
    np.testing.assert_array_equal(m.run(images), jitc.load(DIGITS, cpu="x86-64-v2").run(images))


def test_forms_of_a_call(compiled: Any, images: Any) -> None:
    x = images[:4]
    y = compiled(x)
    out = np.empty((4, 10), np.float32)
    assert compiled.run(x, out=out) is out
    np.testing.assert_array_equal(out, y)
    np.testing.assert_array_equal(compiled.run_dict({"images:0": x})["probabilities"], y)
    np.testing.assert_array_equal(compiled.run(images[:8:2]), compiled.run(images[:8])[::2])
    shifted = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(x.shape)
    np.testing.assert_array_equal(compiled.run(shifted), y)
    with pytest.raises(TypeError, match="takes float32"):
        compiled.run(x.astype(np.float64))
    with pytest.raises(jitc.InvalidInput, match="the model takes images"):
        compiled.run(images[0])
    with pytest.raises(jitc.InvalidInput, match=r"\(5, 10\), the result is \(4, 10\)"):
        compiled.run(x, out=np.empty((5, 10), np.float32))


def test_out_may_be_the_input(tmp_path: Path) -> None:
    m = jitc.load_compiled(jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "m.so", outputs=["scope/y"]))
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    b = np.ones((2, 3), np.float32)
    want = a + b
    assert m.run(a, b, out=a) is a
    np.testing.assert_array_equal(a, want)


def test_sizes_that_depend_on_data(tmp_path: Path) -> None:
    graph = b"""
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: -1 } } } } }
        node { name: "y" op: "Where" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
        versions { producer: 27 }"""
    m = jitc.load_compiled(jitc.compile(graph, tmp_path / "where.so"))
    for x in ([0, 1, 0, 2], [1] * 100, [0, 0], [5], []):
        y = m.run(np.array(x, np.float32))
        np.testing.assert_array_equal(y, np.argwhere(x).reshape(-1, 1))
    y = np.empty((2, 1), np.int64)
    assert m.run([0.0, 1.0, 1.0], out=y) is y
    assert y.tolist() == [[1], [2]]
    with pytest.raises(jitc.InvalidInput, match=r"the result is \(1, 1\)"):
        m.run([0.0, 1.0], out=y)


def test_several_outputs_and_strings(tmp_path: Path) -> None:
    g = golden("TopKV2", "five")
    m = jitc.load_compiled(jitc.compile(g.graph, tmp_path / "5.so", outputs=["TopKV2", "TopKV2:1"]))
    y = m.run(**g.inputs)
    for name, value in g.outputs.items():
        np.testing.assert_array_equal(y[name], value)
    m = jitc.load_compiled(jitc.compile(GRAPHS / "bytes.pbtxt", tmp_path / "bytes.so"))
    assert m.run(b"abc") == b"abc"
    assert m.run("") == b""


def test_errors_of_runs(tmp_path: Path) -> None:
    graph = b"""
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: 3 } } } } }
        node { name: "i" op: "Placeholder" attr { key: "dtype" value { type: DT_INT32 } }
               attr { key: "shape" value { shape { dim { size: 1 } } } } }
        node { name: "y" op: "Gather" input: "x" input: "i"
               attr { key: "Tparams" value { type: DT_FLOAT } }
               attr { key: "Tindices" value { type: DT_INT32 } } }
        versions { producer: 27 }"""
    m = jitc.load_compiled(jitc.compile(graph, tmp_path / "m.so"))
    with pytest.raises(jitc.InvalidInput, match="'y'"):
        m.run([1.0, 2.0, 3.0], [7])
    assert m.run([1.0, 2.0, 3.0], [2]).tolist() == [3]


def test_weights_in_a_file(tmp_path: Path, compiled: Any, images: Any) -> None:
    path = jitc.compile(DIGITS, tmp_path / "digits.so", weights=tmp_path / "digits.bin")
    assert (tmp_path / "digits.bin").stat().st_size > 40000
    m = jitc.load_compiled(path, weights=tmp_path / "digits.bin")
    np.testing.assert_array_equal(m.run(images), compiled.run(images))
    with pytest.raises(jitc.Error, match="weights"):
        jitc.load_compiled(path).run(images)


def test_stop(tmp_path: Path) -> None:
    stop = jitc.Stop()
    path = jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "m.so", outputs=["scope/y"])
    m = jitc.load_compiled(path, stop=stop)
    x = np.ones((1, 3), np.float32)
    m.run(x, x)
    stop.set()
    with pytest.raises(jitc.Cancelled):
        m.run(x, x)
    stop.clear()
    m.run(x, x)


def test_threads_and_pickles(compiled: Any, images: Any) -> None:
    expected = compiled.run(images)

    def score(i: int) -> bool:
        n = 1 + i % 5
        return bool((compiled.run(images[i : i + n]) == expected[i : i + n]).all())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(score, range(300)))
    raw = pickle.dumps(compiled)
    assert len(raw) < 1000
    assert pickle.loads(raw) is pickle.loads(raw)
    np.testing.assert_array_equal(pickle.loads(raw).run(images), expected)


def test_close(tmp_path: Path) -> None:
    x = np.ones((1, 3), np.float32)
    path = jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "m.so", outputs=["scope/y"])
    with jitc.load_compiled(path) as m:
        m.run(x, x)
    assert m.closed
    with pytest.raises(jitc.UsageError, match="closed"):
        m.run(x, x)


def test_a_file_that_was_replaced(tmp_path: Path) -> None:
    x = np.full((1, 3), 3, np.float32)
    path = tmp_path / "m.so"
    models = []
    for output in ("scope/y", "scope/z", "scope/y"):
        jitc.compile(GRAPHS / "add.pbtxt", path, outputs=[output])
        models.append(jitc.load_compiled(path))
    assert [float(m.run(x, x)[0, 0]) for m in models] == [6, 18, 6]


def test_other_products(tmp_path: Path) -> None:
    made = jitc.compile(DIGITS, tmp_path / "net.o", header=tmp_path / "net.h", name="digits")
    assert made.read_bytes()[:4] == b"\x7fELF"
    assert "int digits_run_dims(" in (tmp_path / "net.h").read_text()
    text = jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "net.ll", outputs=["scope/y"])
    assert "define" in text.read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.h", "net.ll", "net.o"]


def test_what_cannot_be_compiled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none of \.o, \.so"):
        jitc.compile(DIGITS, tmp_path / "digits.exe")
    with pytest.raises(jitc.InvalidModel):
        jitc.compile(GRAPHS / "unsupported.pbtxt", tmp_path / "m.so")
    with pytest.raises(jitc.FileError, match="cannot link"):
        jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "m.so", cc="false")
    with pytest.raises(jitc.FileError, match="install one"):
        jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "m.so", cc="no-such-compiler")
    with pytest.raises(OSError, match="No such file"):
        jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "nowhere" / "m.o")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(jitc.FileError, match="cannot be opened"):
        jitc.load_compiled(GRAPHS / "add.pbtxt")
    path = jitc.compile(GRAPHS / "add.pbtxt", tmp_path / "m.so", name="other")
    with pytest.raises(jitc.UsageError, match=r"has no model 'm'.*name="):
        jitc.load_compiled(path)
    assert jitc.load_compiled(path, name="other").inputs[0].name == "a"


def test_a_process_maps_the_weights_from_the_file(compiled: Any, images: Any) -> None:
    """What makes processes share them: private pages of the file are few."""
    program = (
        "import sys, re, numpy as np, jitc\n"
        "m = jitc.load_compiled(sys.argv[1])\n"
        "m.run(np.zeros((1, 8, 8, 1), np.float32))\n"
        "kb = {}\n"
        "for part in re.split(r'(?m)^(?=[0-9a-f]+-[0-9a-f]+ )', open('/proc/self/smaps').read()):\n"
        "    if sys.argv[1] in part and ' r--p ' in part:\n"
        "        for name, n in re.findall(r'(?m)^(Rss|Private_Dirty): +(\\d+) kB', part):\n"
        "            kb[name] = kb.get(name, 0) + int(n)\n"
        "print(kb['Rss'], kb['Private_Dirty'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, compiled._path], capture_output=True, text=True, check=True
    )
    resident, own = map(int, done.stdout.split())
    assert resident >= 40
    assert own <= 8
