"""Certify and grow: run a kernel whose reach depends on the pixels.

The kernel says which boxes of what was asked its window does not prove; those boxes alone are asked again, each with a
larger window, until all is proven. A window may be far larger than a tile, so one tile of a process grows at a time,
with what memory the plan has left; where that is not enough, the operation's own method in bounded memory is taken, or
the run fails with the name of what reaches so far. A result is never taken unproven. What grows is a kernel of ours
and not timed: a window may take a thousand times what a tile takes.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.image import Unproven, Window
from tilemask.planning.figures import human_bytes
from tilemask.run.kernel import Call, KernelError

_GROWING = RLock()

Read = Callable[[Box], list[NDArray[Any]]]


def run_growing(call: Call, box: Box, arrays: list[NDArray[Any]], read: Read, limit: float) -> NDArray[Any]:
    """The pixels of `box`, all proven.

    Parameters
    ----------
    call : Call
    box : Box
        What is asked.
    arrays : list of ndarray
        The inputs, on the first window.
    read : callable
        Gives the inputs on a box.
    limit : float
        Bytes that a window may take.
    """
    shape = call.image.spatial_shape
    window = Window(call.step.request(box, call.step.images[0]), box, shape)
    result, pending = _ask(call, arrays, window)
    del arrays
    if not pending:
        return result
    result = np.array(result)
    first = max(map(max, call.step.reach))
    waiting = [(u, first) for u in pending]
    while waiting:
        unproven, reach = waiting.pop()
        reach = max(unproven.reach, 2 * reach, 1)
        larger = unproven.box.grow(((reach, reach),) * box.ndim).clip(shape)
        part, rest = _grown(call, Window(larger, unproven.box, shape), unproven, read, limit)
        result[unproven.box.within(box)] = part
        waiting += [(u, reach) for u in rest]
    return result


def _grown(
    call: Call, window: Window, unproven: Unproven, read: Read, limit: float
) -> tuple[NDArray[Any], list[Unproven]]:
    """One more window; the first of a tile is in the plan's bill, those after it take turns."""
    growth = call.step.growth
    assert growth is not None
    needs = window.box.size * (growth.pixel_bytes + sum(i.pixel_bytes for i in call.step.images))
    with call.hand.untimed(), _GROWING:  # waits for its turn, and may see the whole image
        if needs <= limit:
            return _ask(call, read(window.box), window)
        if growth.beyond is not None:
            return call.beyond(read, window), []
    extent = " × ".join(map(str, window.box.shape))
    raise KernelError(
        f"{call.step.name}: {unproven.what} reaches beyond its window, and one of {extent} pixels needs "
        f"{human_bytes(int(needs))} at once; {human_bytes(int(limit))} are left for that. Give a larger memory= "
        f"(--memory), or a machine that has it. {unproven.advice}".rstrip(),
        call.step.function,
        None,
        [],
        call.arguments,
    )


def _ask(call: Call, arrays: list[NDArray[Any]], window: Window) -> tuple[NDArray[Any], list[Unproven]]:
    result, unproven = call.proven(arrays, window)
    if unproven and window.box.shape == window.shape:
        raise KernelError(
            f"{call.step.name} must prove every pixel where it sees the whole image; it left {unproven[0].box}",
            call.step.function,
            None,
            arrays,
            call.arguments,
        )
    return result, unproven
