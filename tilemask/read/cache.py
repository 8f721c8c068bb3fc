"""A bounded cache of decoded chunks, shared by the threads of one worker.

Neighbouring tiles read the same chunks for their halos; without a cache each chunk is decoded several times (3.5 times
at tiles of two chunks). The bound is in bytes, so memory does not grow with the image. Two threads that want one chunk
at the same moment decode it once: the second waits for the first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Any

from numpy.typing import NDArray


class ChunkCache:
    """Least recently used chunks are dropped first.

    Parameters
    ----------
    limit_bytes : int
        Decoded bytes to hold; 0 keeps nothing.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.loads = 0
        self._missing: dict[str, set[int]] = {}
        self._chunks: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
        self._loading: dict[Hashable, Future[NDArray[Any]]] = {}
        self._lock = Lock()

    def note_missing(self, name: str, number: int) -> None:
        """Remember that a chunk of an array is not there, and reads as fill value."""
        with self._lock:
            self._missing.setdefault(name, set()).add(number)

    def take_missing(self) -> dict[str, list[int]]:
        """The chunks that were found missing since this was last asked, by the name of their array."""
        with self._lock:
            missing, self._missing = self._missing, {}
        return {name: sorted(numbers) for name, numbers in missing.items()}

    def get(self, key: Hashable, load: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The read-only chunk under `key`; `load` decodes it where it is not held."""
        with self._lock:
            if key in self._chunks:
                self._chunks.move_to_end(key)
                return self._chunks[key]
            pending = self._loading.get(key)
            if pending is None:
                mine: Future[NDArray[Any]] = Future()
                self._loading[key] = mine
                self.loads += 1
        if pending is not None:
            return pending.result()
        try:
            chunk = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            mine.set_exception(error)
            raise
        chunk.flags.writeable = False
        with self._lock:
            del self._loading[key]
            if chunk.nbytes <= self.limit_bytes:
                self._chunks[key] = chunk
                self.held_bytes += chunk.nbytes
            while self.held_bytes > self.limit_bytes:
                self.held_bytes -= self._chunks.popitem(last=False)[1].nbytes
        mine.set_result(chunk)
        return chunk
