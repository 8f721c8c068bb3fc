"""What the operations on objects do with one tile: a survey function and a kernel for each.

Both label the core: labelling a tile again costs less than to store its labels and to read them back (6 ms at
2048², less than Zarr takes for its 16 MB). Where no object of a tile lies on a seam the record is None, and the kernel
decides alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError
from tilemask.image import Place
from tilemask.stitch.components import apply_table, begun_by_line, label_components
from tilemask.stitch.faces import on_faces
from tilemask.stitch.numbering import number_note, number_table
from tilemask.stitch.parts import seam_part
from tilemask.stitch.totals import apply_totals, totals_note


def survey_numbers(pixels: NDArray[Any], *, place: Place, connectivity: int) -> tuple[Any, Any]:
    """Count roots per line and send what lies on the seams."""
    labels = label_components(pixels, connectivity)
    begun = begun_by_line(labels)
    values = None if pixels.dtype == np.bool_ else pixels
    part, edge = seam_part(labels, begun, place, connectivity=connectivity, values=values)
    return part, number_note(begun, edge)


def number_components(pixels: NDArray[Any], *, record: Any, connectivity: int, target: str) -> NDArray[Any]:
    """Label a core with final numbers."""
    if record is None:
        return np.zeros(pixels.shape, target)
    return apply_numbers(label_components(pixels, connectivity), record, target)


def apply_numbers(labels: NDArray[Any], record: Any, target: str) -> NDArray[Any]:
    """Turn the numbers of a core's components into final ones."""
    table = number_table(begun_by_line(labels), record, np.dtype(target))
    if np.array_equal(table, np.arange(len(table))):
        return labels.astype(target, copy=False)
    return apply_table(table, labels)


def survey_outside(mask: NDArray[Any], *, place: Place) -> tuple[Any, Any]:
    """Send the background on the seams, weighted by whether it touches the image border."""
    labels = label_components(~mask, 1)
    touches = on_faces(labels, place.core.border_faces(place.shape))
    return _seams(labels, place, 1, touches.astype(np.int64), known=np.flatnonzero(touches))


def fill_inside(mask: NDArray[Any], *, record: Any) -> NDArray[Any]:
    """Fill the background components that do not reach the image border."""
    labels = label_components(~mask, 1)
    filled = apply_totals(np.zeros(int(labels.max()) + 1, np.int64), record) == 0
    return apply_table(filled, labels)


def survey_strong(image: NDArray[Any], *, place: Place, low: Any, high: Any) -> tuple[Any, Any]:
    """Send what is above `low` on the seams, weighted by whether it holds a pixel above `high`."""
    weak, strong = _above(image, low, high)
    labels = label_components(weak, 1)
    return _seams(labels, place, 1, _holds(labels, strong).astype(np.int64))


def classes(image: NDArray[Any], *, low: Any, high: Any) -> NDArray[np.uint8]:
    """1 above `low`, 2 above `high`: the same components at the levels 0 and 1."""
    weak, strong = _above(image, low, high)
    return np.add(weak, strong, dtype=np.uint8)


def keep_strong(image: NDArray[Any], *, record: Any, low: Any, high: Any) -> NDArray[Any]:
    """Keep the components that hold a pixel above `high`."""
    weak, strong = _above(image, low, high)
    labels = label_components(weak, 1)
    kept = apply_totals(_holds(labels, strong).astype(np.int64), record) > 0
    return apply_table(kept, labels)


def survey_areas(mask: NDArray[Any], *, place: Place, connectivity: int) -> tuple[Any, Any]:
    """Send the objects on the seams, weighted by their area."""
    labels = label_components(mask, connectivity)
    return _seams(labels, place, connectivity, _areas(labels, mask))


def drop_small(mask: NDArray[Any], *, record: Any, max_size: int, connectivity: int) -> NDArray[Any]:
    """Remove components of up to `max_size` pixels."""
    check_size(max_size)
    labels = label_components(mask, connectivity)
    kept = apply_totals(_areas(labels, mask), record) > max_size
    return apply_table(kept, labels)


def drop_small_labels(labels: NDArray[Any], *, record: Any, max_size: int) -> NDArray[Any]:
    """Set labels of up to `max_size` pixels to 0."""
    check_size(max_size)
    if record is None:
        return labels
    small = record["values"][record["sizes"] <= max_size].astype(labels.dtype)
    return np.where(np.isin(labels, small), labels.dtype.type(0), labels)


def _seams(
    labels: NDArray[Any],
    place: Place,
    connectivity: int,
    weights: NDArray[np.int64],
    known: NDArray[np.int64] | None = None,
) -> tuple[Any, Any]:
    part, edge = seam_part(labels, begun_by_line(labels), place, connectivity=connectivity, weights=weights)
    return part, totals_note(edge, weights, known)


def _holds(labels: NDArray[Any], pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Per component whether it holds one of these pixels; never true of the background."""
    holds = np.zeros(int(labels.max()) + 1, np.bool_)
    holds[_labels_at(labels, pixels)] = True
    holds[0] = False
    return holds


def _areas(labels: NDArray[Any], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels per component, counted on the objects alone: half the time of counting the background too."""
    return np.bincount(_labels_at(labels, mask), minlength=int(labels.max()) + 1)


def _labels_at(labels: NDArray[Any], pixels: NDArray[np.bool_]) -> NDArray[Any]:
    """``labels[pixels]`` in raster order; on noise in a third of the time (2048², 45 % true: 8 ms, 23 ms)."""
    return np.take(labels, np.flatnonzero(pixels))


def _above(image: NDArray[Any], low: Any, high: Any) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The two masks of the reference; it clips with NumPy, whose float64 then decides in which type `low` compares."""
    for name, level in (("low", low), ("high", high)):
        check_level(name, level)
    return image > np.clip(low, a_min=None, a_max=high), image > high


def check_size(size: Any) -> None:
    """Refuse what is no number of pixels; a size that is a value is known here first."""
    if not isinstance(size, int | float | np.number) or not size >= 0:
        raise InputError(f"max_size is a number of pixels, 0 or more; found {size!r}.")


def check_level(name: str, level: Any) -> None:
    """Refuse what is no number, and NaN: the reference would return all of the image."""
    if not isinstance(level, int | float | np.integer | np.floating):
        raise InputError(f"hysteresis: {name} is a number, or a value of a survey; found {level!r}.")
    if level != level:
        raise InputError(f"hysteresis: {name} is NaN, and no pixel is above or below it. Give a number.")
