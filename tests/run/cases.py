"""Graphs that the tests of running save, by name, and how the results are compared: by the stored bytes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm
from tilemask.image import Image, Value
from tilemask.run.journal import read_lines
from tilemask.run.outputs import state_folder

Outputs = Mapping[str, Image | Value]


def picture(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.uint8]:
    """Blobs of several sizes, touching many seams, over a little noise."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.random(shape), 4) + 0.02 * rng.random(shape)
    low, high = smooth.min(), smooth.max()
    return np.rint((smooth - low) / (high - low) * 255).astype(np.uint8)


def stored(folder: Path, shape: tuple[int, ...] = (150, 210), seed: int = 0) -> Path:
    """The picture as a Zarr array."""
    path = folder / "source.zarr"
    zarr.create_array(path, data=picture(shape, seed), chunks=(64,) * len(shape))
    return path


def smooth_labels(image: Image) -> Outputs:
    smooth = tm.gaussian(image, sigma=2)
    return {"cells": tm.label(tm.opening(smooth > tm.otsu(smooth), radius=2))}


def filled(image: Image) -> Outputs:
    return {"cells": tm.fill_holes(image > 130)}


def both_levels(image: Image) -> Outputs:
    return {"cells": tm.hysteresis(image, low=120, high=tm.otsu(image))}


def steep(array: NDArray[Any], *, least: int) -> NDArray[np.bool_]:
    high = ndimage.maximum_filter(array, 5)
    return high - ndimage.minimum_filter(array, 5) > least


def own_function(image: Image) -> Outputs:
    return {"cells": tm.map_tiles(steep, image, reach=2, dtype=bool, least=9)}


def several(image: Image) -> Outputs:
    level = tm.otsu(image)
    mask = image > level
    return {"mask": mask, "cells": tm.label(mask), "level": level}


def grown(array: NDArray[Any]) -> NDArray[Any]:
    return ndimage.maximum_filter(array, 7)


def bound_with_halo(image: Image) -> Outputs:
    """Labels can be evaluated core by core only; here they are read with a halo of 3."""
    return {"cells": tm.map_tiles(grown, tm.label(image > 130), reach=3)}


CASES: dict[str, Callable[[Image], Outputs]] = {
    f.__name__: f for f in (smooth_labels, filled, both_levels, own_function, several, bound_with_halo)
}


def drowsy(array: NDArray[Any], *, nap: float, log: str) -> NDArray[np.bool_]:
    """Slow, so that a kill lands in the middle; leaves a byte per call, so that calls can be counted."""
    time.sleep(nap)
    count_call(log)
    return ndimage.maximum_filter(array, 3)


def count_call(log: str) -> int:
    """Leave a byte; the number of this call, also when threads call at the same moment."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, b".")
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)


def slow_mask(image: Image, log: Path, nap: float = 0.03) -> Outputs:
    """A survey, then a slow pass that writes."""
    smooth = tm.gaussian(image, sigma=1)
    return {"cells": tm.map_tiles(drowsy, smooth > tm.otsu(smooth), reach=1, nap=nap, log=str(log))}


def slow_labels(image: Image, log: Path, nap: float = 0.03) -> Outputs:
    """A survey, a slow survey of seams that keeps scratch, and a pass that writes."""
    return {"cells": tm.label(slow_mask(image, log, nap)["cells"])}


def slow_files(image: Image, log: Path, nap: float = 0.03) -> Outputs:
    """The labels with a table and outlines of them: passes that leave notes, and files made of pieces."""
    labels = tm.label(slow_mask(image, log, nap)["cells"])
    table = tm.measure(labels, image, properties=("label", "area", "solidity", "intensity_mean"))
    return {"cells": labels, "cells.csv": table, "lines": tm.polygons(labels)}


SLOW: dict[str, Callable[..., Outputs]] = {f.__name__: f for f in (slow_mask, slow_labels, slow_files)}


def calls(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def contents(path: Path) -> dict[str, bytes]:
    """The stored chunks by key."""
    files = (p for p in path.rglob("*") if p.is_file() and not p.name.startswith(("zarr.json", ".z")))
    return {str(p.relative_to(path)): p.read_bytes() for p in files if p.suffix != ".partial"}


def records(path: Path) -> set[tuple[str, int, int]]:
    """Key, size and checksum of each object that journals name."""
    journals = state_folder(path).glob("*/journal.jsonl")
    return {tuple(o) for j in journals for line in read_lines(j) for o in line.get("objects", ())}
