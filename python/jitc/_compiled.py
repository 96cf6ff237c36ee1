"""jitc.load_compiled: a model that was compiled ahead of time, as a shared object."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from jitc import errors
from jitc._compile import symbol_prefix
from jitc._library import MAX_RANK, Io, text
from jitc._locks import Lock
from jitc._options import Stop, stop_address
from jitc._runner import Runner
from jitc._shared import once_per_process
from jitc._tensors import STRING, Array, Result, info_of

ALIGN = 64
E_STOPPED, E_OUTPUT = -4, -6
_ERRORS: dict[int, type[errors.Error]] = {
    -1: errors.CpuError,
    -3: errors.OutOfMemory,
    E_STOPPED: errors.Cancelled,
    -5: errors.InvalidInput,
}


_seen: dict[str, list[tuple[int, int]]] = {}
_seen_lock = Lock()


def _other_spelling(path: str) -> str:
    """The path with as many "./" in it as there were other files under that name. The system's loader takes a
    name that it knows for the file that it knows, also where that has been replaced since."""
    stat = os.stat(path)
    with _seen_lock:
        files = _seen.setdefault(path, [])
        if (stat.st_dev, stat.st_ino) not in files:
            files.append((stat.st_dev, stat.st_ino))
        number = files.index((stat.st_dev, stat.st_ino))
    return os.path.join(os.path.dirname(path), "./" * number + os.path.basename(path))


class RunOptions(ctypes.Structure):
    """NAME_options of the header that belongs to a model."""

    _fields_ = [
        ("size", c_size_t),
        ("weights", c_void_p),
        ("parallel_for", c_void_p),
        ("host", c_void_p),
        ("alloc", c_void_p),
        ("heap", c_void_p),
        ("stop", c_void_p),
        ("shares", c_size_t),
    ]


class Dim(ctypes.Structure):
    """NAME_dim: a dimension that is open."""

    _fields_ = [("is_output", c_int32), ("tensor", c_int32), ("dim", c_int32)]


class Symbols:
    """The functions and tables of a shared object."""

    def __init__(self, path: str, name: str) -> None:
        try:
            self._library = ctypes.CDLL(_other_spelling(path))
        except OSError as error:
            raise errors.FileError(f"{path} cannot be opened: {error}") from error
        self._path, self._name = path, name
        self.run = self._function(
            "run_options", c_int, c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p
        )
        self.workspace_bytes = self._function("workspace_bytes", c_size_t, c_void_p, c_size_t)
        self.output_bytes = self._function("output_bytes", c_size_t, c_int, c_void_p)
        self.output_shape = self._function("output_shape", None, c_int, c_void_p, c_void_p)
        self.error = self._function("error", c_char_p, c_int)
        self.inputs = tuple(info_of(io) for io in self._table("input", Io))
        self.outputs = tuple(info_of(io) for io in self._table("output", Io))
        self.dims = [(bool(d.is_output), int(d.tensor), int(d.dim)) for d in self._table("dim", Dim)]

    def _find(self, find: Callable[[str], Any], what: str) -> Any:
        try:
            return find(f"{self._name}_{what}")
        except (AttributeError, ValueError) as error:
            raise errors.UsageError(
                f"{self._path} has no model '{self._name}' that jitc has compiled: name= is the one that "
                "`compile` was given, or the stem of the path then"
            ) from error

    def _function(self, what: str, result: Any, *arguments: Any) -> Any:
        function = self._find(lambda name: getattr(self._library, name), what)
        function.restype, function.argtypes = result, arguments
        return function

    def _table(self, what: str, row: Any) -> Any:
        n = self._find(lambda name: c_int32.in_dll(self._library, name), f"{what}_count").value
        return self._find(lambda name: (row * n).in_dll(self._library, name), f"{what}s")


class CompiledModel(Runner):
    """A model that `jitc.load_compiled` has opened. Its code and weights are mapped from the file: all
    processes that open the same file share one copy of them."""

    def __init__(self, path: str, options: dict[str, Any]) -> None:
        self._path, self._options = path, options
        self._symbols = s = Symbols(path, options["name"])
        self.inputs, self.outputs = s.inputs, s.outputs
        self._weights = None if options["weights"] is None else _map(options["weights"])
        self._stop: Stop | None = options["stop"]
        self._run_options = self._make_options()
        self._room = [0] * len(s.dims)  # of dimensions that only a run tells: what earlier runs took
        self._sized_by_run = {tensor for is_output, tensor, _ in s.dims if is_output}
        self._workspaces: list[Array] = []
        self._closed = False

    def _make_options(self) -> RunOptions | None:
        if self._weights is None and self._stop is None:
            return None
        options = RunOptions(stop=stop_address(self._stop), shares=1)
        options.size = ctypes.sizeof(options)
        options.weights = None if self._weights is None else self._weights.ctypes.data
        return options

    # -- A run ---------------------------------------------------------------------------------------------
    def _run(self, inputs: list[Array], out: list[Array | None]) -> list[Result]:
        if self._closed:
            raise errors.UsageError("the model is closed")
        if self._stop is not None and self._stop.is_set():  # the code itself looks at it in loops
            raise errors.Cancelled(text(self._symbols.error(E_STOPPED)))
        for info, array in zip(self.inputs, inputs):
            shape = info.shape
            if shape is not None and not (
                len(shape) == array.ndim and all(n is None or n == m for n, m in zip(shape, array.shape))
            ):
                raise errors.InvalidInput(
                    f"input '{info.name}' has the shape {array.shape}, the model takes {info}"
                )
        inputs = [np.require(array, requirements=["A"]) for array in inputs]
        pointers = (c_void_p * (len(inputs) + 1))(*(array.ctypes.data for array in inputs))
        dims = (c_int64 * (len(self._symbols.dims) + 1))()
        for k, (is_output, tensor, dim) in enumerate(self._symbols.dims):
            dims[k] = self._room[k] if is_output else inputs[tensor].shape[dim]
        while True:
            rooms = [self._make_room(i, dims, inputs, out) for i in range(len(self.outputs))]
            before = list(dims)
            code = self._call(pointers, rooms, dims)
            if code != E_OUTPUT or list(dims) == before:
                break
            for k, (is_output, _, _) in enumerate(self._symbols.dims):
                if is_output:  # what one thread needs, another will need
                    self._room[k] = dims[k] = max(dims[k], before[k])
        if code:
            raise self._error(code)
        return [self._take(i, room, dims, out[i]) for i, room in enumerate(rooms)]

    def _call(self, pointers: Any, rooms: list[Array], dims: Any) -> int:
        s = self._symbols
        bytes_ = s.workspace_bytes(dims, 1)
        workspace = self._take_workspace(bytes_)
        try:
            memory = (c_void_p * (len(rooms) + 1))(*(room.ctypes.data for room in rooms))
            options = None if self._run_options is None else ctypes.byref(self._run_options)
            at = workspace.ctypes.data
            at += -at % ALIGN
            return int(s.run(pointers, memory, at, bytes_, dims, options))
        finally:
            self._workspaces.append(workspace)

    def _take_workspace(self, bytes_: int) -> Array:
        """A list's pop and append are one step each: threads need no lock."""
        try:
            workspace = self._workspaces.pop()
        except IndexError:
            workspace = np.empty(0, np.uint8)
        return workspace if workspace.nbytes >= bytes_ + ALIGN else np.empty(bytes_ + ALIGN, np.uint8)

    def _make_room(self, i: int, dims: Any, inputs: list[Array], out: list[Array | None]) -> Array:
        """Memory for output i: the caller's where it fits and nothing else lies there, else bytes."""
        given, size = out[i], self._symbols.output_bytes(i, dims)
        if given is not None and i not in self._sized_by_run and given.flags.aligned:
            others = [*inputs, *(array for k, array in enumerate(out) if k != i and array is not None)]
            if given.shape == self._shape(i, dims) and not any(np.may_share_memory(given, a) for a in others):
                return given
        return np.empty(size, np.uint8)

    def _shape(self, i: int, dims: Any) -> tuple[int, ...]:
        shape = (c_int64 * MAX_RANK)()
        self._symbols.output_shape(i, dims, shape)
        return tuple(shape[: len(self.outputs[i].shape or ())])

    def _take(self, i: int, room: Array, dims: Any, given: Array | None) -> Result:
        if room is given:
            return room
        info, shape = self.outputs[i], self._shape(i, dims)
        if info.number == STRING:
            return room[: int(np.prod(shape))].tobytes()
        bytes_ = int(np.prod(shape, dtype=np.int64)) * info.dtype.itemsize
        array = room[:bytes_].view(info.dtype).reshape(shape)
        if given is None:
            return array if 2 * bytes_ >= room.nbytes else array.copy()
        if given.shape != shape:
            raise errors.InvalidInput(
                f"out: memory for '{info.name}' has the shape {given.shape}, the result is {shape}"
            )
        given.view(info.dtype)[...] = array
        return given

    def _error(self, code: int) -> errors.Error:
        kind = errors.InvalidInput if code > 0 else _ERRORS.get(code, errors.InternalError)
        return kind(text(self._symbols.error(code)))

    # -- Its life ------------------------------------------------------------------------------------------
    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Gives working memory back. The file stays mapped as long as the process lives."""
        self._closed = True
        self._workspaces.clear()

    def __repr__(self) -> str:
        return self._describe(os.path.basename(self._path))

    def __reduce__(self) -> tuple[Any, ...]:
        return once_per_process, (CompiledModel, self._path, self._options)


def _map(path: str) -> Array:
    """A file of weights, for reading: mapped, so that all processes share it."""
    if not os.path.getsize(path):
        return np.zeros(1, np.uint8)
    return np.asarray(np.memmap(path, np.uint8, "r"))


def load_compiled(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    stop: Stop | None = None,
) -> CompiledModel:
    """Opens a shared object that `jitc.compile`, or `jitc compile --emit shared`, has made. A run uses the
    thread that calls it.

    name     the prefix of its symbols; None: the stem of the path
    weights  the file of weights, when they are not in the object
    stop     ends runs when it is set
    """
    full = Path(os.path.abspath(os.fspath(path)))
    options = {
        "name": name or symbol_prefix(full),
        "weights": None if weights is None else os.path.abspath(os.fspath(weights)),
        "stop": stop,
    }
    return CompiledModel(str(full), options)
