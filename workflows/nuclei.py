"""Find bright nuclei (or cells, stars, galaxies …) on a darker ground, split, measure and outline them.

Written as for an image that fits in memory; it runs on one of any size. Most steps need more than a tile: `otsu`
takes one level from all pixels, `distance`, `peaks` and `watershed` follow an object as far as it goes, and the table
and the outlines have one row an object, however many tiles it crosses.

    tilemask run workflows/nuclei.py slide.ome.zarr nuclei.ome.zarr --where "area > 50 and solidity > 0.9"
    python workflows/nuclei.py slide.ome.zarr nuclei.ome.zarr
    python workflows/nuclei.py           # on nuclei that an expert has outlined: pip install 'tilemask[truth]'
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tilemask as tm


def nuclei(
    image: tm.Image, *, background: int = 25, sigma: float = 1.0, min_distance: int = 5, where: str = "area > 40"
) -> dict[str, Any]:
    """Label, measure and outline bright objects.

    Parameters
    ----------
    image : Image
        One channel, objects brighter than the ground.
    background : int
        Where the ground is uneven: a radius in pixels, larger than an object's; 0 where it is even.
    sigma : float
        Smoothing before the threshold, in pixels.
    min_distance : int
        Centres of objects lie further apart than so many pixels.
    where : str
        Which objects stay, by what `tilemask.measure` knows of them.
    """
    smooth = tm.gaussian(tm.white_tophat(image, radius=background) if background else image, sigma=sigma)
    level = tm.otsu(smooth)
    mask = tm.fill_holes(smooth > level)
    depth = tm.distance(mask)
    centres = tm.label(tm.peaks(depth, min_distance=min_distance) & mask)
    cells = tm.select(tm.watershed(-depth, centres, mask=mask), where=where)
    table = tm.measure(cells, image, properties=("label", "area", "centroid", "solidity", "intensity_mean"))
    return {"nuclei": cells, "level": level, "table.csv": table, "outlines": tm.polygons(cells)}


def main(source: Any, target: Path) -> NDArray[Any]:
    """Save, then tell one fact and draw one picture."""
    image = tm.open_image(source)
    run = tm.save(nuclei(image), target, tile=128 if max(image.shape) < 1024 else None)
    drawn = tm.overview(target, image, picture=target.with_suffix(".png"))
    print(f"nuclei brighter than {run.values['level']}: {run.values['table.csv']}, {drawn.path}")
    return tm.open_image(target).compute()


def found(labels: NDArray[Any], truth: NDArray[Any]) -> int:
    """How many true objects share more than half of all pixels that they have together with one of ours."""
    (true, ours), shared = np.unique(np.stack((truth.ravel(), labels.ravel())), axis=1, return_counts=True)
    either = np.bincount(truth.ravel())[true] + np.bincount(labels.ravel())[ours] - shared
    return int(np.sum((2 * shared > either) & (true > 0) & (ours > 0)))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        main(sys.argv[1], Path(sys.argv[2]))
    elif (package := find_spec("stardist")) is None:
        sys.exit("the outlined nuclei come with a package that is not installed: pip install 'tilemask[truth]'")
    else:
        import tifffile

        folder = Path(package.origin or "").parent / "data" / "images"
        truth = tifffile.imread(folder / "mask2d.tif")
        matched = found(main(tifffile.imread(folder / "img2d.tif"), Path("nuclei.ome.zarr")), truth)
        print(f"{matched} of the {len(np.unique(truth)) - 1} nuclei that an expert has outlined were found")
