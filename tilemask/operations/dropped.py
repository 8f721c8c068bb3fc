"""How many markers lie outside the mask, and so divide nothing.

A marker may cross tiles, and be in the mask in another tile than the one that has it outside. So tiles send both kinds
of labels, and what is outside and nowhere inside is known when all tiles are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.image import Image, Value, operation, reduce_tiles, require_mask, require_one_shape
from tilemask.operations.asked import require_labels
from tilemask.stitch.rows import add_rows, joined
from tilemask.stitch.sizes import check_lowest

PIXEL_BYTES = 24
"""Labels that all differ, inside and outside, sorted."""


@operation("exact", reference="numpy.setdiff1d(markers, numpy.where(mask, markers, 0)).size")
def dropped_markers(markers: Image, mask: Image) -> Value:
    """Count the markers that have no pixel in the mask.

    `watershed` drops them, as scikit-image does: their labels are not in the result.

    Parameters
    ----------
    markers : Image or array of integers, (rows, columns) or (planes, rows, columns)
        Labels above 0; 0 is no marker. All pixels of a label are one marker.
    mask : Image or array of bool
        What is to be divided. Same shape.

    Returns
    -------
    Value of int64, or numpy.int64 for arrays
        Labels of `markers` without a pixel where the mask is true; 0 where every marker is in the mask at some pixel.

    Raises
    ------
    InputError
        For markers that are no integers or have channels, a mask that is not bool, unequal shapes; when it is computed,
        for negative markers.

    Notes
    -----
    Exactness: exact, ``numpy.setdiff1d(markers, numpy.where(mask, markers, 0)).size``. One pass; 8 bytes of memory per
    label and tile that shows it.
    """
    require_labels(markers, "dropped_markers: markers=")
    require_mask(mask, "dropped_markers: mask=")
    require_one_shape([markers, mask], "dropped_markers")
    value: Value = reduce_tiles(
        survey_markers,
        markers,
        mask,
        combine=join_markers,
        finish=count_dropped,
        dtype=np.int64,
        workspace=PIXEL_BYTES,
    )
    return value


def survey_markers(markers: NDArray[Any], mask: NDArray[np.bool_]) -> dict[str, Any]:
    """The labels of a tile that are in the mask, and those that are outside it everywhere."""
    seeds = markers != 0
    inside = np.unique(markers[seeds & mask])
    outside = np.setdiff1d(markers[seeds & ~mask], inside)
    return {"lowest": int(markers.min()), "inside": _rows(inside), "outside": _rows(outside)}


def join_markers(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Merge two parts; the first may be changed."""
    for name in ("inside", "outside"):
        for rows in b[name]:
            add_rows(a[name], rows)
    a["lowest"] = min(a["lowest"], b["lowest"])
    return a


def count_dropped(part: dict[str, Any]) -> np.int64:
    """How many labels are outside the mask in some tile and inside it in none."""
    check_lowest(part)
    return np.int64(len(np.setdiff1d(joined(part["outside"], 1), joined(part["inside"], 1))))


def _rows(labels: NDArray[Any]) -> list[NDArray[np.int64]]:
    """A table of labels; those above 2⁶³ become negative, and stay apart."""
    return [labels.astype(np.int64)[:, None]] if len(labels) else []
