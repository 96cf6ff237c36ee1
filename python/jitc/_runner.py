"""What a model that is compiled at load and one that was compiled ahead of time have in common: the calls."""

from __future__ import annotations

import abc
from types import TracebackType
from typing import Any, TypeVar

from jitc._tensors import Array, Result, TensorInfo, match_inputs, match_outputs

Self = TypeVar("Self", bound="Runner")


class Runner(abc.ABC):
    """A model that can be run. Any number of threads may run it at the same time."""

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]

    def run(self, *inputs: Any, out: Any = None, **named: Any) -> Any:
        """Runs the model once.

        Inputs are given in the order of `inputs`, by keyword, or as one mapping from names. A model with one
        output returns its array; one with several returns a dict from names to arrays, in the order of
        `outputs`. A string is returned as bytes.

        Arrays are not copied; their element type must be the input's. Only an array that is not contiguous,
        or of foreign byte order, is. Python's own numbers and lists become arrays of the input's type.

        `out` is memory for the results: an array, a sequence of arrays, or a mapping from names. What it does
        not name is returned in new arrays.
        """
        values = self._run(match_inputs(self.inputs, inputs, named), match_outputs(self.outputs, out))
        if len(values) == 1:
            return values[0]
        return {info.name: value for info, value in zip(self.outputs, values)}

    __call__ = run

    def run_dict(self, *inputs: Any, out: Any = None, **named: Any) -> dict[str, Result]:
        """As `run`, but returns a dict however many outputs there are."""
        values = self._run(match_inputs(self.inputs, inputs, named), match_outputs(self.outputs, out))
        return {info.name: value for info, value in zip(self.outputs, values)}

    @abc.abstractmethod
    def _run(self, inputs: list[Array], out: list[Array | None]) -> list[Result]: ...

    @property
    @abc.abstractmethod
    def closed(self) -> bool:
        """Whether `close` was called."""

    @abc.abstractmethod
    def close(self) -> None:
        """Gives the model's memory back. Runs that are under way in other threads end as they would."""

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _describe(self, what: str) -> str:
        takes = ", ".join(map(str, self.inputs))
        gives = ", ".join(map(str, self.outputs))
        return f"<jitc.{type(self).__name__} {what}: {takes} -> {gives}>"
