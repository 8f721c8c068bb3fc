"""Operations that keep some objects of a label image: by what they measure, by rank, by where they lie.

Labels that stay keep their numbers, until `relabel_sequential` closes the gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import InputError
from tilemask.image import Image, Value, map_tiles, operation, reduce_tiles, require_scalar_pixels
from tilemask.operations.asked import Asked, asked_of, images_read, require_labels
from tilemask.operations.expression import column_of, fulfilled, names_in, parse
from tilemask.operations.properties import PROPERTIES
from tilemask.operations.tables import columns_of, no_rows
from tilemask.stitch.columns import Rows
from tilemask.stitch.measures import combine_measures, survey_measures
from tilemask.stitch.merging import objects_by_range
from tilemask.stitch.parts import combine_parts
from tilemask.stitch.relabelling import (
    check_count,
    clear_touching,
    drop_labels,
    finish_ranks,
    finish_sequence,
    gone_by_tile,
    keep_first,
    renumber,
    survey_touching,
)
from tilemask.stitch.sizes import combine_sizes, survey_sizes
from tilemask.stitch.totals import finish_totals


@operation("rounded", reference="labels kept where skimage.measure.regionprops fulfils the condition")
def select(
    labels: Image,
    image: Image | None = None,
    *,
    where: str,
    spacing: float | Sequence[float] | str | None = None,
) -> Image:
    """Keep the labels whose objects fulfil a condition; the others become background.

    Parameters
    ----------
    labels : Image or array of integers, (rows, columns) or (planes, rows, columns)
    image : Image or array, optional
        Pixels for what is named intensity or weighted.
    where : str
        A condition on the properties of `measure`, as in ``"area > 50 and solidity > 0.9"``. It may hold comparisons
        (also ``10 < area < 50``), ``and``, ``or``, ``not``, ``+ - * / **``, ``abs``, ``min``, ``max``, numbers and
        parentheses. One of several numbers has its place appended: ``bbox_0``, ``intensity_mean_1``.
    spacing : "pixel_size", float or sequence of float, optional
        As in `measure`.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape and dtype of `labels`; labels that stay keep their numbers.

    Raises
    ------
    InputError
        For anything else in the condition, which is never run as code, and as in `measure`.

    Notes
    -----
    Exactness: one result for every tile grid; a condition on exact properties alone gives what the reference gives. A
    comparison with NaN is false. Two passes over the labels, and 8 bytes of memory per label that goes.
    """
    tree = parse(where)
    names = {name: column_of(name, PROPERTIES) for name in names_in(tree)}
    asked = asked_of(labels, image, ("label", *dict.fromkeys(base for base, _ in names.values())), spacing, "select")
    known = no_rows(asked)
    for name, (base, column) in names.items():
        if column not in known:
            wanted = ", ".join(c.replace("-", "_") for c in known if c.partition("-")[0] == base)
            raise InputError(f"select: {name!r} in {where!r} is no single number. Known are {wanted}.")
    gone = reduce_tiles(
        survey_measures,
        *images_read(asked, labels, image),
        combine=combine_measures,
        finish=partial(finish_selection, asked=asdict(asked), where=where),
        places=True,
        records=True,
        cost=30.0,
        workspace=asked.workspace,
        **asked.collected,
    )
    made: Image = map_tiles(drop_labels, labels, records=gone, user=False, cost=5.0)
    return made


def finish_selection(
    part: dict[str, Any], read_note: Callable[[int], Rows | None], grid: Grid, *, asked: dict[str, Any], where: str
) -> Iterator[tuple[int, dict[str, NDArray[np.int64]] | None]]:
    """Give each tile those of its labels that do not fulfil the condition."""
    tree, wanted, gone = parse(where), Asked(**asked), [np.empty(0, np.int64)]
    names = {name: column_of(name, PROPERTIES)[1] for name in names_in(tree)}
    for rows in objects_by_range(part, read_note, **wanted.merged):
        columns = columns_of(rows, wanted)
        kept = fulfilled(tree, {name: columns[column] for name, column in names.items()})
        gone.append(columns["label"][~np.broadcast_to(kept, columns["label"].shape)])
    return gone_by_tile(np.concatenate(gone), read_note, grid, "label")


@operation("exact", reference="labels whose pixel count is among the `count` largest, the lower label first")
def keep_largest(labels: Image, *, count: int | Value = 1) -> Image:
    """Keep the `count` largest objects of a label image; the others become background.

    Parameters
    ----------
    labels : Image or array of integers, (rows, columns) or (planes, rows, columns)
        0 is background.
    count : int or Value, optional
        How many objects stay. Of objects of equal size those with the lowest labels do.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape and dtype of `labels`; labels that stay keep their numbers.

    Raises
    ------
    InputError
        For masks, floats, channels, negative labels, and a count below 0.

    Notes
    -----
    Exactness: exact. Two passes; about 60 bytes of memory per label.
    """
    require_labels(labels, "keep_largest")
    if not isinstance(count, Value):
        check_count(count)
    ranks = reduce_tiles(survey_sizes, labels, combine=combine_sizes, finish=finish_ranks, places=True, records=True)
    made: Image = map_tiles(keep_first, labels, records=ranks, user=False, cost=5.0, count=count)
    return made


@operation("exact", reference="skimage.segmentation.relabel_sequential(labels)[0]")
def relabel_sequential(labels: Image) -> Image:
    """Number the labels that occur 1…K, in their ascending order.

    Parameters
    ----------
    labels : Image or array of integers, (rows, columns) or (planes, rows, columns)
        0 is background and stays.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape and dtype of `labels`.

    Raises
    ------
    InputError
        For masks, floats, channels, and negative labels.

    Notes
    -----
    Exactness: exact, the first result of ``skimage.segmentation.relabel_sequential(labels)``, up to the dtype where all
    positive numbers of a signed type occur: there scikit-image turns to the unsigned one. Two passes; about 60 bytes of
    memory per label.
    """
    require_labels(labels, "relabel_sequential")
    numbers = reduce_tiles(
        survey_sizes, labels, combine=combine_sizes, finish=finish_sequence, places=True, records=True
    )
    made: Image = map_tiles(renumber, labels, records=numbers, user=False, cost=5.0)
    return made


@operation("exact", reference="skimage.segmentation.clear_border(labels, buffer_size=buffer_size)")
def clear_border(labels: Image, *, buffer_size: int = 0) -> Image:
    """Clear the objects that touch the image border.

    Parameters
    ----------
    labels : Image or array of bool or integers, (rows, columns) or (planes, rows, columns)
        An object is a connected component of equal values, neighbours at corners included; 0 is background.
    buffer_size : int, optional
        Objects with a pixel at most so many pixels away from the outermost ones go as well.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Shape and dtype of `labels`.

    Raises
    ------
    InputError
        For floats, channels, and a buffer that is negative or as large as the image.

    Notes
    -----
    Exactness: exact, ``skimage.segmentation.clear_border(labels, buffer_size=buffer_size)``. A label of several
    components loses those that touch the border. Two passes, as `label`.
    """
    require_scalar_pixels(labels, "clear_border")
    if labels.dtype.kind == "f":
        raise InputError(f"clear_border works on a mask (bool) or on labels (integers); found {labels.dtype}.")
    sides = labels.spatial_shape
    if (
        isinstance(buffer_size, bool)
        or not isinstance(buffer_size, int | np.integer)
        or not 0 <= buffer_size < min(sides)
    ):
        raise InputError(
            f"clear_border: buffer_size is a number of pixels, 0 or more and below every side of the image {sides}; "
            f"found {buffer_size!r}."
        )
    touching = reduce_tiles(
        survey_touching,
        labels,
        combine=combine_parts,
        finish=finish_totals,
        places=True,
        records=True,
        buffer_size=int(buffer_size),
    )
    made: Image = map_tiles(clear_touching, labels, records=touching, user=False, cost=6.0)
    return made
