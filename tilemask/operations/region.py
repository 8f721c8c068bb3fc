"""The region of interest as an operation, so that eager calls, the tables of operations and the suite know it."""

from __future__ import annotations

from typing import Any

from tilemask.image import Image, operation
from tilemask.read.roi import within_region


@operation("exact", reference="numpy.where(roi, image, 0)")
def within(image: Image, roi: Any) -> Image:
    """Make an image background outside a region of interest, and everything that is made of it.

    Parameters
    ----------
    image : Image or array
        Any dtype, with or without channels.
    roi : mask, labels, path, or outlines
        Where the image counts: a mask or labels (not 0) of the same field as the image, at any level of it, as an
        image, an array or the path of one; or polygons, in pixels of the image, as GeoJSON, GeoParquet, shapely
        geometries or outlines. Lazy masks are computed here. A plane is the region of every plane of a volume.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Of the same shape and dtype; 0 outside the region where it is computed or saved.

    Raises
    ------
    InputError
        For a region that is no mask, or no level of the image, and an image that has a region already.

    Notes
    -----
    Exactness: exact, ``numpy.where(roi, image, 0)``; a pixel of a coarser mask stands for all that it covers. Of images
    made from it, masks and labels are 0 outside; statistics count what is inside, as with ``where=``, so NaN never
    counts; filters see the true neighbours of the region; components, distances and floods end at it. Tiles that hold
    nothing of the region are neither read nor computed nor stored. See the documentation on regions.
    """
    return within_region(image, roi, "within")
