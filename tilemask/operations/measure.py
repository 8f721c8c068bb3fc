"""Tables of objects: one row per label, made of sums that tiles collect in one pass.

What is collected is integers (pixels, powers of coordinates, patterns of neighbours, extents per line, how often a
value occurs), so it can be added over tiles in any order; a property is computed when its object is complete. What
needs neighbours across seams is an image of its own, made with a reach, that the survey then counts core by core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from tilemask.errors import InputError
from tilemask.image import Image, Stream, Value, operation, reduce_tiles
from tilemask.operations.asked import asked_of, images_read
from tilemask.operations.tables import finish_table, gather_table
from tilemask.stitch.measures import combine_measures, survey_measures


@operation("rounded", reference="skimage.measure.regionprops_table(labels, image, properties=properties)")
def measure(
    labels: Image,
    image: Image | None = None,
    *,
    properties: Sequence[str] = ("label", "area", "bbox", "centroid"),
    spacing: float | Sequence[float] | str | None = None,
) -> Value:
    """Measure every object of a label image: a table with one row per label.

    Parameters
    ----------
    labels : Image or array of integers, (rows, columns) or (planes, rows, columns)
        0 is background. The pixels of a label need not be connected.
    image : Image or array, optional
        Pixels for what is named intensity or weighted, of the spatial shape of `labels`, with channels or without.
    properties : sequence of str, optional
        Names as of ``skimage.measure.regionprops``, and `intensity_sum`. A name that is not known is an error that
        lists them.
    spacing : "pixel_size", float or sequence of float, optional
        Extent of a pixel, for all or per spatial axis; "pixel_size" takes that of `labels`. Without it, lengths and
        areas are in pixels. Boxes always are.

    Returns
    -------
    Value, or pandas.DataFrame for arrays
        ``compute()`` gives a pandas.DataFrame: rows in ascending order of labels, columns named as by
        ``skimage.measure.regionprops_table`` (``bbox-0``, …, ``intensity_mean-1`` for the second channel). `save`
        writes it as Parquet or CSV, a piece at a time.

    Raises
    ------
    InputError
        For labels that are a mask, floats, or have channels; an unknown property, one that is not defined in 3-D or for
        pixels of unequal sides; a property of pixels without `image`; and, when it is computed, for negative labels.

    Notes
    -----
    Exactness: one table for every tile grid, to the bit. Without `spacing` these are the reference's to the bit:
    `label`, `num_pixels`, `area`, `area_bbox`, `area_convex`, `area_filled`, `bbox`, `centroid`, `centroid_local`,
    `equivalent_diameter_area`, `euler_number`, `extent`, `feret_diameter_max`, `moments`, `perimeter`,
    `perimeter_crofton`, `solidity`; `intensity_min`, `intensity_median` and `intensity_max`; and of integers
    `intensity_mean`, `centroid_weighted`, `centroid_weighted_local` and `moments_weighted`, as long as sums stay below
    2^53, where the reference begins to round. The others (central, normalized and Hu moments, `inertia_tensor`,
    `inertia_tensor_eigvals`, `axis_major_length`, `axis_minor_length`, `eccentricity`, `orientation`, `intensity_std`,
    the mean and the weighted moments of floats) follow from exact sums that are rounded once, where the reference adds
    floats: they differ in the last bits, and are 0 where the reference has 1e-17 for a zero. Objects that are flat in a
    volume have the hull of the faces of their voxels, where the reference finds none.

    One pass; where a property looks at neighbours (`perimeter`, `perimeter_crofton`, `euler_number`) and the labels are
    made by `label`, one more. The table is made about 2^18 rows at a time, so its size is bounded by the disk; so is
    the size of what `intensity_median` notes: up to 22 bytes per pixel of an object and channel.
    """
    if isinstance(properties, str) or not isinstance(properties, Sequence) or not properties:
        raise InputError(f"measure: properties= is a list of names, as in ('label', 'area'); found {properties!r}.")
    asked = asked_of(labels, image, properties, spacing, "measure")
    value: Value = reduce_tiles(
        survey_measures,
        *images_read(asked, labels, image),
        combine=combine_measures,
        finish=partial(finish_table, asked=asdict(asked)),
        pieces=Stream("table", gather_table),
        places=True,
        cost=30.0,
        workspace=asked.workspace,
        **asked.collected,
    )
    return value
