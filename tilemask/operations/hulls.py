"""Convex hulls of objects: the pixels within the smallest convex outline around each."""

from __future__ import annotations

import numpy as np

from tilemask.errors import InputError
from tilemask.image import Image, map_tiles, operation, reduce_tiles, require_scalar_pixels
from tilemask.stitch.convex import fill_hulls, finish_hulls, survey_hulls
from tilemask.stitch.parts import combine_parts


@operation("exact", reference="skimage.morphology.convex_hull_object(mask, connectivity=connectivity)")
def convex_hull_object(mask: Image, *, connectivity: int = 2) -> Image:
    """Fill the convex hull of each object of a mask.

    Parameters
    ----------
    mask : Image or array of bool or integers, (rows, columns)
        0 is background; in an integer image only equal values join to an object.
    connectivity : {1, 2}, optional
        Whether pixels must share a side, or a corner is enough, to belong to one object.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the same shape: the union of the hulls, which may overlap.

    Raises
    ------
    InputError
        For floats, channels, volumes, and another connectivity.

    Notes
    -----
    Exactness: exact, ``skimage.morphology.convex_hull_object(mask, connectivity=connectivity)``: a pixel stands for the
    middles of its four sides, and pixels whose centres lie on the outline belong to the hull. Corners are half
    integers, so all is compared in whole numbers.

    Two passes. Of an object that crosses seams, tiles note the first and the last pixel per row; a tile fills what the
    hulls of such objects have in it, also where the object itself has no pixel.
    """
    require_scalar_pixels(mask, "convex_hull_object")
    if len(mask.spatial_axes) != 2:
        raise InputError("convex_hull_object works on planes, as scikit-image's does; this image is a volume.")
    if mask.dtype.kind == "f":
        raise InputError(
            f"convex_hull_object works on a mask (bool) or on integers; found {mask.dtype}. Compare first, as in "
            "image > level."
        )
    if connectivity not in (1, 2):
        raise InputError(
            f"convex_hull_object: connectivity takes 1 (sides) or 2 (corners too); found {connectivity!r}."
        )
    hops = int(connectivity)
    hulls = reduce_tiles(
        survey_hulls, mask, combine=combine_parts, finish=finish_hulls, places=True, records=True, connectivity=hops
    )
    made: Image = map_tiles(
        fill_hulls, mask, records=hulls, dtype=np.bool_, user=False, cost=15.0, workspace=40.0, connectivity=hops
    )
    return made
