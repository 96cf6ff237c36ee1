"""What Python has for tensors: element types, descriptions, and arrays on their way in and out."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import importlib
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from jitc import _library

Array = npt.NDArray[Any]
Result = Union[Array, bytes]  # bytes: a string tensor

STRING, UINT8, BFLOAT16 = 7, 4, 14
_NUMPY: dict[int, Any] = {
    1: np.float32,
    2: np.float64,
    3: np.int32,
    UINT8: np.uint8,
    5: np.int16,
    6: np.int8,
    8: np.complex64,
    9: np.int64,
    10: np.bool_,
    17: np.uint16,
    18: np.complex128,
    19: np.float16,
    22: np.uint32,
    23: np.uint64,
}


@functools.cache
def _bfloat16() -> np.dtype[Any]:
    try:
        kind: Any = importlib.import_module("ml_dtypes").bfloat16
    except ImportError:
        kind = np.uint16
    result: np.dtype[Any] = np.dtype(kind)
    return result


def numpy_dtype(number: int) -> np.dtype[Any]:
    """The NumPy type of a jitc_dtype. Strings are "S"; bfloat16 is uint16 where there is no ml_dtypes."""
    if number == STRING:
        return np.dtype("S")
    if number == BFLOAT16:
        return _bfloat16()
    if number not in _NUMPY:
        raise TypeError(f"element type {number} has no counterpart in NumPy")
    result: np.dtype[Any] = np.dtype(_NUMPY[number])
    return result


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """An input or output: its name, NumPy type, and shape, where None is an open dimension. The shape is None
    when the graph tells not even the number of dimensions."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    number: int = dataclasses.field(repr=False)  # jitc_dtype

    def __str__(self) -> str:
        kind = {STRING: "string", BFLOAT16: "bfloat16"}.get(self.number, self.dtype.name)
        if self.shape is None:
            return f"{self.name}: {kind} of any shape"
        return f"{self.name}: {kind}[{','.join('?' if n is None else str(n) for n in self.shape)}]"

    @property
    def known_shape(self) -> tuple[int, ...] | None:
        """The shape where no dimension is open."""
        shape = tuple(n for n in self.shape or () if n is not None)
        return shape if self.shape is not None and len(shape) == len(self.shape) else None


def info_of(io: Any) -> TensorInfo:
    """Of a jitc_io, or of a row of an object file's tables."""
    shape = None if io.rank < 0 else tuple(None if n < 0 else n for n in io.shape[: io.rank])
    return TensorInfo(_library.text(io.name), numpy_dtype(io.dtype), shape, io.dtype)


def short_name(name: str) -> str:
    """Tensor names are the same with and without ":0"."""
    return name[:-2] if name.endswith(":0") else name


# -- In ----------------------------------------------------------------------------------------------------
def _is_array(value: object) -> bool:
    """Has an element type of its own, which is then held to what the model takes."""
    if isinstance(value, (np.ndarray, np.generic)):
        return True
    if any(hasattr(value, name) for name in ("__array_interface__", "__array_struct__", "__array__")):
        return True
    try:
        memoryview(value)  # type: ignore[arg-type]
    except TypeError:
        return False
    return True


def _string_bytes(info: TensorInfo, value: object) -> Array:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "SO":
        value = value.item()
    if isinstance(value, np.ndarray):
        if value.dtype == np.uint8 and value.ndim == 1:
            return np.ascontiguousarray(value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        return np.frombuffer(value, np.uint8)
    raise TypeError(f"input '{info.name}' is a string: give bytes, str, or a vector of uint8")


def _from_python(info: TensorInfo, value: object) -> Array:
    """Numbers and lists of numbers have no element type of their own: they take the model's, if they fit."""
    array = np.asarray(value)
    want, have = info.dtype, array.dtype.kind
    if info.number == BFLOAT16 and want.kind == "u":
        raise TypeError(f"input '{info.name}' is bfloat16: install ml_dtypes, or give its bits as uint16")
    if have in "iu" and want.kind in "iu":
        limits = np.iinfo(want)
        fits = array.size == 0 or (int(array.min()) >= limits.min and int(array.max()) <= limits.max)
    elif info.number == BFLOAT16:
        fits = have in "biuf"
    else:
        fits = have in "biufc" and (array.size == 0 or np.can_cast(array.dtype, want, "same_kind"))
    if not fits:
        raise TypeError(f"input '{info.name}' takes {want.name}, which {value!r:.60} does not fit into")
    return array.astype(want)


def take_input(info: TensorInfo, value: object) -> Array:
    """The value as an array that the model can read: the value itself unless it has gaps or a foreign byte
    order. Another element type is an error, never a cast."""
    if info.number == STRING:
        return _string_bytes(info, value)
    if type(value) is np.ndarray and value.dtype == info.dtype and value.flags.c_contiguous:
        return value
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"input '{info.name}' is a masked array: fill it first, with x.filled(value)")
    if not _is_array(value):
        return _from_python(info, value)
    array = np.asarray(value)
    if array.dtype != info.dtype:
        if array.dtype.newbyteorder("=") == info.dtype:
            return array.astype(info.dtype, order="C")
        if info.number != BFLOAT16 or array.dtype != np.uint16:
            raise TypeError(
                f"input '{info.name}' takes {info.dtype.name}, this is {array.dtype.name}; "
                f"convert it: x.astype('{info.dtype.name}')"
            )
    return np.asarray(array, order="C")


