"""One function a row: the same chain by each tool, from a Zarr source to a stored label image.

gaussian(σ=2) → Otsu → opening(disk 3) → label (8-connected) → int32 store. Every row that writes Zarr writes the same
shards with the same codec through the same pipeline. Each row runs alone in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

SIGMA, RADIUS, TILE, INNER = 2, 3, 2048, 1024
THREADS = len(os.sched_getaffinity(0))


def tilemask_threads(source: Path, target: Path, *, pyramid: bool = False) -> None:
    import tilemask as tm

    image = tm.open_image(source)
    smooth = tm.gaussian(image, sigma=SIGMA)
    mask = tm.opening(smooth > tm.otsu(smooth), radius=RADIUS)
    tm.save({"nuclei": tm.label(mask)}, target, quiet=True, pyramid=pyramid)


def tilemask_pyramid(source: Path, target: Path) -> None:
    tilemask_threads(source, target, pyramid=True)


def limit(source: Path, target: Path) -> None:
    """Each chunk decoded once, each kernel once per pixel, each object encoded once, all cores, no coordination."""
    import cv2

    import tilemask as tm
    from tilemask.boxes import Grid
    from tilemask.operations.histograms import count_levels
    from tilemask.read.cache import ChunkCache
    from tilemask.stitch.components import apply_table, label_components
    from tilemask.write.layout import OutputSpec, make_level
    from tilemask.write.ome_zarr import create
    from tilemask.write.store import Writer

    cv2.setNumThreads(1)
    image = tm.open_image(source)
    level = make_level(image.shape, (1, 1), (TILE, TILE), (1.0, 1.0), (0.0, 0.0))
    spec = OutputSpec("nuclei", "label", "yx", np.dtype(np.int32), (level,))
    create(target, [spec], plan="limit")
    writer = Writer(str(target), spec)
    footprint = disk()
    grid = Grid(image.shape, (TILE, TILE), 1)

    def tile(number: int) -> None:
        core = grid.core(grid.index(number))
        smooth = cv2.GaussianBlur(
            image.step.read(core, ChunkCache(0)), (17, 17), SIGMA, borderType=cv2.BORDER_REPLICATE
        )
        count_levels(smooth)
        mask = cv2.morphologyEx((smooth > 2800).view(np.uint8), cv2.MORPH_OPEN, footprint)
        labels = label_components(mask.view(np.bool_), 2)
        writer.write(0, core, apply_table(np.arange(labels.max() + 1, dtype=np.int32), labels))

    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(tile, range(len(grid))))


def eager(source: Path, target: Path) -> None:
    """tilemask's own functions on the whole array: the definition of the right pixels."""
    import tilemask as tm

    image = load(source)
    smooth = tm.gaussian(image, sigma=SIGMA)
    mask = tm.opening(smooth > tm.otsu(smooth), radius=RADIUS)
    del smooth
    store(target, tm.label(mask))


def opencv_whole(source: Path, target: Path) -> None:
    import cv2
    from skimage.filters import threshold_otsu

    cv2.setNumThreads(THREADS)
    smooth = cv2.GaussianBlur(load(source), (17, 17), SIGMA, borderType=cv2.BORDER_REPLICATE)
    counts = sum(
        cv2.calcHist([rows], [0], None, [65536], [0, 65536]).ravel().astype(np.int64)
        for rows in np.array_split(smooth, max(1, smooth.size >> 24))
    )
    low, high = np.flatnonzero(counts)[[0, -1]]
    level = threshold_otsu(hist=(counts[low : high + 1], np.arange(low, high + 1)))
    mask = (smooth > level).view(np.uint8)
    del smooth
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, disk())
    _, labels = cv2.connectedComponentsWithAlgorithm(mask, 8, cv2.CV_32S, cv2.CCL_WU)
    store(target, labels)


def skimage_whole(source: Path, target: Path) -> None:
    from skimage import filters, measure, morphology

    smooth = filters.gaussian(load(source).astype(np.float32), SIGMA, preserve_range=True)
    mask = smooth > filters.threshold_otsu(smooth)
    del smooth
    mask = morphology.opening(mask, morphology.disk(RADIUS))
    store(target, measure.label(mask, connectivity=2).astype(np.int32))


def libvips(source: Path, target: Path) -> None:
    """Streaming from and to uncompressed tiled TIFF, which suits libvips best; its labels are numbered otherwise."""
    import pyvips
    from skimage.filters import threshold_otsu

    image = pyvips.Image.new_from_file(str(source.with_suffix(".tif")))
    smooth = image.gaussblur(SIGMA)
    counts = smooth.hist_find().numpy().ravel()
    level = threshold_otsu(hist=(counts, np.arange(counts.size)))
    mask = smooth > float(level)
    element = pyvips.Image.new_from_array((disk().astype(int) * 255).tolist())
    opened = mask.morph(element, "erode").morph(element, "dilate")
    opened.labelregions().tiffsave(
        str(target.with_suffix(".tif")), tile=True, tile_width=1024, tile_height=1024, bigtiff=True
    )


def dask_image(source: Path, target: Path) -> None:
    """As a careful user writes it: chunks of 2048, one histogram for the level, aligned stores."""
    import dask.array as da
    from dask_image import ndfilters, ndmeasure, ndmorph
    from skimage.filters import threshold_otsu

    image = da.from_zarr(str(source)).rechunk((TILE, TILE)).astype(np.float32)
    smooth = ndfilters.gaussian_filter(image, SIGMA, mode="nearest").round().astype(np.uint16)
    counts = da.histogram(smooth, bins=65536, range=(0, 65536))[0].compute()
    mask = smooth > threshold_otsu(hist=(counts, np.arange(65536)))
    mask = ndmorph.binary_opening(mask, structure=disk().astype(bool))
    labels, _ = ndmeasure.label(mask, structure=np.ones((3, 3)))
    array = empty(target, labels.shape)
    da.store(labels.astype(np.int32).rechunk((TILE, TILE)), array, lock=False)


def disk() -> NDArray[np.uint8]:
    from skimage.morphology import disk as footprint

    return footprint(RADIUS)  # type: ignore[no-any-return]


def empty(target: Path, shape: tuple[int, ...]) -> Any:
    codec = ZstdCodec(level=0, checksum=True)
    shards = tuple(min(TILE, -(-n // INNER) * INNER) for n in shape)
    return zarr.create_array(
        target, shape=shape, shards=shards, chunks=(INNER, INNER), dtype="int32", compressors=codec
    )


def load(source: Path) -> NDArray[np.uint16]:
    """The whole image, as one reads it with zarr-python, which decodes chunks in threads of its own."""
    return zarr.open_array(source, mode="r")[:]  # type: ignore[no-any-return]


def store(target: Path, labels: NDArray[np.int32]) -> None:
    """The whole image, as one writes it with zarr-python: the same shards, the same codecs."""
    empty(target, labels.shape)[:] = labels


ROWS: dict[str, Callable[[Path, Path], None]] = {
    "limit": limit,
    "tilemask": tilemask_threads,
    "tilemask with pyramid": tilemask_pyramid,
    "eager on a NumPy array": eager,
    "OpenCV, whole image": opencv_whole,
    "libvips, streaming": libvips,
    "scikit-image, whole image": skimage_whole,
    "dask-image": dask_image,
}
