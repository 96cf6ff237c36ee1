"""jitc.load: a model that is compiled in this process."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from jitc import _library
from jitc._library import Io, Tensor, library, text
from jitc._locks import Lock
from jitc._options import Options, Shapes, Source, Stop, shape_rows, stop_address, take_source
from jitc._runner import Runner
from jitc._shared import once_per_process
from jitc._tensors import STRING, UINT8, Array, Result, copy_out, info_of
from jitc.errors import InvalidInput, InvalidModel, UsageError, _of_status

# Held while an exec is made and while a program is freed, so that neither meets the other.
_life = Lock()


class Exec:
    """A jitc_exec with the structs that describe its tensors. One thread at a time uses it."""

    def __init__(self, program: Program) -> None:
        self.handle = ctypes.c_void_p()
        with _life:
            program.check_open()
            status = library().exec_new(program.handle, ctypes.byref(self.handle))
        if status:
            raise _of_status(status, "the model cannot be prepared for a run", InvalidInput)
        self.check(library().exec_set_stop(self.handle, stop_address(program.options.stop)))
        self.tensor, self.io = Tensor(), Io()
        self.tensor_ref, self.io_ref = ctypes.byref(self.tensor), ctypes.byref(self.io)
        self.sizes: tuple[tuple[int, ...], ...] | None = None  # of the inputs that were bound last,
        self.ahead: list[tuple[int, ...] | None] = []  # and of the outputs then

    def bind(self, name: bytes, number: int, array: Array) -> None:
        t = self.tensor
        if array.ndim > _library.MAX_RANK:
            raise InvalidInput(f"'{text(name)}' has {array.ndim} dimensions, {_library.MAX_RANK} is the most")
        t.dtype = UINT8 if number == STRING else number
        t.rank = array.ndim
        for i, n in enumerate(array.shape):
            t.shape[i] = n
        t.data = array.ctypes.data
        self.check(library().exec_bind(self.handle, name, self.tensor_ref))

    def unbind(self, name: bytes) -> None:
        self.check(library().exec_bind(self.handle, name, None))

    def run(self) -> None:
        self.check(library().exec_run(self.handle))

    def check(self, status: int) -> None:
        if status:
            raise _of_status(status, text(library().exec_error(self.handle)), InvalidInput)

    def shape_ahead(self, i: int) -> tuple[int, ...] | None:
        """The shape that output i will have; None: only the run tells."""
        self.check(library().exec_output_shape(self.handle, i, self.io_ref))
        shape = tuple(self.io.shape[: max(self.io.rank, 0)])
        return None if self.io.rank < 0 or min(shape, default=0) < 0 else shape

    def output(self, i: int) -> tuple[int | None, tuple[int, ...]]:
        """Where output i is, and its shape."""
        t = self.tensor
        self.check(library().exec_output(self.handle, i, self.tensor_ref))
        return t.data, tuple(t.shape[: t.rank])


class Program:
    """A jitc_program, and execs that no thread uses at the moment. A list's pop and append are one step each:
    threads that run the model need no lock."""

    def __init__(self, source: str | bytes | bytearray | memoryview, options: Mapping[str, Any]) -> None:
        self.options = Options(options)
        self.data: Array | None = None  # what the library reads as long as the program lives
        self.handle = ctypes.c_void_p()
        self.idle: list[Exec] = []
        self.closed = False
        error = ctypes.c_void_p()
        results = ctypes.byref(self.options.c), ctypes.byref(self.handle), ctypes.byref(error)
        if isinstance(source, str):
            status = library().program_load(os.fsencode(source), *results)
        else:
            self.data = np.frombuffer(source, np.uint8)
            status = library().program_load_memory(self.data.ctypes.data, self.data.nbytes, *results)
        check(status, error)

    def take(self) -> Exec:
        self.check_open()
        try:
            return self.idle.pop()
        except IndexError:
            return Exec(self)

    def give(self, exec_: Exec) -> None:
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
        with _life:
            if not self.closed:
                self.closed = True
                library().program_free(self.handle)
        self.drain()

    def check_open(self) -> None:
        if self.closed:
            raise UsageError("the model is closed")


def check(status: int, error: ctypes.c_void_p) -> None:
    """Raises what a function with a jitc_error says."""
    if status:
        lines = text(library().error_text(error))
        library().error_free(error)
        raise _of_status(status, lines, InvalidModel)


class Model(Runner):
    """A model that `jitc.load` has read. It is compiled for the CPU at hand: when it is loaded where all
    shapes are known, else at the first run with new shapes, or by `specialise`."""

    def __init__(self, source: Source, options: dict[str, Any]) -> None:
        self._options = options
        self._source, self._name = take_source(source)
        self._program = Program(self._source, options)
        self._finalizer = weakref.finalize(self, self._program.close)
        self._finalizer.atexit = False  # other threads may still run it then
        lib, handle = library(), self._program.handle
        n, m = lib.program_input_count(handle), lib.program_output_count(handle)
        self.inputs = tuple(info_of(lib.program_input(handle, i).contents) for i in range(n))
        self.outputs = tuple(info_of(lib.program_output(handle, i).contents) for i in range(m))
        self._in = [(info.name.encode(), info.number) for info in self.inputs]
        self._out = [info.name.encode() for info in self.outputs]

    def specialise(self, shapes: Shapes | None = None, **named: Sequence[int]) -> None:
        """Compiles for inputs of these shapes now, so that no run has to: `specialise(images=(1, 8, 8, 1))`,
        or a mapping from names. Inputs whose shape is known need not be named."""
        rows = shape_rows({**(shapes or {}), **named})
        error = ctypes.c_void_p()
        exec_ = self._program.take()  # the program lives as long as it has one
        try:
            handle = self._program.handle
            check(library().program_specialise(handle, rows, len(rows), ctypes.byref(error)), error)
        finally:
            self._program.give(exec_)

    def _run(self, inputs: list[Array], out: list[Array | None]) -> list[Result]:
        exec_ = self._program.take()
        try:
            return self._run_on(exec_, inputs, out)
        finally:
            self._program.give(exec_)

    def _run_on(self, exec_: Exec, inputs: list[Array], out: list[Array | None]) -> list[Result]:
        for name in self._out:
            exec_.unbind(name)
        for (name, number), array in zip(self._in, inputs):
            exec_.bind(name, number, array)
        sizes = tuple(array.shape for array in inputs)
        if sizes != exec_.sizes:
            exec_.ahead = [exec_.shape_ahead(i) for i in range(len(out))]
            exec_.sizes = sizes
        rooms = [self._room(i, exec_.ahead[i]) if given is None else given for i, given in enumerate(out)]
        for name, info, room in zip(self._out, self.outputs, rooms):
            if room is not None:
                exec_.bind(name, info.number, room)
        try:
            exec_.run()
        except UsageError:
            if all(room is given for room, given in zip(rooms, out)):
                raise
            # Sizes that broadcast: a result may be larger than it seemed. So let the exec have the memory.
            rooms = out
            for name, given in zip(self._out, out):
                if given is None:
                    exec_.unbind(name)
            exec_.run()
        return [self._take(exec_, i, room, out[i]) for i, room in enumerate(rooms)]

    def _room(self, i: int, shape: tuple[int, ...] | None) -> Array | None:
        info = self.outputs[i]
        return None if shape is None or info.number == STRING else np.empty(shape, info.dtype)

    def _take(self, exec_: Exec, i: int, room: Array | None, given: Array | None) -> Result:
        address, shape = exec_.output(i)
        if room is not None and room.shape == shape:
            return room
        if given is not None:
            raise InvalidInput(
                f"out: memory for '{self.outputs[i].name}' has the shape {given.shape}, the result is {shape}"
            )
        return copy_out(self.outputs[i], address, shape)

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


def load(
    source: Source,
    *,
    threads: int = 1,
    cpu: str | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    shapes: Shapes | None = None,
    set: Mapping[str, float] | None = None,
    precise: bool = False,
    tuning: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    layout: str | None = None,
    tiered: bool = False,
    max_memory: int = 0,
    deadline: float | None = None,
    stop: Stop | None = None,
    log: Callable[[str], None] | None = None,
) -> Model:
    """Loads a frozen TensorFlow graph: a path, its bytes, or a file opened in binary mode, which is read to
    its end.

    threads     threads per run, the caller's included; 0: all that the process may use
    cpu         "native" (None), "x86-64", "x86-64-v2", "-v3", "-v4", or LLVM's name of a CPU
    inputs      tensors to cut the graph at; None: its placeholders
    outputs     tensors wanted; None: every output of every sink
    shapes      fixes open dimensions of inputs; None or -1 in a shape leaves one open
    set         values of scalar placeholders, which then are no inputs
    precise     no algorithm that rounds more than the plain one, such as Winograd's convolution
    tuning      a file of choices that `jitc tune` has written; None: the one in the user's cache, where
                there is one; "": none
    cache       a folder where code and packed weights are kept for later loads; None: the user's cache; "": none
    layout      how images lie in memory: "nhwc", "nchw" or "blocked" for all that can; None: as costs tell
    tiered      begin with code that is quick to make, until the best is made in the background
    max_memory  bytes for the model and its runs, without LLVM's; 0: no limit
    deadline    seconds for each compile; None: no limit
    stop        ends compiles and runs when it is set
    log         called with lines of text about what is being done
    """
    options = {
        "threads": threads,
        "cpu": cpu,
        "inputs": inputs if isinstance(inputs, str) else inputs and list(inputs),
        "outputs": outputs if isinstance(outputs, str) else outputs and list(outputs),
        "shapes": shapes and {name: tuple(shape) for name, shape in shapes.items()},
        "set": set and dict(set),
        "precise": precise,
        "tuning": None if tuning is None else os.fspath(tuning),
        "cache": None if cache is None else os.fspath(cache),
        "layout": layout,
        "tiered": tiered,
        "max_memory": max_memory,
        "deadline": deadline,
        "stop": stop,
        "log": log,
    }
    return Model(source, {name: value for name, value in options.items() if value is not None})
