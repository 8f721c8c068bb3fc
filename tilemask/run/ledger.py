"""What a run remembers: which tiles are done, what the surveys have gathered, which passes are finished.

This file has the interface and the ledger of a computation that ends in memory; `journal.py` has the durable one.
"""

from __future__ import annotations

from typing import Any, Protocol

from tilemask.planning import Pass
from tilemask.run.task import Failure, TaskResult


class Ledger(Protocol):
    """Kept by the coordinator alone."""

    durable: bool
    """Whether another run can go on from it."""

    def finished(self, current: Pass) -> list[Any] | None:
        """The combined parts of the surveys, where the whole pass is done (None for one with records); else None."""

    def mending(self, current: Pass) -> bytearray | None:
        """One byte per tile (1 = done, but what it stored or kept is gone); None where nothing is."""

    def begun(self, current: Pass) -> tuple[bytearray, list[Any] | None]:
        """One byte per tile (1 = done) and the combined parts of the surveys over exactly those tiles."""

    def record(self, current: Pass, result: TaskResult) -> None:
        """Tiles whose data are stored."""

    def gathered(self, current: Pass, done: bytearray, parts: list[Any] | None) -> None:
        """The surveys' state over the tiles done; may be saved now or later."""

    def interrupted(self, current: Pass, done: bytearray, parts: list[Any] | None) -> None:
        """The pass stops before its end: save the state now."""

    def failed(self, current: Pass, failures: list[Failure]) -> None:
        """Tiles that could not be done."""

    def finish(self, current: Pass, parts: list[Any]) -> None:
        """The pass is done, with these parts of its surveys."""


class NoLedger:
    """Remembers nothing: the result is in memory, there is nothing to resume."""

    durable = False

    def finished(self, current: Pass) -> list[Any] | None:
        return None

    def mending(self, current: Pass) -> bytearray | None:
        return None

    def begun(self, current: Pass) -> tuple[bytearray, list[Any] | None]:
        return bytearray(len(current.grid)), None

    def record(self, current: Pass, result: TaskResult) -> None: ...
    def gathered(self, current: Pass, done: bytearray, parts: list[Any] | None) -> None: ...
    def interrupted(self, current: Pass, done: bytearray, parts: list[Any] | None) -> None: ...
    def failed(self, current: Pass, failures: list[Failure]) -> None: ...
    def finish(self, current: Pass, parts: list[Any]) -> None: ...
