"""Loading and running: the forms of a call, memory, closing."""

from __future__ import annotations

import gc
import io
import weakref
from typing import Any

import numpy as np
import pytest
from conftest import DIGITS, GRAPHS, ROOT, golden

import jitc


def test_digits_are_read(digits: Any, images: Any, labels: Any) -> None:
    y = digits.run(images)
    assert y.dtype == np.float32
    assert y.shape == (360, 10)
    assert (y.argmax(axis=1) == labels).sum() == 358


def test_a_model_describes_itself(digits: Any) -> None:
    assert [i.name for i in digits.inputs] == ["images"]
    assert digits.inputs[0].shape == (None, 8, 8, 1)
    assert digits.inputs[0].dtype == np.float32
    assert str(digits.outputs[0]) == "probabilities: float32[?,10]"
    assert repr(digits) == (
        "<jitc.Model digits.pb: images: float32[?,8,8,1] -> probabilities: float32[?,10]>"
    )


def test_forms_of_a_call(digits: Any, images: Any) -> None:
    x = images[:3]
    y = digits(x)
    for same in (
        digits.run(x),
        digits.run(images=x),
        digits.run({"images": x}),
        digits.run({"images:0": x}),
        digits.run(x.tolist()),
        digits.run_dict(x)["probabilities"],
    ):
        np.testing.assert_array_equal(same, y)


def test_sources(tmp_path: Any) -> None:
    path = tmp_path / "add.pbtxt"
    raw = (GRAPHS / "add.pbtxt").read_bytes()
    path.write_bytes(raw)
    a = np.ones((2, 3), np.float32)
    for source in (path, str(path), raw, bytearray(raw), memoryview(raw), io.BytesIO(raw), path.open("rb")):
        m = jitc.load(source)
        assert (m.run(a, a) == 2).all()


def test_bytes_live_as_long_as_the_model(images: Any, digits: Any) -> None:
    m = jitc.load(DIGITS.read_bytes())
    gc.collect()
    expected = digits.run(images[:4])
    np.testing.assert_array_equal(m.run(images[:4]), expected)
    np.testing.assert_array_equal(m.run(images[:3]), expected[:3])  # reads weights anew


def test_two_outputs_are_a_dict_in_order() -> None:
    g = golden("TopKV2", "five")
    y = jitc.load(g.graph, outputs=["TopKV2", "TopKV2:1"]).run(**g.inputs)
    assert list(y) == ["TopKV2", "TopKV2:1"]
    for name, value in g.outputs.items():
        np.testing.assert_array_equal(y[name], value)