def match_inputs(
    infos: Sequence[TensorInfo], given: Sequence[object], named: Mapping[str, object]
) -> list[Array]:
    """The arrays of a call, in the order of the inputs: by position, by name, or as one mapping."""
    if len(given) == 1 and isinstance(given[0], Mapping):
        named = {**given[0], **named}
        given = ()
    if len(given) > len(infos):
        raise TypeError(f"{len(given)} tensors are given; {_takes(infos)}")
    values: dict[str, object] = {}
    for info, value in zip(infos, given):
        values[info.name] = value
    names = {info.name for info in infos}
    for name, value in named.items():
        short = short_name(name)
        if short not in names:
            raise TypeError(f"there is no input '{name}'; {_takes(infos)}")
        if short in values:
            raise TypeError(f"input '{name}' is given twice")
        values[short] = value
    missing = [info.name for info in infos if info.name not in values]
    if missing:
        raise TypeError(f"input '{missing[0]}' is missing; {_takes(infos)}")
    return [take_input(info, values[info.name]) for info in infos]


def _takes(infos: Sequence[TensorInfo]) -> str:
    return "the model takes " + (", ".join(str(info) for info in infos) if infos else "no inputs")


# -- Out ---------------------------------------------------------------------------------------------------
def match_outputs(infos: Sequence[TensorInfo], out: object) -> list[Array | None]:
    """The caller's memory for outputs: one array, a sequence in their order (with None), or a mapping."""
    if out is None:
        return [None] * len(infos)
    if isinstance(out, Mapping):
        values = {short_name(name): value for name, value in out.items()}
        for name in values.keys() - {info.name for info in infos}:
            raise TypeError(f"out: there is no output '{name}'")
        given = [values.get(info.name) for info in infos]
    elif isinstance(out, np.ndarray):
        given = [out]
    elif isinstance(out, Sequence):
        given = list(out)
    else:
        raise TypeError("out: an array, a sequence of arrays, or a mapping from names to arrays")
    if len(given) != len(infos):
        raise TypeError(f"out: {len(given)} arrays for {len(infos)} outputs")
    return [_take_output(info, value) for info, value in zip(infos, given)]


def _take_output(info: TensorInfo, value: object) -> Array | None:
    if value is None:
        return None
    where = f"out: memory for '{info.name}'"
    if info.number == STRING:
        raise TypeError(f"{where}: strings are returned as bytes")
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{where} is no NumPy array")
    if value.dtype != info.dtype and not (info.number == BFLOAT16 and value.dtype == np.uint16):
        raise TypeError(f"{where} is {value.dtype.name}, the model gives {info.dtype.name}")
    if not value.flags.c_contiguous or not value.flags.writeable:
        raise ValueError(f"{where} is not contiguous or not writeable")
    shape = info.shape
    if shape is not None and not (
        len(shape) == value.ndim and all(n is None or n == m for n, m in zip(shape, value.shape))
    ):
        raise ValueError(f"{where} has the shape {value.shape}, the model gives {info}")
    return value


def copy_out(info: TensorInfo, address: int | None, shape: tuple[int, ...]) -> Result:
    """A tensor of the library's own memory."""
    if info.number == STRING:
        size = int(np.prod(shape, dtype=np.int64))
        return ctypes.string_at(address, size) if address and size else b""
    array = np.empty(shape, info.dtype)
    if array.nbytes:
        ctypes.memmove(array.ctypes.data, address or 0, array.nbytes)
    return array
