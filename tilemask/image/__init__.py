"""Image and Value: the lazy graph, its operators, and how an operation and a survey are declared.

An `Image` is a raster that has not been computed; a `Value` is the result of a survey over images (a level, a table).
"""

from tilemask.image.arrays import (
    LARGEST_REACH,
    ArraySource,
    as_image,
    check_dtype,
    from_array,
    is_number,
    pixel_extents,
    pixel_type,
    refuse_masked,
    require_connectivity,
    require_mask,
    require_number,
    require_one_shape,
    require_scalar_pixels,
)
from tilemask.image.declare import derive, map_tiles, reduce_tiles
from tilemask.image.kernels import FinishBytes, Growth, Place, Stream, Unproven, Window
from tilemask.image.nodes import Formula, Image, Source, Step, Survey, Value
from tilemask.image.operation import OPERATIONS, Declaration, operation
from tilemask.image.operators import where

__all__ = [
    "LARGEST_REACH",
    "OPERATIONS",
    "ArraySource",
    "Declaration",
    "FinishBytes",
    "Formula",
    "Growth",
    "Image",
    "Place",
    "Source",
    "Step",
    "Stream",
    "Survey",
    "Unproven",
    "Value",
    "Window",
    "as_image",
    "check_dtype",
    "derive",
    "from_array",
    "is_number",
    "map_tiles",
    "operation",
    "pixel_extents",
    "pixel_type",
    "reduce_tiles",
    "refuse_masked",
    "require_connectivity",
    "require_mask",
    "require_number",
    "require_one_shape",
    "require_scalar_pixels",
    "where",
]
