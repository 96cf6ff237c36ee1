"""jitc.load: a model that is compiled in this process."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO, Union

import numpy as np

from jitc import _library
from jitc._library import Tensor, library, text
from jitc._runner import Runner
from jitc._shared import once_per_process
from jitc._tensors import STRING, UINT8, Array, Result, copy_out, info_of
from jitc.errors import InvalidInput, InvalidModel, UsageError, _of_status

Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, BinaryIO]


class _Options:
    """jitc_options with the memory that it points to."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.c = c = _library.Options()
        self.keep: list[Any] = []
        c.size = ctypes.sizeof(c)
        c.threads = given["threads"]
        c.cpu = given["cpu"].encode() if given["cpu"] is not None else None
        c.inputs, c.ninputs = self._names("inputs", given["inputs"])
        c.outputs, c.noutputs = self._names("outputs", given["outputs"])
        c.shapes, c.nshapes = self._shapes(given["shapes"] or {})
        c.sets, c.nsets = self._sets(given["set"] or {})
        c.max_memory = given["max_memory"]
        deadline = given["deadline"]
        c.deadline_ms = 0 if deadline is None else max(1, round(deadline * 1000))
        if given["log"] is not None:
            say = given["log"]
            c.log = _library.Log(lambda _, line: say(text(line)))
            self.keep.append(c.log)

    def _names(self, what: str, names: Sequence[str] | None) -> tuple[Any, int]:
        if names is None:
            return None, 0
        if isinstance(names, str):
            raise TypeError(f"{what}: a list of names, not one string")
        array = (ctypes.c_char_p * len(names))(*(name.encode() for name in names))
        self.keep.append(array)
        return array, len(names)

    def _shapes(self, shapes: Mapping[str, Sequence[int | None]]) -> tuple[Any, int]:
        array = (_library.Shape * len(shapes))()
        for row, (name, shape) in zip(array, shapes.items()):
            if len(shape) > _library.MAX_RANK:
                raise ValueError(f"shapes: '{name}' has more than {_library.MAX_RANK} dimensions")
            row.name = name.encode()
            row.rank = len(shape)
            row.dim[: len(shape)] = [-1 if n is None else n for n in shape]
        self.keep.append(array)
        return array, len(shapes)

    def _sets(self, values: Mapping[str, float]) -> tuple[Any, int]:
        array = (_library.Set * len(values))()
        for row, (name, value) in zip(array, values.items()):
            row.name = name.encode()
            row.value = float(value)
        self.keep.append(array)
        return array, len(values)


class _Exec:
    """A jitc_exec with the structs that describe its tensors. One thread at a time uses it."""

    def __init__(self, program: _Program) -> None:
        self.handle = ctypes.c_void_p()
        status = library().exec_new(program.handle, ctypes.byref(self.handle))
        if status:
            raise _of_status(status, "the model cannot be prepared for a run", InvalidInput)
        self.tensor = Tensor()
        self.ref = ctypes.byref(self.tensor)

    def bind(self, name: bytes, number: int, array: Array) -> None:
        t = self.tensor
        if array.ndim > _library.MAX_RANK:
            raise InvalidInput(f"'{text(name)}' has {array.ndim} dimensions, {_library.MAX_RANK} is the most")
        t.dtype = UINT8 if number == STRING else number
        t.rank = array.ndim
        for i, n in enumerate(array.shape):
            t.shape[i] = n
        t.data = array.ctypes.data
        self.check(library().exec_bind(self.handle, name, self.ref))

    def unbind(self, name: bytes) -> None:
        self.check(library().exec_bind(self.handle, name, None))

    def check(self, status: int) -> None:
        if status:
            raise _of_status(status, text(library().exec_error(self.handle)), InvalidInput)

    def output(self, i: int) -> tuple[int | None, tuple[int, ...]]:
        """Where output i is, and its shape."""
        t = self.tensor
        self.check(library().exec_output(self.handle, i, self.ref))
        return t.data, tuple(t.shape[: t.rank])


class _Program:
    """A jitc_program, and execs that no thread uses at the moment. There is no lock: a list's pop and append
    are one step each, and a child after fork() finds nothing held by a thread that it does not have."""

    def __init__(self, handle: ctypes.c_void_p, keep: Any) -> None:
        self.handle = handle
        self.keep = keep  # what the library reads as long as the program lives
        self.idle: list[_Exec] = []
        self.closed = False

    def take(self) -> _Exec:
        try:
            return self.idle.pop()
        except IndexError:
            return _Exec(self)

    def give(self, exec_: _Exec) -> None:
        self.idle.append(exec_)
        if self.closed:
            self.drain()

    def drain(self) -> None:
        while True:
            try:
                library().exec_free(self.idle.pop().handle)
            except IndexError:
                return

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            library().program_free(self.handle)
        self.drain()


