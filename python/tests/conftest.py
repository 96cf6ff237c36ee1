"""Models for the tests: the digits example, and golden cases, which have TensorFlow's answers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import jitc

ROOT = Path(__file__).resolve().parents[2]
DIGITS = ROOT / "examples" / "digits" / "digits.pb"
GRAPHS = ROOT / "tests" / "cli" / "graphs"  # add.pbtxt: y = a + b, z = y * a


@dataclasses.dataclass
class Golden:
    graph: bytes
    inputs: dict[str, Any]
    outputs: dict[str, Any]


def golden(op: str, case: str) -> Golden:
    with np.load(ROOT / "tests" / "golden" / f"{op}.npz") as archive:
        tensors = {k: archive[k] for k in archive.files if k.startswith(f"{case}/")}

    def named(prefix: str) -> dict[str, Any]:
        return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

    return Golden(tensors[f"{case}/graph"].tobytes(), named(f"{case}/in/"), named(f"{case}/out/"))


@pytest.fixture(scope="session")
def digits() -> Any:
    """The model of the example; compiling it takes half a second, so tests share it."""
    return jitc.load(DIGITS)


@pytest.fixture(scope="session")
def images() -> Any:
    return np.load(DIGITS.parent / "test_images.npy")


@pytest.fixture(scope="session")
def labels() -> Any:
    return np.load(DIGITS.parent / "test_labels.npy")
