"""The watershed: one result for every tile grid, object by object.

What a marker floods ends with its object, the connected component of the mask, so nothing outside the object counts.
Each tile therefore floods the objects that lie within its window as a whole, and asks again with a larger window for
those that leave it. scikit-image's own result depends on objects that are not connected; `dividing` says how that is
avoided, and docs/watershed.md shows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image import (
    Growth,
    Image,
    Unproven,
    Window,
    map_tiles,
    operation,
    require_connectivity,
    require_mask,
    require_one_shape,
    require_scalar_pixels,
)
from tilemask.operations.certificate import place_name
from tilemask.operations.dividing import divide_objects
from tilemask.operations.extrema import local_minima
from tilemask.operations.objects import label
from tilemask.stitch.components import apply_table, label_components
from tilemask.stitch.faces import on_faces

REACH = {2: 128, 3: 32}
"""Where windows begin, by axes. Around tiles of 2048² of nuclei (40 pixels wide, clumps of up to 314) the pixels read
were 1.95 times those written from 32, 1.71 from 64, 1.54 from 128 (3 windows more a tile) and 1.56 from 256."""
PIXEL_BYTES = 150.0
"""Measured on 2000² in one object: 50, and 140 where water must be raised (see `seed_order`)."""
LINE_BYTES = 220.0
"""As much with a line, measured with corners on noise, whose pixels all lie at levels of their own."""
STRIP = {2: 512, 3: 32}
"""Rows (planes) whose objects are flooded at once. scikit-image copies what it floods several times."""
ADVICE = (
    "Or leave less in the mask (mask=), so that objects come apart; or use watershed_forest, another method, "
    "to which the size of objects is nothing."
)


@operation(
    "canonical",
    reference="skimage.segmentation.watershed(elevation, markers, connectivity, None, mask, compactness, "
    "watershed_line) where no two seeds of an object lie equally high",
)
def watershed(
    elevation: Image,
    markers: Image | None = None,
    *,
    mask: Image | None = None,
    connectivity: int = 1,
    compactness: float = 0,
    watershed_line: bool = False,
) -> Image:
    """Divide objects among markers by flooding an elevation from them.

    Parameters
    ----------
    elevation : Image or array, (rows, columns) or (planes, rows, columns)
        Low is flooded first: the distance to the background with its sign turned, or a gradient.
    markers : Image or array of integers, optional
        Labels to flood from, above 0; 0 is no marker. Those outside the mask are dropped, as scikit-image drops them;
        `dropped_markers` counts the labels that go so.
        By default the components of `local_minima` within the mask.
    mask : Image or array of bool, optional
        What to divide. Its connected components are the objects. By default the whole image is one object, which then
        must fit in memory; a plan in which it does not is refused.
    connectivity : int, optional
        Water flows where at most so many coordinates differ, each by one: 1 (faces) up to the number of spatial axes
        (corners too).
    compactness : float, optional
        Above 0, the distance in pixels to the marker, times this, is added to the elevation: rounder labels.
    watershed_line : bool, optional
        Whether labels are kept apart by a thin line of 0: a pixel is line where, when it is taken, a
        neighbour has another label. Markers that touch each other stay as they are. Not with compactness, with which
        scikit-image draws none.

    Returns
    -------
    Image, or numpy.ndarray for an array
        The labels of `markers`; 0 outside the mask, in objects without a marker, and on the line. int32 where the dtype
        of the markers fits and the image has less than 2³¹ pixels, else int64.

    Raises
    ------
    InputError
        For channels, unequal shapes, a mask that is not bool, markers that are not integers, a connectivity that does
        not exist, a negative compactness, and a line with compactness.
    TileError
        When it is computed: NaN in the elevation of an object, markers below 0, or an object so large that no window
        around it fits in memory. The message says where.

    Notes
    -----
    Exactness: canonical. Pixels are taken by elevation, then by age (how long ago the water came), as in scikit-image;
    seeds that lie equally high in raster order, where scikit-image has no order and lets objects that are not even
    connected decide. With compactness each object that has such seeds is as scikit-image floods it alone. Elevations
    are compared as float64.

    A window of 128 pixels (32 in volumes) around a tile is looked at first; where an object leaves it, one around that
    object alone, twice as far each time. Cost: about 25 ns per pixel, and 0.3 µs per pixel of objects with several
    markers; 1 µs more where seeds that lie equally high have lower neighbours. With a line, 1 µs per pixel of objects
    with several markers, and 2 to 3 where no two heights are equal; it is drawn in Python, so threads do not speed it
    up, and processes do. Without a mask every tile floods the whole image. Neubert and Protzel, "Compact watershed and
    preemptive SLIC", Pattern Recognition (2014).
    """
    _check_images(elevation, markers, mask)
    _check_options(elevation, connectivity, compactness, watershed_line)
    ndim = len(elevation.spatial_axes)
    if markers is None:
        minima = local_minima(elevation, connectivity=int(connectivity))
        markers = label(minima if mask is None else minima & mask, connectivity=int(connectivity))
    small = np.can_cast(markers.dtype, np.int32) and math.prod(elevation.spatial_shape) < 2**31
    made: Image = map_tiles(
        watershed_objects,
        elevation,
        markers,
        *(() if mask is None else (mask,)),
        reach=0 if mask is None else REACH[ndim],
        grows=Growth(LINE_BYTES if watershed_line else PIXEL_BYTES, whole=ADVICE if mask is None else ""),
        dtype=np.int32 if small else np.int64,
        cost=400.0 if watershed_line else 60.0,
        user=False,
        connectivity=int(connectivity),
        compactness=float(compactness),
        line=bool(watershed_line),
        target="<i4" if small else "<i8",
    )
    return made


def watershed_objects(
    elevation: NDArray[Any],
    markers: NDArray[Any],
    mask: NDArray[np.bool_] | None = None,
    *,
    window: Window,
    connectivity: int,
    compactness: float,
    line: bool,
    target: str,
) -> tuple[NDArray[Any], list[Unproven]]:
    """Divide the objects that lie within a window as a whole, and ask for the others that have pixels in its core."""
    core = window.core.within(window.box)
    if mask is None:
        if window.box.shape != window.shape:
            whole = Unproven(window.core, max(window.shape), "the image, which is one object without mask=,", ADVICE)
            return np.zeros(window.core.shape, target), [whole]
        mask = np.ones(elevation.shape, np.bool_)
    if not mask[core].any():
        return np.zeros(window.core.shape, target), []
    _check_pixels(elevation[core], markers[core], mask[core], target)
    objects = label_components(mask, connectivity)
    asked, leaving = np.zeros(int(objects.max()) + 1, np.bool_), _leaving(objects, window)
    asked[objects[core][mask[core]]] = True
    markers = markers.astype(target, copy=False)
    labels = np.zeros(objects.shape, target)
    options: dict[str, Any] = {"connectivity": connectivity, "compactness": compactness, "line": line}
    for rows, chosen in _strips(objects, asked & ~leaving):
        labels[rows] += divide_objects(objects[rows], chosen, elevation[rows], markers[rows], **options)
    return labels[core], _ask_again(objects[core], asked & leaving, window)


def _strips(objects: NDArray[Any], asked: NDArray[np.bool_]) -> Iterator[tuple[slice, NDArray[np.bool_]]]:
    """Rows (or planes) with the objects that begin in each and lie in them whole, so that arrays stay small."""
    rows = [None if box is None else box[0] for box in ndi.find_objects(objects, len(asked) - 1)]
    begins = np.array([-1] + [-1 if r is None else r.start for r in rows])
    ends = np.array([-1] + [-1 if r is None else r.stop for r in rows])
    height = STRIP[objects.ndim]
    for strip in np.unique(begins[asked] // height):
        chosen = asked & (begins // height == strip)
        yield slice(int(begins[chosen].min()), int(ends[chosen].max())), chosen


def _leaving(objects: NDArray[Any], window: Window) -> NDArray[np.bool_]:
    """Per object whether it touches an artificial edge of the window, and so may go on beyond it."""
    return on_faces(objects, window.box.open_faces(window.shape))


def _ask_again(core: NDArray[Any], chosen: NDArray[np.bool_], window: Window) -> list[Unproven]:
    """Ask for each chosen object again, by its box in the core."""
    if not chosen.any():
        return []
    again, origin = [], window.core.start
    for number, found in enumerate(ndi.find_objects(core * apply_table(chosen, core)), 1):
        if found is not None:
            box = Box.of_slices(found)
            first = np.unravel_index(np.argmax(core[found] == number), box.shape)
            placed = box.shift(origin)
            at = place_name(int(f) + start for f, start in zip(first, placed.start, strict=True))
            again.append(Unproven(placed, 1, f"the object at {at}", ADVICE))
    return again


def _check_pixels(elevation: NDArray[Any], markers: NDArray[Any], mask: NDArray[np.bool_], target: str) -> None:
    """Refuse what has no place in an order of elevations, and markers that are no labels."""
    if elevation.dtype.kind == "f" and (count := np.count_nonzero(np.isnan(elevation) & mask)):
        raise InputError(
            f"watershed: the elevation is NaN at {count} pixels of objects, which are neither high nor low. Take them "
            "out of the mask, as in mask & ~numpy.isnan(elevation), or give them a value."
        )
    least, most = (int(extreme(markers, where=mask, initial=0)) for extreme in (np.min, np.max))
    if least < 0 or most > np.iinfo(target).max:
        raise InputError(
            f"watershed: markers are labels, 1 to {np.iinfo(target).max}, and 0 elsewhere; found {least} to {most}. "
            "Number them, as in label(markers != 0)."
        )


def _check_images(elevation: Image, markers: Image | None, mask: Image | None) -> None:
    images = [i for i in (elevation, markers, mask) if i is not None]
    for image in images:
        require_scalar_pixels(image, "watershed")
    require_one_shape(images, "watershed")
    if mask is not None:
        require_mask(mask, "watershed: mask=")
    if markers is not None and markers.dtype.kind not in "iu":
        raise InputError(
            f"watershed: markers are labels (integers); found {markers.dtype}. Number them, as in label(markers)."
        )


def _check_options(elevation: Image, connectivity: Any, compactness: Any, watershed_line: bool) -> None:
    require_connectivity(elevation, connectivity, "watershed")
    if not isinstance(compactness, int | float | np.number) or not 0 <= compactness < math.inf:
        raise InputError(f"watershed: compactness is a number, 0 or more; found {compactness!r}.")
    if not isinstance(watershed_line, bool | np.bool_):
        raise InputError(f"watershed: watershed_line is True or False; found {watershed_line!r}.")
    if watershed_line and compactness:
        raise InputError(
            f"watershed: watershed_line=True with compactness={compactness!r} is not offered: scikit-image draws no "
            "line then. Leave one of them out, or cut the labels: "
            "where(find_boundaries(labels, mode='outer'), 0, labels)."
        )
