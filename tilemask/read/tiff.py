"""TIFF, BigTIFF and OME-TIFF, by tifffile: tiles and strips are its chunks, series 0 is the image.

tifffile's Zarr store finds and decodes a chunk; it is asked directly instead of through zarr-python, which would decode
one chunk after the other in the thread of its event loop. Uncompressed pixels that lie in one piece are mapped and cut
into chunks of our own: the single strip that many programs write is the whole image. Every declared tile is compared
with the size of the file on opening, because a file that lost its end would otherwise fail hours later.
"""

from __future__ import annotations

import hashlib
import json
import math
import weakref
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import tifffile
from numpy.typing import NDArray
from zarr.buffer import default_buffer_prototype

from tilemask.errors import InputError
from tilemask.image import Image, check_dtype
from tilemask.read.axes import Selection, arrange, pixel_extent
from tilemask.read.chunked import ChunkedSource, opened
from tilemask.read.tiff_metadata import channel_names, pixel_sizes

T = TypeVar("T")

MAPPED_SIDE = 1024
"""Rows and columns of a chunk where the file has none of its own."""


@dataclass(frozen=True, slots=True)
class TiffPlace:
    """A level of the first series of a file."""

    path: str
    level: int
    size: int
    """Bytes of the file."""
    digest: str
    """sha256 of its first 64 KiB."""

    @property
    def name(self) -> str:
        return self.path

    def open(self) -> TiffReader:
        size = Path(self.path).stat().st_size
        if size != self.size:
            raise InputError(
                f"{self.path} had {self.size} bytes when it was opened, and has {size} now. Open it again."
            )
        return TiffReader(self.path, self.level)

    def identity(self) -> dict[str, Any]:
        return {"tiff": self.path, "level": self.level, "size": self.size, "sha256_64k": self.digest}


class TiffReader:
    """An open file; closed when nobody holds it any more."""

    def __init__(self, path: str, level: int) -> None:
        try:
            file = tifffile.TiffFile(path)
        except Exception as error:
            raise _damaged(path, error) from error
        weakref.finalize(self, file.close)
        try:
            self.file = file
            self.levels = file.series[0].levels
            series = self.levels[_checked_level(level, len(self.levels), path)]
            self.axes = series.axes
            _check_extent(series, path)
            self._describe(series, path, level)
        except InputError:
            raise
        except Exception as error:
            raise _damaged(path, error) from error

    def _describe(self, series: Any, path: str, level: int) -> None:
        check_dtype(np.dtype(series.dtype), path)
        # maxworkers=1 lets tifffile decode where it is called instead of in a pool of its own.
        self._store = series.aszarr(level=0, maxworkers=1)
        document = json.loads(bytes(self._bytes(".zarray")))
        self.shape, self.dtype = tuple(document["shape"]), np.dtype(document["dtype"])
        self.fill = document["fill_value"] or 0
        self.chunks = tuple(document["chunks"])
        self._mapped = None
        if series.dataoffset is not None and series.keyframe.is_memmappable:
            self._mapped = tifffile.memmap(path, series=0, level=level, mode="r")
            self.dtype = self._mapped.dtype
            sides = {"Y": MAPPED_SIDE, "X": MAPPED_SIDE, "S": 4}
            self.chunks = tuple(min(n, sides.get(a, 1)) for n, a in zip(self.shape, self.axes, strict=True))

    def chunk(self, index: tuple[int, ...]) -> NDArray[Any] | None:
        if self._mapped is not None:
            box = tuple(slice(i * c, i * c + c) for i, c in zip(index, self.chunks, strict=True))
            return np.array(self._mapped[box])
        raw = self._bytes(".".join(map(str, index)))
        return None if raw is None else np.frombuffer(raw, self.dtype).reshape(self.chunks)

    def _bytes(self, key: str) -> Any:
        value = _finished(self._store.get(key, default_buffer_prototype()))
        return None if value is None else value.as_numpy_array()


def open_tiff(path: Path, selection: Selection) -> Image:
    """The image in a TIFF file."""
    if selection.label is not None:
        raise InputError(
            f"label={selection.label!r} was asked for, but {path} is a TIFF file; labels are in OME-Zarr stores."
        )
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(65536)).hexdigest()
    place = TiffPlace(str(path), selection.level, path.stat().st_size, digest)
    reader = opened(place)
    assert isinstance(reader, TiffReader)
    axes = _letters(reader.axes, place.name, selection)
    names = channel_names(reader.file)
    layout = arrange(reader.shape, selection, place.name, named=axes, channel_names=names)
    dtype = reader.dtype.newbyteorder("=")
    source = ChunkedSource(place, layout, reader.shape, reader.chunks, dtype, strict=selection.strict)
    full = dict(zip(reader.levels[0].axes, reader.levels[0].shape, strict=True))
    shrink = {a.lower(): full[a] / n for a, n in zip(reader.axes, reader.shape, strict=True) if a in full}
    sizes = {a: (size * shrink.get(a, 1.0), unit) for a, (size, unit) in pixel_sizes(reader.file).items()}
    size, unit = pixel_extent(layout.axes, sizes)
    return Image(source.shape, dtype, layout.axes, source, size, unit)


def _letters(axes: str, name: str, selection: Selection) -> str | None:
    """Axes of tifffile as ours: samples are channels, and the pages of a plain stack are planes."""
    if selection.axes is not None:
        return None
    letters = axes.lower()
    if "c" not in letters:
        letters = letters.replace("s", "c")
    unknown = [a for a in letters if a not in "tczyx"]
    if len(unknown) == 1 and unknown[0] in "qi" and "z" not in letters:
        return letters.replace(unknown[0], "z")
    if unknown:
        raise InputError(
            f"{name} has axes {axes}, of which {', '.join(unknown).upper()} is not understood. Name all {len(axes)} "
            "axes, as in axes='zcyx'."
        )
    return letters


def _checked_level(level: int, count: int, name: str) -> int:
    if not isinstance(level, int) or not 0 <= level < count:
        raise InputError(f"level={level!r} was asked for, but {name} has levels 0 to {count - 1}. Choose one of them.")
    return level


def _check_extent(series: Any, path: str) -> None:
    """Compare where the pixels should end with where the file ends."""
    itemsize = np.dtype(series.dtype).itemsize
    if series.dataoffset is not None:
        ends = [(series.keyframe.parent.filehandle, series.dataoffset + math.prod(series.shape) * itemsize)]
    else:
        ends = [
            (page.parent.filehandle, _last_byte(page.dataoffsets, page.databytecounts))
            for page in series.pages
            if page is not None
        ]
    for handle, needed in ends:
        if needed > handle.size:
            raise InputError(
                f"{path} is truncated: its tiles need {needed} bytes, the file {handle.name} has {handle.size}. "
                "Copy it again from where it came."
            )


def _last_byte(offsets: Sequence[int], counts: Sequence[int]) -> int:
    size = min(len(offsets), len(counts))
    if not size:
        return 0
    start, length = np.array(offsets[:size], np.int64), np.array(counts[:size], np.int64)
    return int(np.where(length > 0, start + length, 0).max())


def _finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits, without an event loop (the caller may be inside one)."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    coroutine.close()
    raise RuntimeError("tifffile waited for another thread although maxworkers=1 was asked for")


def _damaged(path: str, error: Exception) -> InputError:
    return InputError(
        f"{path} begins like a TIFF file, but cannot be opened ({type(error).__name__}: {error}). "
        f"It has {Path(path).stat().st_size} bytes; it may be truncated or damaged. Copy it again."
    )
