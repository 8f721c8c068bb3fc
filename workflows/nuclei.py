"""Find bright nuclei (or cells, stars, galaxies …) on a darker ground, and number them.

Written as for an image that fits in memory; it runs on one of any size. Three of the steps need to know the whole
image, not only a tile of it: `otsu` takes one level from the histogram of all pixels, `fill_holes` and
`remove_small_objects` judge objects that may cross many tiles, and `label` numbers them 1…K as scikit-image would.

    tilemask run workflows/nuclei.py slide.ome.zarr nuclei.ome.zarr --sigma 1.5
    python workflows/nuclei.py slide.ome.zarr nuclei.ome.zarr
    python workflows/nuclei.py                                          # on a picture of coins
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import tilemask as tm


def nuclei(image: tm.Image, *, sigma: float = 2.0, radius: int = 3, max_size: int = 64) -> dict[str, Any]:
    """Label bright objects.

    Parameters
    ----------
    image : Image
        One channel, objects brighter than the ground.
    sigma : float
        Smoothing before the threshold, in pixels.
    radius : int
        Radius of the disk that opens the mask: thinner parts go, touching objects come apart.
    max_size : int
        Objects of so many pixels or fewer are dropped.
    """
    smooth = tm.gaussian(image, sigma=sigma)
    level = tm.otsu(smooth)
    mask = tm.opening(smooth > level, radius=radius)
    mask = tm.remove_small_objects(tm.fill_holes(mask), max_size=max_size)
    labels = tm.label(mask)
    count = tm.reduce_tiles(highest, labels, combine=max, finish=int, dtype="int64")
    return {"nuclei": labels, "level": level, "count": count}


def highest(labels: NDArray[Any]) -> int:
    """The highest number in a tile; `max` combines those of all tiles."""
    return int(labels.max())


def main(source: Any, target: Path) -> None:
    """Save, then tell one fact and draw one picture."""
    image = tm.open_image(source)
    run = tm.save(nuclei(image), target, tile=128 if max(image.shape) < 1024 else None)
    drawn = tm.overview(target, image, picture=target.with_suffix(".png"))
    print(f"{run.values['count']} nuclei brighter than {run.values['level']}: {target}, {drawn.path}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], Path(sys.argv[2]))
    else:
        from skimage.data import coins

        main(coins()[75:], Path("nuclei.ome.zarr"))
