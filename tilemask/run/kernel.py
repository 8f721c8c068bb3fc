"""Call one kernel: inputs read-only, result checked, failure kept with what is needed to repeat it alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Image, Step, Unproven, Window
from tilemask.run.watch import Hand


class KernelError(Exception):
    """A kernel raised, or broke its contract; carries what is needed to repeat it alone."""

    def __init__(
        self,
        reason: str,
        function: Callable[..., Any],
        wanted: tuple[tuple[int, ...], np.dtype[Any]] | None,
        arrays: Sequence[NDArray[Any]],
        arguments: Mapping[str, Any],
    ) -> None:
        super().__init__(reason)
        self.function = function
        self.wanted = wanted
        self.arrays = arrays
        self.arguments = arguments


@dataclass(frozen=True)
class Call:
    """A kernel with its arguments, to be run on the arrays of a box."""

    image: Image
    step: Step
    arguments: Mapping[str, Any]
    user_seconds: dict[str, list[float]]
    hand: Hand

    def __call__(self, arrays: Sequence[NDArray[Any]], box: Box) -> NDArray[Any]:
        """The result, which must have the shape of `box`."""
        wanted, inputs = self.wanted(box), [_read_only(a) for a in arrays]
        arguments = {**self.arguments, "origin": np.array(box.start)} if self.step.places else self.arguments
        result = self._run(self.step.function, inputs, arguments, wanted)
        if breach := breach_of(self.step.name, result, *wanted):
            raise KernelError(breach, self.step.function, wanted, inputs, arguments)
        return result

    def proven(self, arrays: Sequence[NDArray[Any]], window: Window) -> tuple[NDArray[Any], list[Unproven]]:
        """The result on the core of a window, and what of it is not proven."""
        wanted, inputs = self.wanted(window.core), [_read_only(a) for a in arrays]
        arguments = {n: a for n, a in self.arguments.items() if n != "records"} | {"window": window}
        result, unproven = self._run(self.step.function, inputs, arguments, wanted)
        if breach := breach_of(self.step.name, result, *wanted):
            raise KernelError(breach, self.step.function, wanted, inputs, arguments)
        return result, unproven

    def beyond(self, read: Callable[[Box], list[NDArray[Any]]], window: Window) -> NDArray[Any]:
        """The result on the core of a window that does not fit in memory."""
        assert self.step.growth is not None
        assert self.step.growth.beyond is not None
        wanted = self.wanted(window.core)
        result = self._run(self.step.growth.beyond, [read, window], self.arguments, wanted)
        if breach := breach_of(self.step.name, result, *wanted):
            raise KernelError(breach, self.step.growth.beyond, wanted, [], self.arguments)
        return result

    def wanted(self, box: Box) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and dtype of the result on a box."""
        return box.shape + self.image.shape[box.ndim :], self.image.dtype

    def _run(
        self,
        function: Callable[..., Any],
        inputs: Sequence[Any],
        arguments: Mapping[str, Any],
        wanted: tuple[tuple[int, ...], np.dtype[Any]],
    ) -> Any:
        arrays = [i for i in inputs if isinstance(i, np.ndarray)]
        wall, processor = time.perf_counter(), time.thread_time()
        try:
            with self.hand.calling(KernelError(self.step.name, function, wanted, arrays, arguments)):
                result = function(*inputs, **arguments)
        except Exception as error:
            reason = f"{self.step.name} raised {type(error).__name__}: {error}"
            if self.step.user and "read-only" in str(error):
                reason += " (a function must not change its inputs: copy first)"
            raise KernelError(reason, function, wanted, arrays, arguments) from error
        if self.step.user:
            seconds = self.user_seconds.setdefault(self.step.name, [0.0, 0.0])
            seconds[0] += time.perf_counter() - wall
            seconds[1] += time.thread_time() - processor
        return result


def breach_of(name: str, result: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str | None:
    """What is wrong with the result of a kernel, in words; None where it is as declared."""
    if not isinstance(result, np.ndarray):
        found = type(result).__name__
    elif result.shape != shape or result.dtype != dtype:
        found = f"an array of shape {result.shape}, dtype {result.dtype}"
    else:
        return None
    return f"{name} must return an array of shape {shape}, dtype {dtype}; it returned {found}"


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
