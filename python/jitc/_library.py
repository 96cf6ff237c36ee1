"""libjitc through ctypes: where it is, its structs and its functions (include/jitc/jitc.h)."""

from __future__ import annotations

import ctypes
import functools
import os
from ctypes import POINTER, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

MAX_RANK = 8
VERSION = (0, 1)  # major and minor of the C API that the structs below are those of

Log = ctypes.CFUNCTYPE(None, c_void_p, c_char_p)


class Tensor(ctypes.Structure):
    _fields_ = [("dtype", c_int), ("rank", c_int32), ("shape", c_int64 * MAX_RANK), ("data", c_void_p)]


class Shape(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("rank", c_int32), ("dim", c_int64 * MAX_RANK)]


class Set(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("value", c_double)]


class Io(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("dtype", c_int), ("rank", c_int32), ("shape", c_int64 * MAX_RANK)]


class Options(ctypes.Structure):
    """jitc_options. A library of a later version knows by `size` which fields there are."""

    _fields_ = [
        ("size", c_size_t),
        ("threads", c_int),
        ("cpu", c_char_p),
        ("inputs", POINTER(c_char_p)),
        ("ninputs", c_size_t),
        ("outputs", POINTER(c_char_p)),
        ("noutputs", c_size_t),
        ("shapes", POINTER(Shape)),
        ("nshapes", c_size_t),
        ("sets", POINTER(Set)),
        ("nsets", c_size_t),
        ("max_memory", c_size_t),
        ("deadline_ms", c_int64),
        ("log", Log),
        ("log_arg", c_void_p),
        ("stop", c_void_p),
        ("alloc", c_void_p),
        ("heap", c_void_p),
        ("flags", c_uint64),
        ("ops", c_void_p),
        ("nops", c_size_t),
        ("tuning", c_char_p),
        ("cache", c_char_p),
        ("cache_bytes", c_uint64),
        ("layout", c_char_p),
    ]


class AotOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("cpu", c_char_p),
        ("target", c_char_p),
        ("emit", c_int),
        ("weights_outside", c_int),
    ]


LAZY, PRECISE, TIERED = 1, 2, 8  # jitc_options.flags


# Functions that may take long, or take a lock: Python's other threads run meanwhile.
_LONG: dict[str, tuple[Any, list[Any]]] = {
    "jitc_program_load": (c_int, [c_char_p, POINTER(Options), POINTER(c_void_p), POINTER(c_void_p)]),
    "jitc_program_load_memory": (
        c_int,
        [c_void_p, c_size_t, POINTER(Options), POINTER(c_void_p), POINTER(c_void_p)],
    ),
    "jitc_program_free": (None, [c_void_p]),
    "jitc_program_specialise": (c_int, [c_void_p, POINTER(Shape), c_size_t, POINTER(c_void_p)]),
    "jitc_exec_new": (c_int, [c_void_p, POINTER(c_void_p)]),
    "jitc_exec_free": (None, [c_void_p]),
    "jitc_exec_run": (c_int, [c_void_p]),
    "jitc_exec_output_shape": (c_int, [c_void_p, c_size_t, POINTER(Io)]),
    "jitc_aot_compile": (c_int, [c_void_p, POINTER(AotOptions), POINTER(c_void_p), POINTER(c_void_p)]),
    "jitc_object_free": (None, [c_void_p]),
}
# Functions of a microsecond that take no lock. They keep the GIL: who lets go of it for as short a time may
# have to wait for it for five milliseconds when other threads are busy.
_SHORT: dict[str, tuple[Any, list[Any]]] = {
    "jitc_version": (c_char_p, []),
    "jitc_error_text": (c_char_p, [c_void_p]),
    "jitc_error_free": (None, [c_void_p]),
    "jitc_dtype_name": (c_char_p, [c_int]),
    "jitc_program_input_count": (c_size_t, [c_void_p]),
    "jitc_program_input": (POINTER(Io), [c_void_p, c_size_t]),
    "jitc_program_output_count": (c_size_t, [c_void_p]),
    "jitc_program_output": (POINTER(Io), [c_void_p, c_size_t]),
    "jitc_exec_bind": (c_int, [c_void_p, c_char_p, POINTER(Tensor)]),
    "jitc_exec_output": (c_int, [c_void_p, c_size_t, POINTER(Tensor)]),
    "jitc_exec_error": (c_char_p, [c_void_p]),
    "jitc_exec_set_stop": (c_int, [c_void_p, c_void_p]),
    "jitc_object_data": (c_void_p, [c_void_p, POINTER(c_size_t)]),
    "jitc_object_header": (c_char_p, [c_void_p]),
    "jitc_object_weights": (c_void_p, [c_void_p, POINTER(c_size_t)]),
}


class Library:
    """The functions, by their names without "jitc_"."""

    def __init__(self, path: str) -> None:
        self.path = path
        released, held = ctypes.CDLL(path), ctypes.PyDLL(path)
        for handle, functions in ((released, _LONG), (held, _SHORT)):
            for name, (result, arguments) in functions.items():
                function = getattr(handle, name)
                function.restype = result
                function.argtypes = arguments
                setattr(self, name[len("jitc_") :], function)
        self.version_text = text(self.version())
        if tuple(int(n) for n in self.version_text.split(".")[:2]) != VERSION:
            wanted = ".".join(map(str, VERSION))
            raise ImportError(f"{path} is version {self.version_text}, this package needs {wanted}")

    def __getattr__(self, name: str) -> Any:  # those of __init__, for type checkers
        raise AttributeError(name)


def text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")


def folder() -> Path:
    """Where the wheel has its libraries and its tool."""
    return Path(__file__).resolve().parent / "_native"


def find() -> str:
    """Its path: JITC_LIBRARY of the environment, the wheel's own, or a name for the system to find."""
    named = os.environ.get("JITC_LIBRARY")
    if named:
        return os.path.abspath(named)
    own = folder() / "libjitc.so"
    return str(own) if own.exists() else f"libjitc.so.{VERSION[0]}"


@functools.cache
def library() -> Library:
    path = find()
    try:
        return Library(path)
    except OSError as error:
        raise ImportError(
            f"the library of jitc cannot be opened: {error}. The wheel brings it; otherwise install it, or "
            "set JITC_LIBRARY to the path of libjitc.so"
        ) from error