def test_no_input_is_copied(digits: Any, images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from jitc import _model

    bound = []
    bind = _model.Exec.bind

    def spy(self: Any, name: bytes, number: int, array: Any) -> None:
        bound.append((name, array.ctypes.data))
        bind(self, name, number, array)

    monkeypatch.setattr(_model.Exec, "bind", spy)
    digits.run(images)
    assert (b"images", images.ctypes.data) in bound
    view = images[5:9]  # a view without gaps is none either
    digits.run(view)
    assert (b"images", view.ctypes.data) in bound


def test_gaps_and_byte_order(digits: Any, images: Any) -> None:
    y = digits.run(images)
    np.testing.assert_array_equal(digits.run(images[::2]), y[::2])
    np.testing.assert_array_equal(digits.run(np.asfortranarray(images)), y)
    np.testing.assert_array_equal(digits.run(images.astype(">f4")), y)


def test_misaligned_and_read_only(digits: Any, images: Any) -> None:
    raw = np.frombuffer(b"\0" + images.tobytes(), np.uint8)[1:]
    shifted = raw.view(np.float32).reshape(images.shape)
    assert not shifted.flags.aligned
    assert not shifted.flags.writeable
    np.testing.assert_array_equal(digits.run(shifted), digits.run(images))


def test_results_are_the_callers(digits: Any, images: Any) -> None:
    first = digits.run(images[:2])
    kept = first.copy()
    second = digits.run(images[2:4])
    assert not np.shares_memory(first, second)
    np.testing.assert_array_equal(first, kept)
    assert first.flags.writeable


@pytest.mark.parametrize("shapes", [None, {"images": (4, 8, 8, 1)}])
def test_out(images: Any, shapes: Any) -> None:
    x = images[:4]
    m = jitc.load(DIGITS, shapes=shapes)
    expected = m.run(x)
    out = np.empty((4, 10), np.float32)
    assert m.run(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    out[:] = 0
    assert m.run(x, out={"probabilities": out}) is out
    assert m.run(x, out=[out]) is out
    np.testing.assert_array_equal(out, expected)
    with pytest.raises(TypeError, match="float64"):
        m.run(x, out=np.empty((4, 10)))
    with pytest.raises(ValueError, match="not contiguous"):
        m.run(x, out=np.empty((10, 4), np.float32).T)
    with pytest.raises(ValueError, match="shape"):
        m.run(x, out=np.empty((4, 11), np.float32))
    with pytest.raises(ValueError, match=r"bytes|shape"):
        m.run(x, out=np.empty((3, 10), np.float32))
    with pytest.raises(TypeError, match="no output 'nope'"):
        m.run(x, out={"nope": out})
    with pytest.raises(TypeError, match="2 arrays for 1"):
        m.run(x, out=[out, out])


def test_out_of_another_size_than_the_result(digits: Any, images: Any) -> None:
    with pytest.raises(ValueError, match=r"\(5, 10\), the result is \(4, 10\)"):
        digits.run(images[:4], out=np.empty((5, 10), np.float32))


def test_out_may_be_the_input() -> None:
    g = golden("Relu", "f32")
    m = jitc.load(g.graph)
    (x,) = g.inputs.values()
    (expected,) = g.outputs.values()
    x = x.copy()
    assert m.run(x, out=x) is x
    np.testing.assert_array_equal(x, expected)


def test_sizes_that_depend_on_data() -> None:
    g = golden("Where", "bool")
    m = jitc.load(g.graph)
    np.testing.assert_array_equal(m.run(**g.inputs), g.outputs["Where"])
    np.testing.assert_array_equal(m.run(**g.inputs), g.outputs["Where"])


def test_options(images: Any) -> None:
    lines: list[str] = []
    m = jitc.load(
        DIGITS, threads=2, cpu="x86-64-v2", shapes={"images": [None, 8, 8, 1]}, log=lines.append, deadline=100
    )
    assert m.run(images).shape == (360, 10)
    assert any("compil" in line for line in lines), lines
    fixed = jitc.load(DIGITS, shapes={"images": (2, 8, 8, 1)})
    assert fixed.inputs[0].shape == (2, 8, 8, 1)
    assert fixed.outputs[0].shape == (2, 10)
    with pytest.raises(jitc.InvalidInput, match=r"\[3,8,8,1\]"):
        fixed.run(images[:3])
    with pytest.raises(TypeError, match="not one string"):
        jitc.load(DIGITS, outputs="probabilities")
    with pytest.raises(jitc.CpuError, match="nope"):
        jitc.load(DIGITS, cpu="nope", shapes={"images": (1, 8, 8, 1)})


def test_layout(images: Any) -> None:
    with pytest.raises(jitc.Error, match="rows"):
        jitc.load(DIGITS, layout="rows")
    usual = jitc.load(DIGITS).run(images)
    for layout in ("nhwc", "nchw", "blocked"):
        assert np.array_equal(usual, jitc.load(DIGITS, layout=layout).run(images))


def test_precise_and_tuning(images: Any, tmp_path: Any) -> None:
    with pytest.raises(jitc.Error, match="choices"):
        jitc.load(DIGITS, tuning=tmp_path / "choices.txt")
    usual = jitc.load(DIGITS, tuning="").run(images)
    precise = jitc.load(DIGITS, precise=True).run(images)
    assert np.allclose(usual, precise, rtol=0, atol=1e-5)


def test_specialise(images: Any) -> None:
    lines: list[str] = []
    m = jitc.load(GRAPHS / "add.pbtxt", log=lines.append)
    m.specialise(a=(4, 3), b=(4, 3))
    m.specialise({"a": (5, 3), "b": (5, 3)})
    compiled = len(lines)
    assert compiled > 0
    for n in (4, 5):
        a = np.ones((n, 3), np.float32)
        assert m.run(a, a).shape == (n, 3)
    assert len(lines) == compiled
    with pytest.raises(jitc.Error, match="nope"):
        m.specialise(nope=(1, 2))


def test_stop() -> None:
    stop = jitc.Stop()
    m = jitc.load(GRAPHS / "add.pbtxt", stop=stop)
    a = np.ones((2, 3), np.float32)
    stop.set()
    assert stop.is_set()
    with pytest.raises(jitc.Cancelled):  # a compile
        m.run(a, a)
    stop.clear()
    m.run(a, a)
    stop.set()
    with pytest.raises(jitc.Cancelled):  # a run
        m.run(a, a)
    stop.clear()
    assert (m.run(a, a) == 2).all()


def test_results_of_open_sizes_are_not_copied(
    digits: Any, images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from jitc import _model

    def never(*_: Any) -> None:
        raise AssertionError("a result is copied")

    monkeypatch.setattr(_model, "copy_out", never)
    for n in (2, 3, 2):
        assert digits.run(images[:n]).shape == (n, 10)


def test_sizes_that_broadcast() -> None:
    m = jitc.load(GRAPHS / "add.pbtxt", outputs=["scope/y"])
    for rows in ((3, 3), (4, 4), (5, 5), (1, 6), (7, 1), (1, 8)):  # the last with code for all sizes
        a, b = (np.full((n, 3), i + 1, np.float32) for i, n in enumerate(rows))
        y = m.run(a, b)
        assert y.shape == (max(rows), 3)
        assert (y == 3).all()


def test_a_placeholder_is_set() -> None:
    path = GRAPHS / "set.pbtxt"
    free = jitc.load(path)
    name = next(i.name for i in free.inputs if i.shape == ())
    fixed = jitc.load(path, set={name: 1})
    assert len(fixed.inputs) == len(free.inputs) - 1


def test_cut() -> None:
    path = GRAPHS / "add.pbtxt"
    assert [i.name for i in jitc.load(path, outputs=["scope/y:0"]).outputs] == ["scope/y"]
    m = jitc.load(path, inputs=["scope/y", "a"], outputs=["scope/z"])
    assert m.run(np.full((1, 3), 3, np.float32), np.full((1, 3), 2, np.float32)).tolist() == [[6, 6, 6]]


def test_close() -> None:
    a = np.ones((2, 3), np.float32)
    with jitc.load(GRAPHS / "add.pbtxt") as m:
        m.run(a, a)
        assert not m.closed
    assert m.closed
    m.close()
    with pytest.raises(jitc.UsageError, match="closed"):
        m.run(a, a)


def test_memory_is_given_back() -> None:
    a = np.ones((2, 3), np.float32)
    m = jitc.load((GRAPHS / "add.pbtxt").read_bytes())
    m.run(a, a)
    program = weakref.ref(m._program)
    del m
    gc.collect()
    assert program() is None


def test_version() -> None:
    text = (ROOT / "CMakeLists.txt").read_text()
    assert f"VERSION {jitc.__version__} " in text
