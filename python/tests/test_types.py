"""Element types, in and out; what is refused."""

from __future__ import annotations

import array
import sys
from typing import Any

import numpy as np
import pytest
from conftest import GRAPHS

import jitc
from jitc import _tensors

# TensorFlow's names of the types, and NumPy's.
TYPES = {
    "DT_FLOAT": np.float32,
    "DT_DOUBLE": np.float64,
    "DT_HALF": np.float16,
    "DT_INT8": np.int8,
    "DT_INT16": np.int16,
    "DT_INT32": np.int32,
    "DT_INT64": np.int64,
    "DT_UINT8": np.uint8,
    "DT_UINT16": np.uint16,
    "DT_UINT32": np.uint32,
    "DT_UINT64": np.uint64,
    "DT_COMPLEX64": np.complex64,
    "DT_COMPLEX128": np.complex128,
}


def doubling(kind: str, shape: str = "dim { size: -1 }") -> bytes:
    """y = x + x, as text."""
    return f"""
        node {{ name: "x" op: "Placeholder" attr {{ key: "dtype" value {{ type: {kind} }} }}
                attr {{ key: "shape" value {{ shape {{ {shape} }} }} }} }}
        node {{ name: "y" op: "AddV2" input: "x" input: "x" attr {{ key: "T" value {{ type: {kind} }} }} }}
        versions {{ producer: 27 }}""".encode()


@pytest.mark.parametrize("kind", TYPES)
def test_every_type(kind: str) -> None:
    dtype = np.dtype(TYPES[kind])
    m = jitc.load(doubling(kind))
    assert m.inputs[0].dtype == dtype
    x = np.array([0, 1, 5, 60], dtype)
    if dtype.kind == "c":
        x = x + np.array([1j], dtype)
    y = m.run(x)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, x + x)
    np.testing.assert_array_equal(m.run(x.astype(dtype.newbyteorder())), x + x)
    np.testing.assert_array_equal(m.run(x.tolist()), x + x)
    other = np.float64 if dtype != np.float64 else np.float32
    with pytest.raises(TypeError, match=rf"'x' takes {dtype.name}, this is {np.dtype(other).name}"):
        m.run(np.zeros(3, other))


def test_bool() -> None:
    m = jitc.load(
        b'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_BOOL } }'
        b'       attr { key: "shape" value { shape { dim { size: 2 } } } } }'
        b'node { name: "y" op: "LogicalNot" input: "x" } versions { producer: 27 }'
    )
    y = m.run([True, False])
    assert y.dtype == np.bool_
    assert y.tolist() == [False, True]
    with pytest.raises(TypeError, match="takes bool"):
        m.run(np.array([0, 1], np.uint8))


def test_bfloat16_with_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    m = jitc.load(doubling("DT_BFLOAT16"))
    x = np.array([0, 1, 3.5, -2], ml_dtypes.bfloat16)
    y = m.run(x)
    assert y.dtype == ml_dtypes.bfloat16
    np.testing.assert_array_equal(y, x + x)
    np.testing.assert_array_equal(m.run([0, 1, 3.5, -2]), x + x)
    np.testing.assert_array_equal(m.run(x.view(np.uint16)), x + x)  # the bits
    raw = np.empty(4, np.uint16)
    m.run(x, out=raw)
    np.testing.assert_array_equal(raw.view(ml_dtypes.bfloat16), x + x)


def test_bfloat16_without_ml_dtypes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    _tensors._bfloat16.cache_clear()
    try:
        m = jitc.load(doubling("DT_BFLOAT16"))
        assert str(m.inputs[0]) == "x: bfloat16[?]"
        y = m.run(np.array([0x3F80, 0x4000], np.uint16))  # 1, 2
        assert y.dtype == np.uint16
        assert y.tolist() == [0x4000, 0x4080]  # 2, 4
        with pytest.raises(TypeError, match="install ml_dtypes"):
            m.run([1.0, 2.0])
    finally:
        _tensors._bfloat16.cache_clear()


def test_strings() -> None:
    m = jitc.load(GRAPHS / "bytes.pbtxt")
    assert m.inputs[0].dtype.kind == "S"
    for value in (b"abc", bytearray(b"abc"), "abc", np.frombuffer(b"abc", np.uint8), np.array(b"abc")):
        assert m.run(value) == b"abc"
    assert m.run(b"") == b""
    assert m.run("ü") == "ü".encode()
    for bad in (3, np.zeros(3, np.float32), [b"a"]):
        with pytest.raises(TypeError, match="is a string"):
            m.run(bad)
    with pytest.raises(TypeError, match="returned as bytes"):
        m.run(b"abc", out=np.empty(3, np.uint8))


def test_numbers_of_python() -> None:
    m = jitc.load(doubling("DT_FLOAT"))
    assert m.run([1, 2.5, True]).tolist() == [2, 5, 2]
    with pytest.raises(TypeError, match="does not fit"):
        m.run([1j])
    with pytest.raises(TypeError, match="does not fit"):
        m.run(["one"])
    m = jitc.load(doubling("DT_UINT8"))
    assert m.run([1, 100]).tolist() == [2, 200]
    for bad in ([256], [-1], [1.5]):
        with pytest.raises(TypeError, match="does not fit"):
            m.run(bad)
    scalar = jitc.load(doubling("DT_DOUBLE", ""))
    y = scalar.run(1.5)
    assert y.shape == ()
    assert y == 3


def test_other_kinds_of_arrays() -> None:
    m = jitc.load(doubling("DT_DOUBLE"))
    assert m.run(array.array("d", [1, 2])).tolist() == [2, 4]
    assert m.run(memoryview(array.array("d", [1, 2]))).tolist() == [2, 4]
    with pytest.raises(TypeError, match="takes float64, this is float32"):
        m.run(array.array("f", [1, 2]))

    class Foreign:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array([3.0, 4.0])

    assert m.run(Foreign()).tolist() == [6, 8]
    with pytest.raises(TypeError, match="masked"):
        m.run(np.ma.masked_array([1.0, 2.0], [True, False]))


def test_empty() -> None:
    m = jitc.load(doubling("DT_FLOAT"))
    y = m.run(np.empty(0, np.float32))
    assert y.shape == (0,)


def test_many_dimensions() -> None:
    m = jitc.load(doubling("DT_FLOAT"))
    with pytest.raises(jitc.InvalidInput, match="9 dimensions"):
        m.run(np.zeros([1] * 9, np.float32))
