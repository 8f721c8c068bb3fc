"""Progress of a pass: a bar in a terminal, a plain line now and then elsewhere, nothing on request."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from tilemask.planning import Pass
from tilemask.planning.figures import human_seconds
from tilemask.planning.plan import describe

LINE_EVERY_SECONDS = 10.0


class Progress(Protocol):
    """Told by the engine how far a pass is."""

    def start(self, current: Pass, done: int) -> None: ...
    def advance(self, tiles: int, pixels: int) -> None: ...
    def finish(self) -> None: ...


class Silent:
    """Says nothing."""

    def start(self, current: Pass, done: int) -> None: ...
    def advance(self, tiles: int, pixels: int) -> None: ...
    def finish(self) -> None: ...


class Terminal:
    """A bar per pass: tiles, megapixels a second, time left."""

    def __init__(self, passes: int) -> None:
        self._passes = passes
        self._bar: Bar | None = None

    def start(self, current: Pass, done: int) -> None:
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:>6.1f} Mpx/s"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        title = f"pass {current.number + 1}/{self._passes}: {describe(current)}"
        self._task = self._bar.add_task(_shorten(title), total=len(current.grid), completed=done, rate=0.0)
        self._began, self._pixels = time.monotonic(), 0
        self._bar.start()

    def advance(self, tiles: int, pixels: int) -> None:
        assert self._bar is not None
        self._pixels += pixels
        rate = self._pixels / max(time.monotonic() - self._began, 1e-3) / 1e6
        self._bar.update(self._task, advance=tiles, rate=rate)

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.stop()


class Lines:
    """A plain line at the start and end of a pass and every ten seconds between."""

    def __init__(self, passes: int) -> None:
        self._passes = passes

    def start(self, current: Pass, done: int) -> None:
        self._title = _shorten(f"pass {current.number + 1}/{self._passes}: {describe(current)}")
        self._total, self._done, self._before, self._pixels = len(current.grid), done, done, 0
        self._began = self._said = time.monotonic()
        resumed = f", {done:,} done before" if done else ""
        self._say(f"{self._title}, {self._total:,} tiles{resumed}")

    def advance(self, tiles: int, pixels: int) -> None:
        self._done += tiles
        self._pixels += pixels
        if time.monotonic() - self._said >= LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            seconds = self._said - self._began
            left = (self._total - self._done) * seconds / max(self._done - self._before, 1)
            self._say(f"  {self._done:,}/{self._total:,} tiles, {self._rate():.1f} Mpx/s, {human_seconds(left)} left")

    def finish(self) -> None:
        seconds = time.monotonic() - self._began
        self._say(f"  {self._done:,}/{self._total:,} tiles in {seconds:.1f} s, {self._rate():.1f} Mpx/s")

    def _rate(self) -> float:
        return self._pixels / max(time.monotonic() - self._began, 1e-3) / 1e6

    def _say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def choose(quiet: bool, passes: int) -> Progress:
    """The progress that suits where the program runs."""
    if quiet:
        return Silent()
    return Terminal(passes) if sys.stderr.isatty() else Lines(passes)


def _shorten(title: str) -> str:
    return title if len(title) <= 60 else f"{title[:57]}…"
