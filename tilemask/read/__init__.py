"""Paths, arrays and stores to images: one file per format, one source for all chunks."""

from tilemask.read.heap import share_heap
from tilemask.read.opening import open_image

__all__ = ["open_image"]

share_heap()  # The libraries of the formats start threads.
