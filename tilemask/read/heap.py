"""The heap of this process: chunks are decoded, and tiles computed, by many threads, and freed by others."""

from __future__ import annotations

import ctypes
from contextlib import suppress


def share_heap() -> None:
    """Let all threads allocate from one heap; with one each, holes add up (65536² pixels: 454 against 394 MB).

    A heap that a thread has been given stays in use, so this must come before the first thread.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX of glibc


def give_back_memory() -> None:
    """Return freed memory to the system: glibc would keep to itself the heaps in which chunks of the last pass lay."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
