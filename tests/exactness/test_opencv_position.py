"""OpenCV's kernels on random crops: the pixels within reach of a cut may differ, no others.

This depends on the processor (vector body and scalar tail), so it runs wherever the suite does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.morphology import disk

from tilemask.boxes import Box
from tilemask.operations.filters import gaussian_integers, median_of
from tilemask.operations.morphology import dilate, erode

Kernel = Callable[[NDArray[Any]], NDArray[Any]]
CROPS = 80


def kernels() -> list[Any]:
    found: list[tuple[str, str, Kernel, int]] = []
    for sigma in (0.5, 1.0, 2.0, 3.3, 7.0, 20.0):
        for dtype in ("uint8", "uint16"):
            kernel = partial(gaussian_integers, sigma=(sigma, sigma), truncate=4.0)
            found.append((f"gaussian {sigma}", dtype, kernel, int(4 * sigma + 0.5)))
    for side, dtypes in ((3, ("bool", "uint8", "uint16")), (5, ("uint8", "uint16")), (9, ("bool", "uint8"))):
        for dtype in dtypes:
            found.append(
                (f"median {side}", dtype, partial(median_of, footprint=np.ones((side, side), bool)), side // 2)
            )
    for radius in (1, 3, 8, 15):
        for dtype in ("bool", "uint8", "uint16", "int16"):
            footprint = disk(radius, dtype=bool)
            found.append((f"erode disk {radius}", dtype, partial(erode, footprint=footprint), radius))
            found.append((f"dilate disk {radius}", dtype, partial(dilate, footprint=footprint), radius))
    for dtype in ("bool", "uint8", "uint16"):
        found.append(("erode rectangle", dtype, partial(erode, footprint=np.ones((9, 9), bool)), 4))
    return [pytest.param(d, k, r, id=f"{n}-{d}") for n, d, k, r in found]


@pytest.mark.parametrize(("dtype", "kernel", "reach"), kernels())
def test_crop_equals_whole(dtype: str, kernel: Kernel, reach: int) -> None:
    rng = np.random.default_rng(7)
    shape = (211, 307)
    image = rng.integers(0, 2 if dtype == "bool" else np.iinfo(dtype).max, shape).astype(dtype)
    whole = kernel(image)
    for _ in range(CROPS):
        start = tuple(int(rng.integers(n)) for n in shape)
        core = Box(start, tuple(int(rng.integers(a + 1, n + 1)) for a, n in zip(start, shape, strict=True)))
        read = core.grow(((reach, reach),) * 2).clip(shape)
        np.testing.assert_array_equal(kernel(image[read.slices])[core.within(read)], whole[core.slices])
