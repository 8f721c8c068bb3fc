"""A function of your own, on tiles, on worker processes of this machine.

The function takes a NumPy array and returns one; it knows nothing of tiles. All it has to say is its reach: how many
pixels it looks away from the pixel that it writes. Here that is 7 for the local mean and standard deviation over
15 × 15 pixels. A reach that is too short leaves seams, and `tilemask.testing.check_operation` finds them.

Sums of integers are exact whatever their order, so the result is the same on every tile grid; with floats, running
sums (as in scipy.ndimage.uniform_filter) would depend on where a tile starts.

    tilemask run workflows/own_function.py slide.ome.zarr texture.ome.zarr --deviation 25 --workers 2
    python workflows/own_function.py                                    # on a picture of a tissue section
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm

SIDE = 15


def texture(image: tm.Image, *, deviation: float = 20.0, max_size: int = 64) -> dict[str, Any]:
    """Mark where neighbouring pixels differ much.

    Parameters
    ----------
    image : Image
        One channel of uint8.
    deviation : float
        Least standard deviation within 15 × 15 pixels, in grey levels.
    max_size : int
        Spots of so many pixels or fewer are dropped.
    """
    rough = tm.map_tiles(is_rough, image, reach=SIDE // 2, dtype=bool, deviation=deviation)
    return {"texture": tm.remove_small_objects(rough, max_size=max_size)}


def is_rough(pixels: NDArray[np.uint8], *, deviation: float) -> NDArray[np.bool_]:
    """Compare the variance with the square of `deviation`, in whole numbers throughout."""
    grey, ones = pixels.astype(np.int64), np.ones(SIDE, np.int64)
    sums, squares = grey, grey * grey
    for axis in (0, 1):
        sums = ndimage.correlate1d(sums, ones, axis=axis, mode="nearest")
        squares = ndimage.correlate1d(squares, ones, axis=axis, mode="nearest")
    area = SIDE * SIDE
    return area * squares - sums * sums > (deviation * area) ** 2


def main(source: Any, target: Path) -> None:
    """Save with two worker processes, then tell one fact and draw one picture."""
    image = tm.open_image(source)
    run = tm.save(texture(image), target, tile=128 if max(image.shape) < 1024 else None, client=2)
    drawn = tm.overview(target, image, picture=target.with_suffix(".png"))
    print(f"{drawn.shares['texture']:.1%} of the image is rough, {run.seconds:.1f} s: {target}, {drawn.path}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        from skimage.data import immunohistochemistry

        main(np.ascontiguousarray(immunohistochemistry()[..., 0]), Path("texture.ome.zarr"))
