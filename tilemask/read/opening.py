"""`open_image`: from whatever holds pixels to an image.

What a path is, is decided by its content: a directory by its Zarr metadata, a file by its first bytes. Names and
extensions decide nothing, so a renamed file opens and a wrong one is refused with what was found in it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np

from tilemask.errors import InputError
from tilemask.image import Image, check_dtype, from_array, pixel_extents, pixel_type, refuse_masked
from tilemask.read.addresses import TIFF_MAGIC, is_url, without_secrets
from tilemask.read.axes import UNITS, Selection, arrange
from tilemask.read.roi import within_region

READABLE = (
    "Zarr arrays (v2, v3), OME-Zarr images and labels, TIFF, BigTIFF and OME-TIFF files, NumPy arrays, zarr.Array, "
    "zarr.Group and dask.array.Array"
)


def open_image(
    source: Any,
    *,
    level: int = 0,
    channel: int | str | None = None,
    label: str | None = None,
    t: int | None = None,
    z: int | None = None,
    axes: str | None = None,
    channel_axis: int | None = None,
    dtype: Any = None,
    pixel_size: float | Sequence[float] | None = None,
    unit: str | None = None,
    strict: bool = False,
    roi: Any = None,
) -> Image:
    """Open an image, a mask or labels without reading pixels.

    Parameters
    ----------
    source : path, URL, numpy.ndarray, zarr.Array, zarr.Group, dask.array.Array or Image
        A Zarr array or group (v2, v3), an OME-Zarr image (0.1 to 0.5), a TIFF, BigTIFF or OME-TIFF file (its first
        series), or an array. URLs other than ``file://`` are opened by fsspec. An Image is returned as it is.
    level : int, optional
        Level of a pyramid; 0 is full resolution.
    channel : int or str, optional
        Read this channel only, by number or by its name in the metadata. All channels, as a last axis, by default.
    label : str, optional
        Open these labels of an OME-Zarr image. A store that has one set of labels and no image opens it without.
    t, z : int, optional
        Time point and plane. `t` must be given where there are several; without `z` a volume is opened.
    axes : str, optional
        Names of the array axes in their order, letters of ``tczyx``, where the file does not tell or tells wrong.
    channel_axis : int, optional
        The axis of an array without names that holds channels.
    dtype : dtype-like, optional
        Convert (lazily); values that do not fit are an error of the tile where they occur.
    pixel_size : float or sequence of float, optional
        Extent of a pixel, for all or per spatial axis, instead of what the metadata says.
    unit : str, optional
        Unit of `pixel_size`, such as ``"micrometer"``; usual symbols (``"um"``, ``"nm"``) are spelled out.
    strict : bool, optional
        Refuse missing chunks (when they are read) instead of reading fill value.
    roi : mask, labels, path, or outlines, optional
        A region of interest, at any level: outside of it the image and all that is made of it is background, and what
        lies beyond a reach of it is not read. See `tilemask.within`.

    Returns
    -------
    Image
        Axes yx or zyx, with a last c where there are channels; dtype bool, (u)int8 to (u)int64, float32 or float64, in
        the byte order of the machine. Masks that tilemask wrote come back as bool.

    Raises
    ------
    InputError
        Nothing there, not an image, damaged, an option that does not fit, a dtype or codec that is refused.
    IncompleteError
        A run of tilemask has not finished this image.

    Notes
    -----
    Exactness: exact, the stored pixels. Axes of length 1 are dropped where the file names its axes. Pixel sizes are
    taken from OME metadata (scale of the level times scale of the pyramid), ImageJ, Aperio or resolution tags; there is
    none where axes differ in unit.
    """
    selection = Selection(level, channel, label, t, z, axes, channel_axis, strict)
    if isinstance(source, Image):
        if selection != Selection():
            raise InputError(
                f"{source!r} is open already; options such as level= and channel= are for what it was opened from."
            )
        image = source
    else:
        image = _open(source, selection)
    if pixel_size is not None:
        image = replace(image, pixel_size=pixel_extents(pixel_size, len(image.spatial_axes)))
    if unit is not None:
        image = replace(image, unit=UNITS.get(unit.lower(), unit))
    if dtype is not None and pixel_type(dtype, "dtype=") != image.dtype:
        image = image.astype(dtype)
    return image if roi is None else within_region(image, roi, "open_image")


def _open(source: Any, selection: Selection) -> Image:
    if isinstance(source, str | os.PathLike):
        return _open_address(os.fspath(source), selection)
    if isinstance(source, np.ndarray):
        return _open_ndarray(source, selection)
    # Who holds an array of a library has imported it; the others need not pay for the import.
    kind = f"{type(source).__module__}.{type(source).__name__}"
    zarr, dask_array = sys.modules.get("zarr"), sys.modules.get("dask.array")
    if dask_array is not None and isinstance(source, dask_array.Array):
        from tilemask.read.dask_array import open_dask, zarr_of

        _refuse_group_options(selection, kind)
        held = zarr_of(source)
        return open_dask(source, selection) if held is None else _open_zarr(held, selection)
    if zarr is not None and isinstance(source, zarr.Array | zarr.Group):
        return _open_zarr(source, selection)
    raise InputError(f"{kind} cannot be opened as an image. What can: a path or URL, or {READABLE}.")


def _open_address(address: str, selection: Selection) -> Image:
    from tilemask.read.ome_zarr import open_node
    from tilemask.read.zarr_node import open_store, read_node

    if address.startswith("file://"):
        address = unquote(urlsplit(address).path)
    if is_url(address):
        node = read_node(address, open_store(address), "")
        if node is None:
            raise InputError(
                f"{without_secrets(address)} has no Zarr metadata (zarr.json, .zarray or .zgroup). Over the network, "
                "Zarr arrays and OME-Zarr images can be read; copy files of other formats here first."
            )
        return open_node(node, selection)
    path = Path(address).absolute()
    if not path.exists():
        raise InputError(f"{path} does not exist. {_nearest(path)}")
    if not path.is_dir():
        return _open_file(path, selection)
    node = read_node(str(path), open_store(str(path)), "")
    if node is None:
        names = sorted(p.name for p in path.iterdir())[:5]
        raise InputError(
            f"{path} is a directory without Zarr metadata (zarr.json, .zarray or .zgroup); it holds "
            f"{', '.join(names) or 'nothing'}. Give the path of an image. What can be opened: {READABLE}."
        )
    return open_node(node, selection)


def _open_file(path: Path, selection: Selection) -> Image:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}). Check its permissions.") from error
    if magic not in TIFF_MAGIC:
        found = f"begins with {magic!r}" if magic else "is empty"
        raise InputError(f"{path} is not an image that can be opened: it {found}. What can be opened: {READABLE}.")
    from tilemask.read.tiff import open_tiff

    return open_tiff(path, selection)


def _open_zarr(source: Any, selection: Selection) -> Image:
    from tilemask.read.ome_zarr import open_node
    from tilemask.read.zarr_node import open_store, place_of_store, read_node

    where = place_of_store(source.store)
    node = read_node(where, open_store(where), source.path)
    if node is None:
        raise InputError(f"{source!r} has no metadata in its store any more. Open it again.")
    return open_node(node, selection)


def _open_ndarray(array: np.ndarray[Any, Any], selection: Selection) -> Image:
    _refuse_group_options(selection, "a NumPy array")
    refuse_masked(array)
    check_dtype(array.dtype, "the array")
    layout = arrange(array.shape, selection, "the array")
    return from_array(layout.cut(array, layout.picks), axes=layout.axes)


def _refuse_group_options(selection: Selection, what: str) -> None:
    if selection.level != 0 or selection.label is not None:
        raise InputError(f"level= and label= choose within a pyramid or a store; {what} has neither. Leave them out.")


def _nearest(path: Path) -> str:
    """The part of a path that does exist, to see where it goes wrong."""
    parent = next(p for p in path.parents if p.exists())
    names = sorted(p.name for p in parent.iterdir())[:5] if parent.is_dir() else []
    return f"{parent} exists and holds {', '.join(names) or 'nothing'}. Check the name."
