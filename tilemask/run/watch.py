"""How long a tile may take, what a task has in hand, and the end of a process that hangs.

A function that never returns cannot be asked to stop, and one that holds the interpreter's lock lets nobody ask. So a
worker process is ended by the timer of `faulthandler`, a thread of C that needs no lock: it writes where the function
is and exits, and the scheduler gives the task to another worker. A thread of this process cannot be ended; who waits
for it looks at what it has in hand, and goes on without it.
"""

from __future__ import annotations

import faulthandler
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from threading import Lock
from typing import TYPE_CHECKING

from tilemask.errors import InputError

if TYPE_CHECKING:
    from tilemask.run.kernel import KernelError
    from tilemask.run.task import TaskResult

FIRST_SECONDS = 3600.0
"""For tiles that begin before any of their pass is done: nothing tells how long they take."""
LEAST_SECONDS = 600.0
MEDIANS = 30
SAMPLE = 255
"""Tasks whose time is remembered."""


class TileLimit:
    """Seconds that a tile may take: what was asked for, or by the median of the last tiles of its pass.

    Parameters
    ----------
    seconds : float, optional
        What was asked for; `math.inf` for no limit.
    """

    def __init__(self, seconds: float | None = None) -> None:
        if seconds is not None and (not isinstance(seconds, int | float) or not seconds > 0):
            raise InputError(f"tile_seconds= takes a number of seconds above 0, as in 3600; found {seconds!r}.")
        self._asked = seconds
        self._took: deque[float] = deque(maxlen=SAMPLE)

    @property
    def seconds(self) -> float:
        if self._asked is not None:
            return self._asked
        return max(LEAST_SECONDS, MEDIANS * median(self._took)) if self._took else FIRST_SECONDS

    def restart(self) -> None:
        """A new pass has tiles of its own."""
        self._took.clear()

    def learn(self, result: TaskResult) -> None:
        if result.tiles:
            self._took.append(result.seconds / len(result.tiles))


class Hand:
    """What a task has in hand; the thread of the task writes it, and who waits for the task reads it.

    Parameters
    ----------
    changed : callable
        Called when the clock starts or stops.
    """

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self.position: int | None = None
        self.since: float | None = None
        """When the clock started, of `time.monotonic`; None while nothing is timed."""
        self.call: KernelError | None = None
        """The call that has not returned, as if it had failed."""
        self.given_up = False
        """Whether nobody waits for the task any more, so that it must not write."""
        self.saves: Callable[[KernelError], Callable[[], None]] | None = None
        """Saves a call before it is made; gives what forgets it again."""
        self._changed = changed

    def take(self, position: int) -> None:
        """Begin with a tile."""
        self.position = position
        self.restart()

    def put_down(self) -> None:
        """The tile is done, or has failed."""
        self.position = self.since = None
        self._changed()

    def restart(self) -> None:
        """Start the clock."""
        self.since = time.monotonic()
        self._changed()

    @contextmanager
    def untimed(self) -> Iterator[None]:
        """Stop the clock for the block."""
        timed, self.since = self.since is not None, None
        self._changed()
        try:
            yield
        finally:
            if timed:
                self.restart()

    @contextmanager
    def calling(self, call: KernelError) -> Iterator[None]:
        """Remember a call for the block."""
        self.call, forget = call, None
        if self.saves is not None:
            with self.untimed():
                forget = self.saves(call)
        try:
            yield
        finally:
            self.call = None
            if forget is not None:
                forget()


class Watchdog:
    """Ends this process when a tile takes too long; its tasks share the one timer there is."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._watched: dict[Hand, tuple[float, int]] = {}

    @contextmanager
    def watching(self, seconds: float, descriptor: int) -> Iterator[Hand]:
        """The hand of a task whose tiles may take this long; where it hangs is written to the open file."""
        hand = Hand(self._arm)
        with self._lock:
            self._watched[hand] = seconds, descriptor
        try:
            yield hand
        finally:
            with self._lock:
                del self._watched[hand]
            self._arm()

    def _arm(self) -> None:
        with self._lock:
            started = [(hand.since, *limit) for hand, limit in self._watched.items()]
            due = [(since + seconds, descriptor) for since, seconds, descriptor in started if since is not None]
            if due and (end := min(due))[0] < float("inf"):
                left = max(end[0] - time.monotonic(), 0.001)
                faulthandler.dump_traceback_later(left, exit=True, file=end[1])
            else:
                faulthandler.cancel_dump_traceback_later()


WATCHDOG = Watchdog()
"""Of this process."""
