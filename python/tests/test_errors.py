"""Exceptions: their kinds and their texts."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
from conftest import DIGITS, GRAPHS, golden

import jitc
from jitc.errors import _of_status


def test_all_problems_of_a_model() -> None:
    with pytest.raises(jitc.InvalidModel) as e:
        jitc.load(GRAPHS / "unsupported.pbtxt")
    assert isinstance(e.value, (jitc.Error, ValueError))
    assert "node '" in str(e.value)
    assert len(str(e.value).splitlines()) >= 1


def test_no_model() -> None:
    with pytest.raises(jitc.InvalidModel):
        jitc.load(b"this is no model")
    with pytest.raises(jitc.InvalidModel):
        jitc.load(b"")
    with pytest.raises(OSError, match=r"nowhere\.pb.*No such file"):
        jitc.load("nowhere.pb")
    with pytest.raises(TypeError, match="binary"):
        jitc.load(io.StringIO("text"))  # type: ignore[arg-type]


def test_unknown_tensors() -> None:
    with pytest.raises(jitc.Error, match="nope"):
        jitc.load(DIGITS, outputs=["nope"])
    m = jitc.load(GRAPHS / "add.pbtxt")
    x = np.zeros((1, 3), np.float32)
    with pytest.raises(TypeError, match=r"no input 'nope'; the model takes a: float32\[\?,3\], b"):
        m.run(x, nope=x)
    with pytest.raises(TypeError, match="'b' is missing"):
        m.run(x)
    with pytest.raises(TypeError, match="'a' is given twice"):
        m.run(x, a=x, b=x)
    with pytest.raises(TypeError, match="3 tensors"):
        m.run(x, x, x)


def test_data_that_cannot_be_used(digits: Any, images: Any) -> None:
    m = digits
    with pytest.raises(jitc.InvalidInput, match="lacks the batch dimension"):
        m.run(images[0])
    with pytest.raises(jitc.InvalidInput, match="channels-first"):
        m.run(images.transpose(0, 3, 1, 2))
    m.run(images)  # it is as good as before


def test_an_index_out_of_range() -> None:
    graph = b"""
        node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }
               attr { key: "shape" value { shape { dim { size: 3 } } } } }
        node { name: "i" op: "Placeholder" attr { key: "dtype" value { type: DT_INT32 } }
               attr { key: "shape" value { shape { dim { size: 1 } } } } }
        node { name: "y" op: "Gather" input: "x" input: "i"
               attr { key: "Tparams" value { type: DT_FLOAT } }
               attr { key: "Tindices" value { type: DT_INT32 } } }
        versions { producer: 27 }"""
    m = jitc.load(graph)
    assert m.run([1.0, 2.0, 3.0], [1]).tolist() == [2]
    with pytest.raises(jitc.InvalidInput, match=r"node 'y'.*out of range"):
        m.run([1.0, 2.0, 3.0], [7])
    assert m.run([1.0, 2.0, 3.0], [2]).tolist() == [3]


def test_a_limit() -> None:
    with pytest.raises(MemoryError):
        jitc.load(DIGITS, shapes={"images": (1, 8, 8, 1)}, max_memory=100)


def test_every_status_has_an_exception() -> None:
    kinds = [type(_of_status(s, "", jitc.InvalidModel)) for s in range(1, 9)]
    assert len(set(kinds)) == 8
    assert jitc.Error not in kinds
    for status in range(1, 9):
        e = _of_status(status, "text", jitc.InvalidInput)
        assert isinstance(e, jitc.Error)
        copy = pickle.loads(pickle.dumps(e))
        assert (type(copy), str(copy)) == (type(e), "text")


def test_a_model_that_fails_when_it_runs() -> None:
    g = golden("Where", "bool")
    m = jitc.load(g.graph)
    with pytest.raises(TypeError):
        m.run(np.zeros((3, 4), np.complex64))
