"""A table with one row an object: label → measure → file, beside scikit-image's regionprops_table on the whole image.

``python -m benchmarks.table SIDE [FOLDER]`` runs each row in a process of its own on blobs 16 pixels apart (16384²: a
million of them) and says in how many numbers the two tables differ.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import zarr

from benchmarks.measure import Figure, alone, clear, clocked

PROPERTIES = ("label", "area", "bbox", "centroid", "intensity_mean", "intensity_max")
PITCH = 16


def blobs(folder: Path, side: int) -> Path:
    """An image of bright blobs, each a disk of its own radius somewhere in its cell."""
    path = folder / f"blobs{side}.zarr"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        image = zarr.create_array(path, shape=(side, side), chunks=(1024, 1024), dtype="uint16")
        for row in range(0, side, 1024):
            rng = np.random.default_rng(row)
            image[row : row + 1024] = _blobs(rng, min(1024, side - row), side)
    return path


def _blobs(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    cells = (-(-height // PITCH), -(-width // PITCH))
    radius = rng.uniform(2.5, 6, cells)
    centre = rng.uniform(6.5, PITCH - 6.5, (2, *cells))
    rows, columns = np.mgrid[:PITCH, :PITCH]
    away = np.hypot(rows - centre[0][..., None, None], columns - centre[1][..., None, None])
    inside = (away < radius[..., None, None]).transpose(0, 2, 1, 3).reshape(cells[0] * PITCH, -1)[:height, :width]
    return np.where(inside, 1000, 0) + rng.integers(1, 200, (height, width), np.uint16)


def tilemask_tiles(path: Path, target: Path) -> None:
    import tilemask as tm

    image = tm.open_image(path)
    labels = tm.label(image > 500, connectivity=1)
    tm.save(tm.measure(labels, image, properties=PROPERTIES), target, quiet=True, overwrite=True)


def skimage_whole(path: Path, target: Path) -> None:
    from skimage.measure import label, regionprops_table

    image = zarr.open_array(path, mode="r")[:]
    labels = label(image > 500, connectivity=1)
    pd.DataFrame(regionprops_table(labels, image, properties=PROPERTIES)).to_parquet(target)


ROWS: dict[str, Callable[[Path, Path], None]] = {
    "tilemask": tilemask_tiles,
    "scikit-image, whole image": skimage_whole,
}


def main(side: int, folder: Path) -> None:
    blobs(folder, side)
    first: pd.DataFrame | None = None
    for number, row in enumerate(ROWS):
        target = folder / f"table-{number}-{side}.parquet"
        figure = alone("benchmarks.table", str(side), str(folder), row, str(target))
        found = pd.read_parquet(target)
        first = found if first is None else first
        differing = int((found[first.columns].to_numpy() != first.to_numpy()).sum()) if len(found) == len(first) else -1
        print(
            f"{side}² {row:<28} {len(found):>9,} objects {figure.wall:7.1f} s wall {figure.cpu:7.1f} s CPU "
            f"{figure.peak_mb:6.0f} MB peak {differing:>7} numbers differ",
            flush=True,
        )


def run(row: str, side: int, folder: Path, target: Path) -> Figure:
    clear(target)
    path = blobs(folder, side)
    return clocked(row, side, lambda: ROWS[row](path, target))


if __name__ == "__main__":
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("benchmarks/data")
    if len(sys.argv) > 3:
        run(sys.argv[3], 256, where, where / "table-warm.parquet")  # loads libraries: what is measured is the work
        print(json.dumps(asdict(run(sys.argv[3], int(sys.argv[1]), where, Path(sys.argv[4])))))
    else:
        main(int(sys.argv[1]), where)
