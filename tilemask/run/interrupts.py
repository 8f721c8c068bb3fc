"""Ctrl-C during a pass: asked once, the tiles in hand end and are kept; asked twice, they are given up.

A KeyboardInterrupt may be raised between any two instructions, also while a survey is being merged, and what is half
merged cannot be saved. So the first interrupt raises nothing; it is looked at between tiles.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def orderly_interrupt(stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Call `stop` at the first interrupt and set the event; raise KeyboardInterrupt at the second.

    A handler that the program has set for itself stays; other threads than the main one never see an interrupt.
    """
    asked = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        stop()

    ours = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
