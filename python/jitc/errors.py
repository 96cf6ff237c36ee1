"""The exceptions. Each status of the C API has its own, which is also one of Python's own where one fits."""

from __future__ import annotations

__all__ = [
    "Cancelled",
    "CpuError",
    "DeadlineExceeded",
    "Error",
    "FileError",
    "InternalError",
    "InvalidInput",
    "InvalidModel",
    "OutOfMemory",
    "UsageError",
]


class Error(Exception):
    """What all errors of jitc are. Its text has every problem that was found, one per line."""


class InvalidModel(Error, ValueError):
    """The model cannot be compiled; the text names every node that stands in the way."""


class InvalidInput(Error, ValueError):
    """The data cannot be used: a shape that does not fit, an index out of range."""


class UsageError(Error, ValueError):
    """The call is wrong: an unknown tensor, memory that is too small."""


class InternalError(Error, RuntimeError):
    """A defect of jitc."""


class OutOfMemory(Error, MemoryError):
    """Out of memory, or over `max_memory`."""


class FileError(Error, OSError):
    """A file cannot be read or written."""


class DeadlineExceeded(Error, TimeoutError):
    """The deadline has passed."""


class Cancelled(Error):
    """A `Stop` was set."""


class CpuError(Error, RuntimeError):
    """This CPU, or this build of jitc, cannot run what is asked for."""


_BY_STATUS: dict[int, type[Error]] = {
    2: UsageError,
    3: InternalError,
    4: OutOfMemory,
    5: FileError,
    6: DeadlineExceeded,
    7: CpuError,
    8: Cancelled,
}


def _of_status(status: int, text: str, invalid: type[Error]) -> Error:
    """The exception of a jitc_status; `invalid` is what JITC_E_INVALID means here."""
    kind = invalid if status == 1 else _BY_STATUS.get(status, Error)
    return kind(text or f"status {status}")
