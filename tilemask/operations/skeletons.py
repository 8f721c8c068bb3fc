"""Skeletons: what thinning leaves of the objects of a mask, on a window that grows until it proves its pixels.

How far a skeleton looks depends on the objects: about as far as they are wide where the thinning is parallel
(`thinning`), and over the whole object where pixels are taken one after the other (Lee). So both are kernels that grow:
what a window leaves unknown is asked again with a larger one. An object that winds through the whole image needs no
window of its size as long as it is slender.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.ndimage as ndi
from numpy.typing import NDArray
from skimage.morphology import skeletonize as skeletonize_whole

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.image import Growth, Image, Unproven, Window, map_tiles, operation, require_mask, require_scalar_pixels
from tilemask.operations.certificate import place_name
from tilemask.operations.footprints import whole_number
from tilemask.operations.thinning import GUO_HALL, ON, UNKNOWN, ZHANG, thin_states
from tilemask.stitch.components import apply_table, label_components
from tilemask.stitch.faces import on_faces

_REACH = 32
"""Where windows begin: proves objects about as wide, for 6 % more pixels at tiles of 2048."""
_METHODS = ("zhang", "lee")


@operation("exact", reference="skimage.morphology.skeletonize(mask, method=method)")
def skeletonize(mask: Image, *, method: str | None = None) -> Image:
    """Thin each object of a mask to lines of one pixel's width that keep its connections.

    Parameters
    ----------
    mask : Image or array of bool, (rows, columns) or (planes, rows, columns)
    method : {"zhang", "lee"}, optional
        Zhang and Suen's parallel thinning, for planes and their default; Lee's, for planes and volumes, the default
        there.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For anything but a mask of one channel, and a method that is not one or does not do volumes.
    TileError
        When it is computed: an object is so wide (Zhang) or so large (Lee) that the window that proves it does not fit
        in memory. It is named.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.skeletonize(mask, method=method)``.

    Zhang and Suen, Communications of the ACM 27 (1984): a window is grown until no pixel asked for depends on what lies
    beyond it, which takes about the width of an object, not its length. Lee, Kashyap and Chu, CVGIP 56 (1994): pixels
    are taken in turn, so a window must hold the whole of each object (26 neighbours); objects do not know of each
    other.
    """
    require_scalar_pixels(mask, "skeletonize")
    require_mask(mask, "skeletonize")
    planes = len(mask.spatial_axes) == 2
    if method not in (*_METHODS, None):
        raise InputError(f"skeletonize: method takes 'zhang' or 'lee'; found {method!r}.")
    if method == "zhang" and not planes:
        raise InputError(
            "skeletonize: method='zhang' thins planes; this mask is a volume. Leave method= out, or 'lee'."
        )
    made: Image
    if planes and method != "lee":
        made = map_tiles(grow_zhang, mask, reach=_REACH, grows=Growth(12.0), user=False, cost=100.0)
    else:
        made = map_tiles(grow_lee, mask, reach=_REACH, grows=Growth(24.0), user=False, cost=400.0)
    return made


@operation("exact", reference="skimage.morphology.thin(mask, max_num_iter=max_num_iter)")
def thin(mask: Image, *, max_num_iter: int | None = None) -> Image:
    """Peel the objects of a mask, at most `max_num_iter` times, down to lines that keep their connections.

    Parameters
    ----------
    mask : Image or array of bool, (rows, columns)
    max_num_iter : int, optional
        Rounds of peeling, 1 or more; as many as change anything by default.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape.

    Raises
    ------
    InputError
        For anything but a mask of one channel, for volumes, and for a number of rounds that is not one.
    TileError
        When it is computed: an object is so wide that the window that proves it does not fit in memory. It is named.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.thin(mask, max_num_iter=max_num_iter)``; there 0 rounds mean no limit, here
    they are refused. Guo and Hall, Communications of the ACM 32 (1989); windows grow as in `skeletonize`.
    """
    require_scalar_pixels(mask, "thin")
    require_mask(mask, "thin")
    if len(mask.spatial_axes) != 2:
        raise InputError("thin works on planes; this mask is a volume. skeletonize does volumes.")
    if max_num_iter is not None:
        max_num_iter = whole_number(max_num_iter, "thin: max_num_iter", least=1)
    reach = _REACH if max_num_iter is None else min(_REACH, 2 * max_num_iter)
    made: Image = map_tiles(
        grow_guo_hall, mask, reach=reach, grows=Growth(12.0), user=False, cost=100.0, rounds=max_num_iter
    )
    return made


def medial_axis(mask: Image) -> Image:
    """Refuse: the medial axis of scikit-image depends on a random order of all pixels of the image.

    Parameters
    ----------
    mask : Image or array of bool

    Returns
    -------
    Nothing.

    Raises
    ------
    InputError
        Always; the message names what to use instead.
    """
    raise InputError(
        "medial_axis breaks ties by a random order of all pixels of the image, so one object's axis changes with every "
        "other object, and no tiles can give it. Use skeletonize or thin, and the distance transform for the widths."
    )


def grow_zhang(mask: NDArray[np.bool_], *, window: Window) -> tuple[NDArray[np.bool_], list[Unproven]]:
    """Zhang and Suen on a window."""
    return _proven(thin_states(mask, ZHANG, window.box.open_faces(window.shape)), window)


def grow_guo_hall(
    mask: NDArray[np.bool_], *, window: Window, rounds: int | None
) -> tuple[NDArray[np.bool_], list[Unproven]]:
    """Guo and Hall on a window."""
    return _proven(thin_states(mask, GUO_HALL, window.box.open_faces(window.shape), rounds), window)


def grow_lee(mask: NDArray[np.bool_], *, window: Window) -> tuple[NDArray[np.bool_], list[Unproven]]:
    """Lee's method on the objects that lie within a window as a whole."""
    labels = label_components(mask, mask.ndim)
    leaves = on_faces(labels, window.box.open_faces(window.shape))
    leaving, core = apply_table(leaves, labels), window.core.within(window.box)
    skeleton = skeletonize_whole(mask & ~leaving, method="lee")
    found = ndi.find_objects(labels[core] * leaving[core])
    return skeleton[core], [_ask(f, window) for f in found if f is not None]


def _proven(states: NDArray[np.uint8], window: Window) -> tuple[NDArray[np.bool_], list[Unproven]]:
    """The core of a thinned window, and where it is not known yet.

    Unknown pixels so near to each other that their next windows would overlap are asked for together.
    """
    core = states[window.core.within(window.box)]
    unknown = (core == UNKNOWN).view(np.uint8)
    if not cv2.countNonZero(unknown):
        return core == ON, []
    side = 2 * max(*(a - b for a, b in zip(window.core.start, window.box.start, strict=True)), 1) + 1
    near = cv2.dilate(unknown, np.ones((side, side), np.uint8))
    groups = label_components(near.view(np.bool_), 2) * unknown
    found = ndi.find_objects(groups)
    return core == ON, [_ask(f, window) for f in found if f is not None]


def _ask(found: tuple[slice, ...], window: Window) -> Unproven:
    """Ask again for a part of the core, given as slices of it."""
    box = Box.of_slices(found).shift(window.core.start)
    what = f"the object at {place_name(box.start)}"
    return Unproven(box, 1, what, "Opening the mask first parts objects that hang together.")
