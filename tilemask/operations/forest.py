"""The watershed of a minimum spanning forest: basins of any size, exact on tiles in two passes.

It has a name of its own because it is another method than flooding with a queue, which `skimage.segmentation.watershed`
does and whose result depends on the order in which equal pixels enter the queue all over the image.
"""

from __future__ import annotations

from tilemask.errors import InputError
from tilemask.image import (
    FinishBytes,
    Image,
    map_tiles,
    operation,
    reduce_tiles,
    require_connectivity,
    require_mask,
    require_one_shape,
    require_scalar_pixels,
)
from tilemask.stitch.forests import combine_trees, finish_trees, grow_trees, survey_trees
from tilemask.stitch.perimeters import PAIRING_BYTES

PIXEL_BYTES = 150
"""The most that the survey or the kernel took beside its inputs: on noise where every pixel is a marker of its own, and
110 on noise, mazes and flat ground with few markers."""
SEAM_BYTES = {False: 90.0, True: 240.0}
"""The most that the perimeters took together, per pixel on a seam, by whether corners count."""


@operation("canonical", reference="the eager call; the order of edges is defined here")
def watershed_forest(elevation: Image, markers: Image, *, mask: Image | None = None, connectivity: int = 1) -> Image:
    """Divide an image among markers along the minimum spanning forest of its elevation.

    Parameters
    ----------
    elevation : Image or array, (rows, columns) or (planes, rows, columns)
        Low is the inside of basins; a gradient, or an image turned upside down.
    markers : Image or array of integers
        Labels to grow; 0 is what is to be divided. Of one shape with the elevation.
    mask : Image or array of bool, optional
        Where to divide; markers outside count for nothing.
    connectivity : int, optional
        Labels grow between pixels where at most so many coordinates differ, each by one: 1 (faces) up to the number of
        spatial axes (corners too).

    Returns
    -------
    Image, or numpy.ndarray for an array
        Labels of the dtype of `markers`; 0 outside the mask and where no marker can be reached.

    Raises
    ------
    InputError
        For channels, unequal shapes, markers that are not integers, a mask that is not bool, a connectivity that does
        not exist, and NaN within the mask (known when the survey is done).

    Notes
    -----
    Exactness: canonical. Pixels are ordered by elevation and then by raster index; pairs of neighbours by the elevation
    of their later pixel, then by their earlier pixel, then by the raster index of the later. Going through the pairs in
    that order, two trees are joined unless both hold a marker. The result is unique, and one for every tile grid.

    `skimage.segmentation.watershed` floods instead: a pixel goes to the basin that reaches it first. Both put the
    border on the same ridges, but differ in who gets the pixels near it: 0.02 % of pixels on smooth floats, 2 % on
    noise; 10 to 30 % where wide plateaus are, and most where the elevation has a few levels only. Flooding shares out
    equal pixels by distance; a forest gives them away in raster order.

    Two passes whatever the size of the basins. Cousty, Bertrand, Najman and Couprie, "Watershed cuts: minimum spanning
    forests and the drop of water principle", Pattern Analysis and Machine Intelligence 31 (2009). Cost: 0.2 to 0.7 µs
    per pixel and pass (twice that with all corners of a volume) and at most 150 bytes; the summaries take up to 60
    bytes, and solving them 90 or, where corners count, 240, per pixel on a seam.
    """
    for image in (elevation, markers):
        require_scalar_pixels(image, "watershed_forest")
    if markers.dtype.kind not in "iu":
        raise InputError(
            f"watershed_forest takes markers as labels (integers); found {markers.dtype}. Number the objects of a mask "
            "first: tilemask.label(mask)."
        )
    images = [elevation, markers]
    if mask is not None:
        require_scalar_pixels(mask, "watershed_forest")
        require_mask(mask, "the mask of watershed_forest")
        images.append(mask)
    require_one_shape(images, "watershed_forest")
    hops = require_connectivity(elevation, connectivity, "watershed_forest")
    trees = reduce_tiles(
        survey_trees,
        *images,
        combine=combine_trees,
        finish=finish_trees,
        places=True,
        records=True,
        cost=300.0,
        workspace=PIXEL_BYTES,
        finish_bytes=FinishBytes(fixed=PAIRING_BYTES, seam_pixel=SEAM_BYTES[hops > 1]),
        connectivity=hops,
    )
    made: Image = map_tiles(
        grow_trees,
        *images,
        records=trees,
        user=False,
        dtype=markers.dtype,
        cost=300.0,
        workspace=PIXEL_BYTES,
        connectivity=hops,
    )
    return made
