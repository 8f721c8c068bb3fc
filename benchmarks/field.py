"""The image of the benchmarks: nuclei-like blobs with noise, uint16, 1024² zstd chunks with checksums.

A field of 4096² is computed once and repeated; its chunks are copied file by file, so that a 65536² source is made in
seconds and still consists of files of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import scipy.ndimage as ndi
import tifffile
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

CHUNK = 1024
PERIOD = 4096


def field(side: int = PERIOD, seed: int = 0) -> NDArray[np.uint16]:
    """Blobs of about 40 pixels on a dim background, with noise; wraps around at its edges."""
    rng = np.random.default_rng(seed)
    blobs = ndi.gaussian_filter(rng.random((side, side), dtype=np.float32), 12, mode="wrap")
    blobs = (blobs - blobs.mean()) / blobs.std()
    signal = 1500 + 3000 / (1 + np.exp(-6 * (blobs - 0.8))) + rng.normal(0, 250, blobs.shape)
    return signal.clip(0, 65535).astype(np.uint16)


def source(folder: Path, side: int) -> Path:
    """The store of a `side`² image, made where it does not exist."""
    path = folder / f"field{side}.zarr"
    if (path / "done").exists():
        return path
    shutil.rmtree(path, ignore_errors=True)
    codec = ZstdCodec(level=0, checksum=True)
    array = zarr.create_array(path, shape=(side, side), chunks=(CHUNK, CHUNK), dtype="uint16", compressors=codec)
    period = min(side, PERIOD)
    array[:period, :period] = field(period)
    repeat, count = period // CHUNK, side // CHUNK
    for row in range(count):
        for column in range(count):
            if row >= repeat or column >= repeat:
                target = path / "c" / str(row) / str(column)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path / "c" / str(row % repeat) / str(column % repeat), target)
    (path / "done").touch()
    return path


def tiff(store: Path) -> Path:
    """The same image as an uncompressed tiled BigTIFF, for tools that read no Zarr."""
    path = store.with_suffix(".tif")
    if not path.exists():
        array = zarr.open_array(store, mode="r")
        cells = ((y, x) for y in range(0, array.shape[0], CHUNK) for x in range(0, array.shape[1], CHUNK))
        tiles = (array[y : y + CHUNK, x : x + CHUNK] for y, x in cells)
        tifffile.imwrite(path, tiles, shape=array.shape, dtype=array.dtype, tile=(CHUNK, CHUNK), bigtiff=True)
    return path
