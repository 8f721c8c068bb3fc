"""Lines of equal level.

A survey, as outlines are: a tile draws the squares of four pixels whose upper left ones are its own, and what it must
know of its neighbours comes from a kernel that looks one pixel to the right and below.
"""

from __future__ import annotations

from typing import Literal

from tilemask.errors import InputError
from tilemask.image import Image, Stream, Value, map_tiles, operation, reduce_tiles, require_mask, require_scalar_pixels
from tilemask.operations.outlines import CLOSING, require_plane
from tilemask.stitch.contours import gather_contours
from tilemask.stitch.isolines import check_isolevel, combine_isolines, neighbours, survey_isolines, within_squares
from tilemask.stitch.levels import finish_isolines

PIXEL_BYTES = 150
"""The most that tracing a tile took, on a checkerboard; noise takes 70."""


@operation(
    "canonical",
    reference="skimage.measure.find_contours(image, level, fully_connected=…, positive_orientation=…)",
)
def find_contours(
    image: Image,
    level: float | Value,
    *,
    mask: Image | None = None,
    fully_connected: Literal["low", "high"] = "low",
    positive_orientation: Literal["low", "high"] = "low",
) -> Value:
    """Find lines of equal level in an image by marching squares.

    Parameters
    ----------
    image : Image or array, (rows, columns)
        Of any dtype; squares with a NaN are left out, so lines end there.
    level : float or Value
        The level in the values of the image; of integers best one between two of them, see the notes.
    mask : Image or array of bool, optional
        Lines are drawn where it is true, and end at its border; the region of interest by default.
    fully_connected : {"low", "high"}, optional
        Whether pixels up to the level, or those above it, connect diagonally.
    positive_orientation : {"low", "high"}, optional
        Whether lines go counter-clockwise around low or high pixels.

    Returns
    -------
    Value, or Contours for an array
        A sequence of (n, 2) float64 arrays of rows and columns, pixel centres at whole numbers. A closed line repeats
        its first point.

    Raises
    ------
    InputError
        For channels, volumes, images one pixel wide, a level that is NaN, and other words.

    Notes
    -----
    Exactness: canonical. The lines are those of ``skimage.measure.find_contours(image, level)`` to the bit, up to the
    first point of closed lines and the order of lines, wherever no two lines share a point; that is always so where no
    pixel has the level itself, as with ``level=99.5`` for integers. Where they share one (in an image of 8 bits, at a
    whole number, one line in twenty does), scikit-image joins whichever segment it met first, and may leave a line cut;
    here each goes on through the pixels that it came by. Lines are ordered by the first pair of pixels in raster order
    between which they pass, and closed ones begin there.

    One pass. Memory: at most 150 bytes per pixel of a tile, and 220 per point of the million that are put together at a
    time, which are billed; about 150 bytes per line and tile that it crosses, which are not known before. W. Lorensen
    and H. Cline, "Marching cubes", Computer Graphics 21 (1987).
    """
    require_scalar_pixels(image, "find_contours")
    require_plane(image, "find_contours")
    for name, word in (("fully_connected", fully_connected), ("positive_orientation", positive_orientation)):
        if word not in ("low", "high"):
            raise InputError(f'find_contours: {name} is "low" or "high"; found {word!r}.')
    if not isinstance(level, Value):
        check_isolevel(level)
    if min(image.spatial_shape) < 2:
        raise InputError(f"find_contours needs two rows and two columns at least; found shape {image.spatial_shape}.")
    inputs = [image, map_tiles(neighbours, image, reach=((0, 1), (0, 1)), channels=3, cost=2.0, user=False)]
    if mask is not None:
        require_mask(mask, "find_contours(mask=)")
        inputs.append(map_tiles(within_squares, mask, reach=((0, 1), (0, 1)), cost=1.0, user=False))
    made: Value = reduce_tiles(
        survey_isolines,
        *inputs,
        combine=combine_isolines,
        finish=finish_isolines,
        pieces=Stream("outlines", gather_contours),
        places=True,
        cost=25.0,
        workspace=PIXEL_BYTES,
        finish_bytes=CLOSING,
        level=level,
        high=fully_connected == "high",
        reverse=positive_orientation == "high",
    )
    return made
