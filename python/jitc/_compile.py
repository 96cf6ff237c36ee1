"""jitc.compile: a model as an object file, or as a shared object that `load_compiled` opens."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jitc import _library
from jitc._library import library
from jitc._model import Program, check
from jitc._options import Shapes, Source, Stop, take_source
from jitc.errors import FileError

_EMIT = {".o": 0, ".so": 0, ".s": 1, ".ll": 2}


def symbol_prefix(path: Path) -> str:
    """ "out/my-net.v2.so" gives "my_net_v2", as the command line tool has it."""
    name = re.sub(r"\W", "_", path.stem, flags=re.ASCII)
    return f"_{name}" if name[:1].isdigit() else name


class Object:
    """A jitc_object, copied."""

    def __init__(self, program: Program, options: _library.AotOptions) -> None:
        lib = library()
        handle, error, size = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        results = ctypes.byref(handle), ctypes.byref(error)
        check(lib.aot_compile(program.handle, ctypes.byref(options), *results), error)
        try:
            self.data = ctypes.string_at(lib.object_data(handle, ctypes.byref(size)), size.value)
            self.header = lib.object_header(handle) or b""
            weights = lib.object_weights(handle, ctypes.byref(size))
            self.weights = ctypes.string_at(weights, size.value) if weights else b""
        finally:
            lib.object_free(handle)


def _link(data: bytes, cc: str | None) -> bytes:
    """A shared object, by the system's C compiler."""
    command = cc or os.environ.get("CC") or "cc"
    with tempfile.TemporaryDirectory() as folder:
        object_, shared = Path(folder, "model.o"), Path(folder, "model.so")
        object_.write_bytes(data)
        line = [*shlex.split(command), "-shared", "-o", str(shared), str(object_)]
        try:
            done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        except OSError as error:
            raise FileError(
                f"a shared object is linked by a C compiler, and '{command}' cannot be started ({error}): "
                "install one, or name it with cc= or the environment's CC"
            ) from error
        if done.returncode:
            raise FileError(f"'{command}' cannot link: {done.stderr.strip()}")
        return shared.read_bytes()


def _write(files: Mapping[Path, bytes]) -> None:
    """All files or none of them, each in one step: a process may have the old one in use."""
    made: list[tuple[Path, Path]] = []
    try:
        for path, data in files.items():
            handle, unfinished = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            made.append((Path(unfinished), path))
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(unfinished, 0o666 & ~mask)
        for unfinished_path, path in made:
            os.replace(unfinished_path, path)
    except OSError as error:
        raise FileError(str(error)) from error
    finally:
        for unfinished_path, _ in made:
            unfinished_path.unlink(missing_ok=True)


def compile(
    source: Source,
    output: str | os.PathLike[str],
    *,
    header: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    name: str | None = None,
    cpu: str | None = None,
    target: str | None = None,
    cc: str | None = None,
    inputs: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    shapes: Shapes | None = None,
    set: Mapping[str, float] | None = None,
    precise: bool = False,
    tuning: str | os.PathLike[str] | None = None,
    layout: str | None = None,
    max_memory: int = 0,
    deadline: float | None = None,
    stop: Stop | None = None,
    log: Callable[[str], None] | None = None,
) -> Path:
    """Compiles a model ahead of time, and returns the path of what it wrote. The ending of `output` says what
    that is: .so, a shared object for `load_compiled`; .o, an object file for C programs; .s or .ll, text.

    header   where the C header goes
    weights  where the weights go; None: into the object
    name     the prefix of all symbols; None: the stem of `output`
    cpu      "x86-64", "x86-64-v2", "-v3" or "-v4": code for that level alone. None: for v1, v3 and v4, and
             the code chooses when it runs
    target   the system that it is for, as "x86_64-linux"; None: this one
    cc       what links a shared object; None: $CC, or cc

    The other options are those of `load`.
    """
    path = Path(os.path.abspath(os.fspath(output)))
    if path.suffix not in _EMIT:
        raise ValueError(f"the ending of '{path.name}' is none of {', '.join(_EMIT)}")
    given: dict[str, Any] = {
        "inputs": inputs,
        "outputs": outputs,
        "shapes": shapes,
        "set": set,
        "precise": precise,
        "tuning": tuning,
        "layout": layout,
        "max_memory": max_memory,
        "deadline": deadline,
        "stop": stop,
        "log": log,
        "lazy": True,
    }
    program = Program(take_source(source)[0], given)
    try:
        options = _library.AotOptions(emit=_EMIT[path.suffix], weights_outside=weights is not None)
        options.size = ctypes.sizeof(options)
        options.name = (name or symbol_prefix(path)).encode()
        options.cpu = None if cpu is None else cpu.encode()
        options.target = None if target is None else target.encode()
        made = Object(program, options)
    finally:
        program.close()
    files = {path: _link(made.data, cc) if path.suffix == ".so" else made.data}
    if header is not None:
        files[Path(os.path.abspath(os.fspath(header)))] = made.header
    if weights is not None:
        files[Path(os.path.abspath(os.fspath(weights)))] = made.weights
    _write(files)
    return path
