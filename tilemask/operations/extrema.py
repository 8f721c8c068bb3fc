"""Local maxima and minima: connected pixels of one value with nothing higher, or lower, around them.

A plateau may go on for ever, but what it takes to know it does not. Candidates are the pixels without a higher
neighbour; two candidates that touch are equally high, so the connected candidates are plateaus, or what a plateau has
left of them. It has left some where one of them touches an equal pixel that is no candidate: that pixel sees something
higher, and so does the plateau. So a window of two pixels marks candidates, and a survey of seams tells which connected
candidates are marked anywhere.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from tilemask.image import Image, map_tiles, operation, reduce_tiles, require_connectivity, require_scalar_pixels
from tilemask.operations.extremes import Extremes, extremes
from tilemask.stitch.marked import keep_unmarked, survey_marked
from tilemask.stitch.parts import combine_parts
from tilemask.stitch.totals import finish_totals

IN_OPENCV = frozenset(map(np.dtype, ("uint8", "uint16", "int16", "float32", "float64")))


@operation("exact", reference="skimage.morphology.local_maxima(image, connectivity=…, allow_borders=allow_borders)")
def local_maxima(image: Image, *, connectivity: int | None = None, allow_borders: bool = True) -> Image:
    """Find the connected pixels of one value whose neighbours are all lower.

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
        A mask or numbers.
    connectivity : int, optional
        Pixels are neighbours where at most so many coordinates differ, each by one: 1 (faces) up to the number of
        spatial axes (corners too), which is the default.
    allow_borders : bool, optional
        Whether maxima may touch the image border.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape. A constant image has no maximum.

    Raises
    ------
    InputError
        For channels, and a connectivity that is not 1 to the number of axes; when it is computed, for NaN pixels.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.local_maxima(image, connectivity=connectivity,
    allow_borders=allow_borders)``. Two passes, as `label`; about 15 ns a pixel each, 60 for wide integers and volumes.
    """
    return _extrema(image, connectivity, allow_borders, "local_maxima", highest=True)


@operation("exact", reference="skimage.morphology.local_minima(image, connectivity=…, allow_borders=allow_borders)")
def local_minima(image: Image, *, connectivity: int | None = None, allow_borders: bool = True) -> Image:
    """Find the connected pixels of one value whose neighbours are all higher.

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
        A mask or numbers.
    connectivity : int, optional
        As in `local_maxima`.
    allow_borders : bool, optional
        Whether minima may touch the image border.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape. A constant image has no minimum.

    Raises
    ------
    InputError
        As in `local_maxima`.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.local_minima(image, connectivity=connectivity,
    allow_borders=allow_borders)``. Cost as `local_maxima`.
    """
    return _extrema(image, connectivity, allow_borders, "local_minima", highest=False)


def mark_plateaus(image: NDArray[Any], *, connectivity: int, highest: bool) -> NDArray[np.uint8]:
    """Find the candidates: 1 for a pixel without a higher neighbour, 2 where an equal neighbour has one.

    With `highest` false, lower takes the place of higher.
    """
    values = image.view(np.uint8) if image.dtype == np.bool_ else image
    candidates = values == extreme_near(values, connectivity, highest)
    # The others keep their values, candidates get one that is above (below) nothing: what then is as high as a
    # candidate is an equal neighbour that is none. A candidate of that value itself is one in constant images only.
    if values.dtype.kind == "f":
        nothing = -np.inf if highest else np.inf
    else:
        nothing = np.iinfo(values.dtype).min if highest else np.iinfo(values.dtype).max
    others = np.where(candidates, values.dtype.type(nothing), values)
    marked = candidates & (extreme_near(others, connectivity, highest) == values)
    return np.add(candidates, marked, dtype=np.uint8)


def extreme_near(array: NDArray[Any], connectivity: int, highest: bool) -> NDArray[Any]:
    """The highest (lowest) value of each pixel and its neighbours, exact for every dtype."""
    neighbours = ndi.generate_binary_structure(array.ndim, connectivity)
    if array.ndim == 2 and array.dtype in IN_OPENCV:
        extreme = cv2.dilate if highest else cv2.erode
        return np.asarray(
            extreme(np.ascontiguousarray(array), neighbours.astype(np.uint8), borderType=cv2.BORDER_REPLICATE)
        )
    # SciPy's filters go by float64, which does not tell wide integers apart.
    join, result = np.maximum if highest else np.minimum, array.copy()
    for offset in (np.argwhere(neighbours) - 1).tolist():
        here = tuple(slice(max(-o, 0), n - max(o, 0)) for o, n in zip(offset, array.shape, strict=True))
        there = tuple(slice(max(o, 0), n - max(-o, 0)) for o, n in zip(offset, array.shape, strict=True))
        join(result[here], array[there], out=result[here])
    return result


def keep_extrema(codes: NDArray[np.uint8], *, record: Any, ends: Extremes, connectivity: int) -> NDArray[np.bool_]:
    """The plateaus of a tile that nothing around them exceeds."""
    if ends.flat:
        return np.zeros(codes.shape, np.bool_)
    return keep_unmarked(codes, record=record, connectivity=connectivity)


def _extrema(image: Image, connectivity: int | None, borders: bool, what: str, *, highest: bool) -> Image:
    require_scalar_pixels(image, what)
    ndim = len(image.spatial_axes)
    hops = require_connectivity(image, connectivity, what, optional=True)
    fast = ndim == 2 and image.dtype in IN_OPENCV
    codes = map_tiles(
        mark_plateaus,
        image,
        reach=2,
        dtype=np.uint8,
        cost=8.0 if fast else 50.0,
        user=False,
        connectivity=hops,
        highest=highest,
    )
    marked = reduce_tiles(
        survey_marked,
        codes,
        combine=combine_parts,
        finish=finish_totals,
        places=True,
        records=True,
        connectivity=hops,
        borders=bool(borders),
    )
    made: Image = map_tiles(
        keep_extrema,
        codes,
        records=marked,
        user=False,
        dtype=np.bool_,
        cost=5.0,
        ends=extremes(image, what),
        connectivity=hops,
    )
    return made
