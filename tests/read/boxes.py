"""Read an image box by box and compare with the array that was written."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, whole
from tilemask.image import Image, Source
from tilemask.read.cache import ChunkCache


def read(image: Image, box: Box | None = None, cache: ChunkCache | None = None) -> NDArray[Any]:
    """The pixels of a box (of the whole image by default)."""
    assert isinstance(image.step, Source)
    return image.step.read(whole(image.spatial_shape) if box is None else box, cache or ChunkCache(1 << 24))


def assert_same_boxes(image: Image, expected: NDArray[Any], count: int = 12) -> None:
    """Every box equals the slice: the whole, random ones, and single pixels."""
    assert image.shape == expected.shape
    assert image.dtype == expected.dtype.newbyteorder("=")
    rng, cache = np.random.default_rng(7), ChunkCache(1 << 16)
    boxes = [whole(image.spatial_shape)]
    for _ in range(count):
        ends = [sorted(rng.choice(n + 1, 2, replace=False)) for n in image.spatial_shape]
        boxes.append(Box(tuple(int(a) for a, _ in ends), tuple(int(b) for _, b in ends)))
        corner = tuple(int(rng.integers(n)) for n in image.spatial_shape)
        boxes.append(Box(corner, tuple(a + 1 for a in corner)))
    for box in boxes:
        found = read(image, box, cache)
        assert found.dtype == image.dtype
        np.testing.assert_array_equal(found, expected[box.slices], err_msg=str(box))


def noise(shape: tuple[int, ...], dtype: Any = "u2", seed: int = 0) -> NDArray[Any]:
    """Random pixels of a dtype."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 2 if np.dtype(dtype) == bool else 200, shape).astype(dtype)
