"""Reading again what a network did not give: servers are busy, and connections break, for moments.

fsspec repeats requests for some protocols and not for others. What will not pass is never asked again: an object that
is not there, a permission that is not given, bytes that do not decode.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Read = TypeVar("Read")

WAITS = (0.2, 1.0, 5.0)
"""Seconds before each further attempt."""
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that is there but cannot answer now."""


def patiently(read: Callable[[], Read]) -> Read:
    """What `read` gives, after a few attempts where the network is to blame."""
    for wait in WAITS:
        try:
            return read()
        except Exception as error:
            if not _passes(error):
                raise
            time.sleep(wait)
    return read()


def _passes(error: Exception) -> bool:
    status = getattr(error, "status", None)  # of aiohttp, which fsspec uses for http
    if isinstance(status, int):
        return status in PASSING
    # aiohttp may not be installed; its other errors say that a connection was refused, or ended too soon.
    broken = type(error).__module__.partition(".")[0] == "aiohttp"
    return broken or isinstance(error, ConnectionError | TimeoutError)
