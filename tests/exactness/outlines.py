"""Rows of outlines. Results are compared as arrays: the suite's comparison is one of arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray
from skimage import measure

import tilemask as tm
from tests.exactness.case import Case
from tilemask.image import Value, derive
from tilemask.stitch.contours import Contours
from tilemask.stitch.outlines import Outlines

LABELS = ("bool", "uint8", "int16", "uint16", "int32", "int64", "uint64")


def then(operation: Callable[..., Any], flatten: Callable[[Any], NDArray[Any]]) -> Callable[..., Any]:
    """The operation, its result made into one array."""

    def call(*images: Any) -> Any:
        made = operation(*images)
        return derive(flatten, made) if isinstance(made, Value) else flatten(made)

    return call


def columns(outlines: Outlines | Contours) -> NDArray[np.float64]:
    """All that outlines hold, in their order."""
    return np.concatenate(
        [np.ravel(getattr(outlines, n)).astype(float) for n in outlines.__dataclass_fields__ if n != "scale"]
    )


def cracks_of(outlines: Outlines) -> NDArray[np.int64]:
    """Label, row, column and direction of every side of a pixel on a ring, sorted."""
    found = [np.empty((0, 4), np.int64)]
    for outline in outlines:
        for ring in (r for polygon in outline.polygons for r in polygon):
            step = np.roll(ring, -1, axis=0) - ring
            for corner, length, unit in zip(ring, np.abs(step).sum(axis=1), np.sign(step), strict=True):
                begins = corner + np.arange(length)[:, None] * unit
                turn = 2 * unit[0] + unit[1]
                found.append(np.column_stack((np.full((length, 1), outline.label), begins, np.full((length, 1), turn))))
    rows = np.concatenate(found)
    return rows[np.lexsort(rows.T[::-1])]


def cracks(array: NDArray[Any], *, connectivity: int = 2) -> NDArray[np.int64]:
    """The same, from the pixels."""
    labels = measure.label(array, connectivity=connectivity) if array.dtype == np.bool_ else array.astype(np.int64)
    padded = np.pad(labels.astype(np.int64), 1)
    found = [np.empty((0, 4), np.int64)]
    for row, column, corner, turn in ((-1, 0, (0, 0), 1), (0, 1, (0, 1), 2), (1, 0, (1, 1), -1), (0, -1, (1, 0), -2)):
        beside = np.roll(padded, (-row, -column), (0, 1))
        at = np.argwhere((padded != beside) & (padded != 0))
        rest = at - 1 + np.array(corner)
        found.append(np.column_stack((padded[tuple(at.T)], rest, np.full(len(at), turn))))
    rows = np.concatenate(found)
    return rows[np.lexsort(rows.T[::-1])]


def turned(line: Sequence[Any], closed: bool) -> tuple[Any, ...]:
    """A closed line from its least rotation on."""
    points = [tuple(map(float, p)) for p in line]
    if not closed:
        return tuple(points)
    starts = [i for i, p in enumerate(points) if p == min(points)]
    return min(tuple(points[i:] + points[:i]) for i in starts)


def as_rows(lines: Sequence[tuple[Any, ...]]) -> NDArray[np.float64]:
    """Lines in sorted order, one row per point: number of the line, and what belongs to it."""
    rows = [(number, *np.ravel(point)) for number, line in enumerate(sorted(lines)) for point in line]
    return np.array(rows, np.float64) if rows else np.empty(0)


def with_parents(found: Contours) -> NDArray[np.float64]:
    """Every contour followed by that of its parent, each from its least rotation on."""
    lines = [turned(c, closed=True) for c in found]
    return as_rows([line + (lines[p] if p >= 0 else ()) for line, p in zip(lines, found.parents, strict=True)])


def cv2_contours(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    found, hierarchy = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    lines = [turned(c[:, 0, ::-1], closed=True) for c in found]
    parents = hierarchy[0][:, 3] if found else ()
    return as_rows([line + (lines[p] if p >= 0 else ()) for line, p in zip(lines, parents, strict=True)])


def isolines(found: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Lines without regard to their order, nor to where closed ones begin."""
    lines = []
    for line in found:
        closed = len(line) > 1 and bool((line[0] == line[-1]).all())
        lines.append((turned(line[:-1] if closed else line, closed), closed))
    return as_rows([line + (((-1.0, -1.0),) if closed else ()) for line, closed in lines])


def sk_contours(array: NDArray[Any], **options: Any) -> NDArray[np.float64]:
    return isolines(measure.find_contours(array, **options))


def _isolines(level: float, dtypes: tuple[str, ...], **options: Any) -> list[Case]:
    ours = partial(tm.find_contours, level=level, **options)
    shown = ", ".join(map(str, (level, *options.values())))
    reference = partial(sk_contours, level=level, **options)
    return [
        Case("find_contours", then(ours, isolines), reference, dtypes, (2,), shown, finite=True, may_raise=True),
        Case("find_contours", then(ours, columns), None, dtypes, (2,), f"{shown}, in order", may_raise=True),
    ]


POLYGONS = [
    shapely.Polygon([(1.2, 0.7), (14.1, 2.3), (9.4, 19.9), (-3.3, 8.8)], [[(4.1, 4.2), (8.3, 5.1), (6.6, 9.7)]]),
    shapely.MultiPolygon([shapely.box(2.2, 3.3, 7.7, 30.1), shapely.box(12.4, 6.1, 40.9, 8.2)]),
    shapely.Point(20.3, 11.7).buffer(6.45),
]


def inside(array: NDArray[Any]) -> NDArray[np.int32]:
    row, column = np.indices(array.shape) + 0.5
    labels = np.zeros(array.shape, np.int32)
    for number, polygon in enumerate(POLYGONS, 1):
        labels[shapely.contains_xy(polygon, column, row)] = number
    return labels


CASES: list[Case] = [
    Case("polygons", then(tm.polygons, columns), None, LABELS, (2,), "in order"),
    Case("polygons", then(tm.polygons, cracks_of), cracks, LABELS, (2,), "cracks"),
    Case(
        "polygons",
        then(partial(tm.polygons, connectivity=1), cracks_of),
        partial(cracks, connectivity=1),
        ("bool",),
        (2,),
        "connectivity=1",
    ),
    Case("contours", then(tm.contours, columns), None, ("bool",), (2,), "in order"),
    Case("contours", then(tm.contours, with_parents), cv2_contours, ("bool",), (2,)),
    Case("contours", then(partial(tm.contours, connectivity=1), columns), None, ("bool",), (2,), "connectivity=1"),
    *_isolines(99.5, ("uint8", "int16", "int64", "float32", "float64")),
    *_isolines(0.5, ("bool",), fully_connected="high"),
    *_isolines(4321.5, ("uint16", "float32"), fully_connected="high", positive_orientation="high"),
    *_isolines(40.25, ("float32", "float64"), positive_orientation="high"),
    Case(
        "find_contours",
        then(partial(tm.find_contours, level=96), columns),
        None,
        ("uint8",),
        (2,),
        "ties",
        may_raise=True,
    ),
    Case(
        "find_contours",
        then(lambda image, mask: tm.find_contours(image, 99.5, mask=mask), isolines),
        lambda image, mask: sk_contours(image, level=99.5, mask=mask),
        (("uint8", "bool"), ("float32", "bool")),
        (2,),
        "mask",
        finite=True,
        may_raise=True,
    ),
    Case("rasterize", partial(tm.rasterize, POLYGONS), inside, ("uint8", "float32"), (2,)),
]
