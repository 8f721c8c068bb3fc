"""Outlines: polygons of labels, contours of masks, and polygons back to pixels.

A line passes through as many tiles as it likes, so it is a survey: a tile draws what belongs to its own pixels, and the
ends meet afterwards (see `tilemask.stitch.cracks`). What a tile must know of its neighbours is one pixel wide, and
comes from a kernel with a reach of one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from tilemask.errors import InputError
from tilemask.image import (
    FinishBytes,
    Image,
    Stream,
    Value,
    map_tiles,
    operation,
    reduce_tiles,
    require_mask,
    require_scalar_pixels,
)
from tilemask.image.region import enclose
from tilemask.operations.objects import label
from tilemask.read.polygons import Shapes, open_polygons
from tilemask.read.scanlines import polygon_source
from tilemask.stitch.contours import gather_contours
from tilemask.stitch.cracks import crack_codes
from tilemask.stitch.outlines import Outlines, gather_outlines
from tilemask.stitch.tracing import POINTS, combine_cracks, finish_contours, finish_polygons, survey_cracks

PIXEL_BYTES = 220
"""The most that tracing a tile took, on noise where every pixel is a label of its own; nuclei take 20."""
CLOSING = FinishBytes(fixed=220 * POINTS, tile_pixel=60)
"""The most that closing lines took, 220 bytes per point, and reading the lines of a tile."""


@operation("exact", reference="the borders of pixels: areas are counts of pixels, and rasterize gives the labels back")
def polygons(
    labels: Image,
    *,
    connectivity: int = 2,
    units: Literal["pixel", "physical"] = "pixel",
    object_type: Literal["annotation", "detection"] = "annotation",
    classification: str | None = None,
) -> Value:
    """Outline every label by polygons along the borders of its pixels, with holes.

    Parameters
    ----------
    labels : Image or array of bool or integers, (rows, columns)
        0 is background. A mask is labelled first.
    connectivity : int, optional
        For a mask: pixels of one object are neighbours with common sides (1), or common corners too (2).
    units : {"pixel", "physical"}, optional
        Whether `to_shapely` and files give pixels, or multiply by the pixel size of the image.
    object_type : {"annotation", "detection"}, optional
        What QuPath shall take the features of a GeoJSON file for; it holds millions of detections.
    classification : str, optional
        Name of a class that files give every feature.

    Returns
    -------
    Value, or Outlines for an array
        One feature per label, ascending; `tilemask.save` writes them as GeoJSON or GeoParquet.

    Raises
    ------
    InputError
        For floats, channels, volumes, 2³¹ pixels along an axis, and physical units of an image without pixel size.

    Notes
    -----
    Exactness: exact, in whole numbers: the corners of pixels, 0, 0 being the upper left one of the first pixel. The
    area of a feature is its count of pixels. Polygons are valid: parts of a label that meet at a corner only are parts
    of a multipolygon, and a hole that reaches its exterior at a corner is a hole. Rings have corners only, begin at the
    first in raster order, and run counter-clockwise in x, y for exteriors and clockwise for holes (RFC 7946).

    One pass over labels, which may be in any order, connected or not; two over a mask. A tile of nuclei takes 20 bytes
    per pixel, one of noise 220, which are billed. Its lines lie in scratch; labels are closed in ranges of a million
    points, which are billed too. Not known before, and not billed: a label that has more points than that (220 bytes
    for each), and 24 to 100 bytes per label and tile that shows it. About 40 ns per pixel of nuclei.
    """
    require_scalar_pixels(labels, "polygons")
    require_plane(labels, "polygons")
    if labels.dtype.kind == "f":
        raise InputError(
            f"polygons works on labels (integers) or on a mask (bool); found {labels.dtype}. Compare first, as in "
            "image > level, or use find_contours for lines of equal level."
        )
    if object_type not in ("annotation", "detection"):
        raise InputError(f'polygons: object_type is "annotation" or "detection"; found {object_type!r}.')
    if not (classification is None or isinstance(classification, str)):
        raise InputError(f"polygons: classification is a name, or None for none; found {classification!r}.")
    about = {"scale": _scale(labels, units), "object_type": object_type, "classification": classification}
    stream = Stream("outlines", gather_outlines)
    return _survey(labels, stream, finish_polygons, connectivity, across=False, about=about)


@operation("exact", reference="cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)")
def contours(mask: Image, *, connectivity: int = 2) -> Value:
    """Find the contours of a mask: the pixels along the outside and the holes of every object.

    Parameters
    ----------
    mask : Image or array of bool, (rows, columns)
    connectivity : int, optional
        Pixels of one object are neighbours with common sides (1), or common corners too (2).

    Returns
    -------
    Value, or Contours for an array
        A sequence of (n, 2) int32 arrays of rows and columns; ``parents`` names the outer contour of each hole.

    Raises
    ------
    InputError
        For anything but a mask of one channel and two axes.

    Notes
    -----
    Exactness: exact up to the first point and the order of contours, ``cv2.findContours(mask, cv2.RETR_CCOMP,
    cv2.CHAIN_APPROX_NONE)`` with connectivity 2, which is the only one OpenCV has; its points are (column, row).
    Contours are ordered by object, as `label` numbers them, the outer one first, then its holes in raster order. A
    contour begins at the pixel of its first corner in raster order and has the object on its left.

    Two passes; memory as of `polygons`.
    """
    require_scalar_pixels(mask, "contours")
    require_mask(mask, "contours")
    require_plane(mask, "contours")
    stream = Stream("outlines", gather_contours)
    about = {"across": connectivity == 2}
    return _survey(mask, stream, finish_contours, connectivity, across=connectivity == 2, about=about)


@operation("exact", reference="shapely.contains_xy(polygon, column + 0.5, row + 0.5)")
def rasterize(
    polygons: Any,
    like: Image,
    *,
    values: Literal["label"] | None = "label",
    units: Literal["pixel", "physical"] = "pixel",
) -> Image:
    """Make pixels of polygons: those whose centres lie inside.

    Parameters
    ----------
    polygons : Outlines, shapely geometries, GeoJSON mapping, GeoDataFrame, or path
        What `polygons` gives when it is computed, or saved as GeoJSON or GeoParquet; polygons and multipolygons, with
        holes, from anywhere else. In x, y, with 0, 0 at the upper left corner of the first pixel.
    like : Image or array, (rows, columns)
        The image whose pixels are meant.
    values : {"label", None}, optional
        Number every feature by its property ``label``, or 1, 2, … where none has one; None makes a mask.
    units : {"pixel", "physical"}, optional
        Whether coordinates count pixels, or have to be divided by the pixel size of `like`.

    Returns
    -------
    Image, or numpy.ndarray where `like` is one
        Labels, int32 where they fit, else int64, or a mask, of the spatial shape of `like`; 0 outside. Later features
        lie over earlier ones.

    Raises
    ------
    InputError
        For volumes; for features that are empty, no polygons, or not valid (they touch or cross themselves), with the
        first of them and the reason.

    Notes
    -----
    Exactness: exact, ``shapely.contains_xy`` at the centres of pixels. A centre on an edge, which shapely counts to no
    polygon, counts to the one on its right, or below it: polygons with a common edge share no pixel and leave none out.
    ``rasterize(polygons(labels), labels)`` gives the labels.

    No pass of its own: a tile looks at the polygons whose bounds touch it. All edges are held in memory, 32 bytes each,
    and travel to workers.
    """
    require_plane(like, "rasterize")
    if isinstance(polygons, Value):
        raise InputError("rasterize: the outlines are not computed yet; call compute() on them, or save them first.")
    if values not in ("label", None):
        raise InputError(f'rasterize: values is "label", or None for a mask; found {values!r}.')
    scale = _scale(like, units)
    if isinstance(polygons, Outlines):
        shapes, scale = Shapes(replace(polygons, scale=(1.0, 1.0)).to_shapely(), polygons.labels), (1.0, 1.0)
    else:
        shapes = open_polygons(polygons)
    numbers = np.arange(1, len(shapes.geometries) + 1) if shapes.labels is None else shapes.labels
    small = not len(numbers) or (numbers.max() < 2**31 and numbers.min() >= -(2**31))
    painted = np.ones(len(numbers), bool) if values is None else numbers.astype(np.int32 if small else np.int64)
    source = polygon_source(shapes.geometries, painted, like.spatial_shape, scale)
    made = Image(source.shape, source.dtype, like.spatial_axes, source, like.pixel_size, like.unit)
    return made if like.region is None else enclose(made, like.region)


def _survey(
    image: Image, stream: Stream, finish: Any, connectivity: int, *, across: bool, about: dict[str, Any]
) -> Value:
    if connectivity not in (1, 2):
        raise InputError(f"connectivity is 1 (common sides) or 2 (common corners too); found {connectivity!r}.")
    if max(image.spatial_shape) > np.iinfo(np.int32).max:
        raise InputError(
            f"outlines are kept as pixels of 32 bits, below 2³¹ along an axis; found shape {image.spatial_shape}. "
            "Outline it part by part, as in image[:, :1_000_000_000], or downsample it."
        )
    labels = label(image, connectivity=connectivity) if image.dtype == np.bool_ else image
    # Of the mask, not of its labels: those are known core by core only, and would have to be kept to be looked beyond.
    codes = map_tiles(crack_codes, image, reach=1, dtype=np.uint8, cost=5.0, user=False, diagonals=across)
    made: Value = reduce_tiles(
        survey_cracks,
        labels,
        codes,
        combine=combine_cracks,
        finish=finish,
        pieces=stream,
        places=True,
        cost=25.0,
        workspace=PIXEL_BYTES,
        finish_bytes=CLOSING,
        across=across,
        about=about,
    )
    return made


def require_plane(image: Image, what: str) -> None:
    """Refuse volumes."""
    if len(image.spatial_axes) != 2:
        raise InputError(
            f"{what} works on planes (yx); found axes {image.axes!r}, shape {image.shape}. Open one plane: "
            "open_image(…, z=0)."
        )


def _scale(image: Image, units: str) -> tuple[float, float]:
    if units == "pixel":
        return 1.0, 1.0
    if units != "physical":
        raise InputError(f'units is "pixel" or "physical"; found {units!r}.')
    if image.pixel_size is None:
        raise InputError(
            "physical units need the size of a pixel, and the image has none. Open it with pixel_size=…, "
            'or take units="pixel".'
        )
    row, column = image.pixel_size
    return row, column
