"""What can be said of how a model is read and compiled, as the C library wants it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Union

from jitc import _library
from jitc._library import Shape, text

Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO]
Shapes = Mapping[str, Sequence[Union[int, None]]]


class Stop:
    """Ends what is under way: compiles and runs of models that were loaded with it end with `Cancelled`,
    until it is cleared. Any thread may set it."""

    def __init__(self) -> None:
        self._flag = ctypes.c_int(0)

    def set(self) -> None:
        self._flag.value = 1

    def clear(self) -> None:
        self._flag.value = 0

    def is_set(self) -> bool:
        return self._flag.value != 0

    def __reduce__(self) -> Any:
        raise TypeError("a Stop works within one process; it cannot be pickled")


class Options:
    """jitc_options with the memory that it points to."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.c = c = _library.Options()
        self.keep: list[Any] = []
        c.size = ctypes.sizeof(c)
        c.threads = given.get("threads", 1)
        cpu = given.get("cpu")
        c.cpu = None if cpu is None else cpu.encode()
        c.inputs, c.ninputs = self._names("inputs", given.get("inputs"))
        c.outputs, c.noutputs = self._names("outputs", given.get("outputs"))
        shapes = given.get("shapes") or {}
        c.shapes, c.nshapes = self._hold(shape_rows(shapes)), len(shapes)
        c.sets, c.nsets = self._sets(given.get("set") or {})
        c.max_memory = given.get("max_memory", 0)
        deadline = given.get("deadline")
        c.deadline_ms = 0 if deadline is None else max(1, round(deadline * 1000))
        say = given.get("log")
        if say is not None:
            c.log = self._hold(_library.Log(lambda _, line: say(text(line))))
        self.stop: Stop | None = given.get("stop")
        c.stop = stop_address(self.stop)
        c.flags = _library.LAZY if given.get("lazy") else 0
        c.flags |= _library.PRECISE if given.get("precise") else 0
        c.flags |= _library.TIERED if given.get("tiered") else 0
        tuning = given.get("tuning")
        c.tuning = None if tuning is None else os.fsencode(tuning)
        cache = given.get("cache")
        c.cache = None if cache is None else os.fsencode(cache)
        layout = given.get("layout")
        c.layout = None if layout is None else layout.encode()

    def _hold(self, thing: Any) -> Any:
        self.keep.append(thing)
        return thing

    def _names(self, what: str, names: Sequence[str] | None) -> tuple[Any, int]:
        if names is None:
            return None, 0
        if isinstance(names, str):
            raise TypeError(f"{what}: a list of names, not one string")
        return self._hold((ctypes.c_char_p * len(names))(*(name.encode() for name in names))), len(names)

    def _sets(self, values: Mapping[str, float]) -> tuple[Any, int]:
        rows = self._hold((_library.Set * len(values))())
        for row, (name, value) in zip(rows, values.items()):
            row.name = name.encode()
            row.value = float(value)
        return rows, len(values)


def stop_address(stop: Stop | None) -> int | None:
    return None if stop is None else ctypes.addressof(stop._flag)


def shape_rows(shapes: Shapes) -> Any:
    """An array of jitc_shape."""
    rows = (Shape * len(shapes))()
    for row, (name, shape) in zip(rows, shapes.items()):
        if len(shape) > _library.MAX_RANK:
            raise ValueError(f"shapes: '{name}' has more than {_library.MAX_RANK} dimensions")
        row.name = name.encode()
        row.rank = len(shape)
        row.dim[: len(shape)] = [-1 if n is None else n for n in shape]
    return rows


def take_source(source: Source) -> tuple[str | bytes | bytearray | memoryview, str]:
    """A path, or the bytes; and what to call them."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return source, "from memory"
    if isinstance(source, (str, os.PathLike)):
        path = os.path.abspath(os.fspath(source))
        return path, os.path.basename(path)
    data = source.read()
    if not isinstance(data, bytes):
        raise TypeError("a file must be opened in binary mode")
    return data, str(getattr(source, "name", "from a file"))
