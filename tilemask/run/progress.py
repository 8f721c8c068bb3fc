"""Progress of a pass: a bar in a terminal, a plain line now and then elsewhere, nothing on request."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from tilemask.plan import Pass


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