class Model(Runner):
    """A model that `jitc.load` has read. It is compiled for the CPU at hand: when it is loaded where all
    shapes are known, else at the first run with new shapes."""

    def __init__(self, source: Source, options: dict[str, Any]) -> None:
        lib = library()
        self._options = options
        self._source, self._name = _take_source(source)
        c = _Options(options)
        handle, error = ctypes.c_void_p(), ctypes.c_void_p()
        results = ctypes.byref(c.c), ctypes.byref(handle), ctypes.byref(error)
        keep: Any = c
        if isinstance(self._source, str):
            status = lib.program_load(os.fsencode(self._source), *results)
        else:
            data = np.frombuffer(self._source, np.uint8)
            keep = (c, data)
            status = lib.program_load_memory(data.ctypes.data, data.nbytes, *results)
        if status:
            lines = text(lib.error_text(error))
            lib.error_free(error)
            raise _of_status(status, lines, InvalidModel)
        self._program = _Program(handle, keep)
        self._finalizer = weakref.finalize(self, self._program.close)
        self._finalizer.atexit = False  # other threads may still run it then
        n, m = lib.program_input_count(handle), lib.program_output_count(handle)
        self.inputs = tuple(info_of(lib.program_input(handle, i).contents) for i in range(n))
        self.outputs = tuple(info_of(lib.program_output(handle, i).contents) for i in range(m))
        self._in = [(info.name.encode(), info.number) for info in self.inputs]
        self._out = [info.name.encode() for info in self.outputs]
        self._known = [None if info.number == STRING else info.known_shape for info in self.outputs]

    def _run(self, inputs: list[Array], out: list[Array | None]) -> list[Result]:
        if self._program.closed:
            raise UsageError("the model is closed")
        exec_ = self._program.take()
        try:
            for (name, number), array in zip(self._in, inputs):
                exec_.bind(name, number, array)
            memory: list[Array | None] = []
            for name, info, shape, given in zip(self._out, self.outputs, self._known, out):
                room = np.empty(shape, info.dtype) if given is None and shape is not None else given
                memory.append(room)
                if room is None:
                    exec_.unbind(name)
                else:
                    exec_.bind(name, info.number, room)
            exec_.check(library().exec_run(exec_.handle))
            return [self._take_output(exec_, i, array) for i, array in enumerate(memory)]
        finally:
            self._program.give(exec_)

    def _take_output(self, exec_: _Exec, i: int, array: Array | None) -> Result:
        address, shape = exec_.output(i)
        if array is None:
            return copy_out(self.outputs[i], address, shape)
        if shape != array.shape:
            raise InvalidInput(
                f"out: memory for '{self.outputs[i].name}' has the shape {array.shape}, the result is {shape}"
            )
        return array

    @property
    def closed(self) -> bool:
        return self._program.closed

    def close(self) -> None:
        self._finalizer()

    def __repr__(self) -> str:
        return self._describe(self._name)

    def __reduce__(self) -> tuple[Any, ...]:
        if isinstance(self._source, str):
            return once_per_process, (Model, self._source, self._options)
        return Model, (bytes(self._source), self._options)


def _take_source(source: Source) -> tuple[str | bytes | bytearray | memoryview, str]:
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


def load(
    source: Source,
    *,
    threads: int = 1,
    cpu: str | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    shapes: Mapping[str, Sequence[int | None]] | None = None,
    set: Mapping[str, float] | None = None,
    max_memory: int = 0,
    deadline: float | None = None,
    log: Callable[[str], None] | None = None,
) -> Model:
    """Loads a frozen TensorFlow graph: a path, its bytes, or a file opened in binary mode.

    threads     threads per run, the caller's included; 0: all that the process may use
    cpu         "native" (None), "x86-64", "x86-64-v2", "-v3", "-v4", or LLVM's name of a CPU
    inputs      tensors to cut the graph at; None: its placeholders
    outputs     tensors wanted; None: every output of every sink
    shapes      fixes open dimensions of inputs; None or -1 in a shape leaves one open
    set         values of scalar placeholders, which then are no inputs
    max_memory  bytes for compiling; 0: no limit
    deadline    seconds for compiling; None: no limit
    log         called with lines of text about what is being done
    """
    return Model(
        source,
        {
            "threads": threads,
            "cpu": cpu,
            "inputs": inputs if inputs is None or isinstance(inputs, str) else list(inputs),
            "outputs": outputs if outputs is None or isinstance(outputs, str) else list(outputs),
            "shapes": None if shapes is None else {k: tuple(v) for k, v in shapes.items()},
            "set": None if set is None else dict(set),
            "max_memory": max_memory,
            "deadline": deadline,
            "log": log,
        },
    )
