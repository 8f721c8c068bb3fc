"""Objects that touch, divided: gaussian → Otsu → opening → distance → peaks → label → watershed → int32 store.

``python -m benchmarks.split SIDE [FOLDER]`` runs each row in a process of its own, on the field of the other
benchmarks, and says how many pixels differ: scikit-image takes seeds that lie equally high in the order of its heap.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.field import source
from benchmarks.measure import Figure, alone, clear, clocked
from benchmarks.rows import RADIUS, SIGMA, disk, load, store

DISTANCE = 8


def chain(image: Any) -> Any:
    """The chain of tilemask, on an image or an array."""
    import tilemask as tm

    smooth = tm.gaussian(image, sigma=SIGMA)
    mask = tm.opening(smooth > tm.otsu(smooth), radius=RADIUS)
    distance = tm.distance(mask)
    markers = tm.label(tm.peaks(distance, min_distance=DISTANCE))
    return tm.watershed(-distance, markers, mask=mask)


def tilemask_tiles(path: Path, target: Path) -> None:
    import tilemask as tm

    tm.save({"nuclei": chain(tm.open_image(path))}, target, quiet=True, pyramid=False)


def eager(path: Path, target: Path) -> None:
    store(target, chain(load(path)))


def skimage_whole(path: Path, target: Path) -> None:
    """Smoothed by OpenCV as tilemask does, so that both divide one mask."""
    import cv2
    from scipy.ndimage import distance_transform_edt
    from skimage import feature, filters, measure, morphology, segmentation

    smooth = cv2.GaussianBlur(load(path), (17, 17), SIGMA, borderType=cv2.BORDER_REPLICATE)
    mask = smooth > filters.threshold_otsu(smooth)
    del smooth
    mask = morphology.opening(mask, disk())
    distance = distance_transform_edt(mask)
    peaks = np.zeros(mask.shape, np.bool_)
    peaks[tuple(feature.peak_local_max(distance, min_distance=DISTANCE, exclude_border=False).T)] = True
    markers = measure.label(peaks, connectivity=2)
    store(target, segmentation.watershed(-distance, markers, mask=mask).astype(np.int32))


ROWS: dict[str, Callable[[Path, Path], None]] = {
    "tilemask": tilemask_tiles,
    "tilemask's functions on a NumPy array": eager,
    "scikit-image, whole image": skimage_whole,
}


def main(side: int, folder: Path) -> None:
    source(folder, side)
    labels: dict[str, Any] = {}
    for number, row in enumerate(ROWS):
        target = folder / f"split-{number}-{side}.zarr"
        figure = alone("benchmarks.split", str(side), str(folder), row, str(target))
        group = target / "labels" / "nuclei" / "0"
        labels[row] = load(group if group.exists() else target)
        differing = int(np.count_nonzero(labels[row] != labels["tilemask"]))
        print(
            f"{side}² {row:<40} {figure.wall:6.1f} s wall {figure.cpu:6.1f} s CPU {figure.peak_mb:6.0f} MB peak "
            f"{differing:>7} pixels differ",
            flush=True,
        )


def run(row: str, side: int, folder: Path, target: Path) -> Figure:
    clear(target)
    path = source(folder, side)
    return clocked(row, side, lambda: ROWS[row](path, target))


if __name__ == "__main__":
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("benchmarks/data")
    if len(sys.argv) > 3:
        run(sys.argv[3], 1024, where, Path(sys.argv[4]))  # loads libraries: what is measured is the work
        print(json.dumps(asdict(run(sys.argv[3], int(sys.argv[1]), where, Path(sys.argv[4])))))
    else:
        main(int(sys.argv[1]), where)
