"""jitc: a compiler for frozen TensorFlow graphs.

    import jitc

    model = jitc.load("model.pb", threads=4)
    probabilities = model.run(images)

Arrays are NumPy's. docs/python.md of the project is the guide.
"""

from __future__ import annotations

from jitc._compile import compile
from jitc._compiled import CompiledModel, load_compiled
from jitc._library import library as _open
from jitc._model import Model, load
from jitc._options import Stop
from jitc._runner import Runner
from jitc._tensors import TensorInfo
from jitc.errors import (
    Cancelled,
    CpuError,
    DeadlineExceeded,
    Error,
    FileError,
    InternalError,
    InvalidInput,
    InvalidModel,
    OutOfMemory,
    UsageError,
)

__version__: str = _open().version_text
__all__ = [
    "Cancelled",
    "CompiledModel",
    "CpuError",
    "DeadlineExceeded",
    "Error",
    "FileError",
    "InternalError",
    "InvalidInput",
    "InvalidModel",
    "Model",
    "OutOfMemory",
    "Runner",
    "Stop",
    "TensorInfo",
    "UsageError",
    "compile",
    "load",
    "load_compiled",
]
