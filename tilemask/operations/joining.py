"""Join two segmentations: which pairs of labels occur is known when all tiles are seen, so it is a survey."""

from __future__ import annotations

import math

from tilemask.errors import InputError
from tilemask.image import Image, map_tiles, operation, reduce_tiles, require_one_shape, require_scalar_pixels
from tilemask.stitch.components import number_type
from tilemask.stitch.pairs import combine_pairs, finish_pairs, number_pairs, survey_pairs


@operation("exact", reference="skimage.segmentation.join_segmentations(a, b)")
def join_segmentations(a: Image, b: Image) -> Image:
    """Number the pairs of labels that occur: pixels keep one label where both segmentations agree that they should.

    Parameters
    ----------
    a, b : Image or array of integers, (rows, columns) or (planes, rows, columns)
        Labels, 0 and up, of one shape.

    Returns
    -------
    Image, or numpy.ndarray for an array
        0 where both are 0, else 1…K in the order of the pairs (label of `a`, label of `b`), as in scikit-image; int32
        below 2³¹ pixels, else int64.

    Raises
    ------
    InputError
        For masks, floats, channels, and images of different shapes; when it is computed, for negative labels.

    Notes
    -----
    Exactness: exact, ``skimage.segmentation.join_segmentations(a, b)`` on labels of 64 bits. On narrow ones the
    reference computes the pairs in their own dtype: 8-bit images of 16 labels each wrap around there and merge pairs.

    A pair is one label even where its pixels do not touch: `label` parts it. Cost: 16 bytes per pair and tile that
    shows it, once on the coordinator.
    """
    for name, image in (("a", a), ("b", b)):
        require_scalar_pixels(image, "join_segmentations")
        if image.dtype.kind not in "iu":
            raise InputError(
                f"join_segmentations works on labels (integers); {name} is {image.dtype}. Label a mask first, or "
                "astype('uint8') makes one label of it."
            )
    require_one_shape((a, b), "join_segmentations")
    numbers = reduce_tiles(survey_pairs, a, b, combine=combine_pairs, finish=finish_pairs, records=True)
    dtype = number_type(math.prod(a.spatial_shape))
    made: Image = map_tiles(
        number_pairs, a, b, records=numbers, user=False, dtype=dtype, cost=5.0, workspace=40.0, target=dtype.str
    )
    return made
