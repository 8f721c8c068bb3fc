"""Rows of the tables of objects, and of what keeps some of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist
from skimage import measure, segmentation

import tilemask as tm
from tests.exactness.case import Case
from tilemask.operations.properties import PROPERTIES

LABELS = ("uint8", "uint16", "uint32")
PIXELS = (("uint8", "uint8"), ("uint8", "int16"), ("uint16", "uint16"), ("uint16", "bool"))
WIDE = (("uint8", "float32"), ("uint16", "float64"), ("uint8", "int32"), ("uint8", "int64"))
RANKS = ("intensity_min", "intensity_median", "intensity_max")


def few(labels: Any) -> Any:
    """At most nine labels, most of them disconnected."""
    steps = 65_536 if labels.dtype.itemsize > 2 else int(np.iinfo(labels.dtype).max) + 1
    return labels // (steps // 8)


def names(ndim: int, kinds: str, exactness: str | None = None) -> tuple[str, ...]:
    """Properties that are defined for so many axes: of boxes and shapes, or of pixels."""
    return tuple(
        name
        for name, p in PROPERTIES.items()
        if ndim in p.ndim
        and exactness in (None, p.exactness)
        and p.needs.startswith(("image", "weighted")) == (kinds != "shapes")
        and (exactness is None or name != "intensity_sum")
        and (exactness is None or ndim == 2 or name not in SOLID)
    )


def table(*, properties: tuple[str, ...]) -> Callable[..., Any]:
    def call(labels: Any, image: Any = None) -> Any:
        return tm.measure(few(labels), image, properties=("label", *properties))

    return call


def sk_table(*, properties: tuple[str, ...]) -> Callable[..., Any]:
    def call(labels: NDArray[Any], image: Any = None) -> Any:
        found = measure.regionprops_table(few(labels).astype(np.int64), image, properties=("label", *properties))
        return pandas.DataFrame(found)

    return call


SOLID = ("area_convex", "solidity", "feret_diameter_max")


def solid_hull(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``convex_hull_image`` without its first step, which thins voxels out and fails where all lie in one plane."""
    offsets = np.concatenate((np.eye(3), -np.eye(3))) / 2
    facets = ConvexHull(np.unique((np.argwhere(image)[:, None] + offsets).reshape(-1, 3), axis=0)).equations
    return ((np.indices(image.shape).transpose(1, 2, 3, 0) @ facets[:, :3].T + facets[:, 3]) < 1e-10).all(axis=-1)


def sk_solids(labels: NDArray[Any]) -> NDArray[Any]:
    rows = []
    for region in measure.regionprops(few(labels).astype(np.int64)):
        inside = solid_hull(region.image)
        voxels = np.argwhere(region.image)
        if np.linalg.matrix_rank(voxels - voxels[0]) == 3:
            assert np.array_equal(inside, region.image_convex)
        surface = measure.marching_cubes(np.pad(inside, 2).astype(float), level=0.5)[0]
        width = np.sqrt(pdist(surface, "sqeuclidean").max())
        rows.append((region.label, inside.sum(), region.area / inside.sum(), width))
    return pandas.DataFrame(np.array(rows, float).reshape(-1, 4), columns=["label", *SOLID]).astype({"label": int})


def _tables() -> list[Case]:
    cases = []
    for ndim in (2, 3):
        exact, every = names(ndim, "shapes", "exact"), names(ndim, "shapes")
        of_pixels = names(ndim, "pixels", "exact")
        cases += [
            Case("measure", table(properties=exact), sk_table(properties=exact), LABELS, (ndim,), "shapes"),
            Case("measure", table(properties=every), None, LABELS[:1], (ndim,), "all shapes"),
            Case("measure", table(properties=of_pixels), sk_table(properties=of_pixels), PIXELS, (ndim,), "pixels"),
            Case("measure", table(properties=names(ndim, "pixels")), None, PIXELS[:3], (ndim,), "all pixels"),
            Case("measure", table(properties=RANKS), sk_table(properties=RANKS), WIDE, (ndim,), "ranks"),
            Case("measure", table(properties=names(ndim, "pixels")), None, WIDE, (ndim,), "wide pixels"),
        ]
    cases.append(Case("measure", table(properties=SOLID), sk_solids, LABELS[:2], (3,), "solids"))
    return cases


def selected(where: str) -> Callable[..., Any]:
    def call(labels: Any, image: Any = None) -> Any:
        return tm.select(few(labels), image, where=where)

    return call


BANDS = " or ".join(f"{16 * n} < perimeter <= {16 * n + 8}" for n in range(30))
"""So narrow that a perimeter that is a little wrong is on the other side of an edge."""


def in_bands(perimeter: float) -> bool:
    return any(16 * n < perimeter <= 16 * n + 8 for n in range(30))


def sk_selected(rule: Callable[[Any], bool]) -> Callable[..., Any]:
    def call(labels: NDArray[Any], image: Any = None) -> NDArray[Any]:
        labels = few(labels)
        found = measure.regionprops(labels.astype(np.int64), image)
        return np.where(np.isin(labels, [r.label for r in found if rule(r)]), labels, labels.dtype.type(0))

    return call


def _select(where: str, rule: Callable[[Any], bool], dtypes: Any = LABELS[:2], ndim: tuple[int, ...] = (2, 3)) -> Case:
    return Case("select", selected(where), sk_selected(rule), dtypes, ndim, where)


def np_largest(labels: NDArray[Any], *, count: int) -> NDArray[Any]:
    values, sizes = np.unique(labels[labels > 0], return_counts=True)
    kept = sorted(zip(-sizes, values, strict=True))[:count]
    return np.where(np.isin(labels, [v for _, v in kept]), labels, labels.dtype.type(0))


def sk_sequential(labels: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(segmentation.relabel_sequential(labels)[0])


def _border(buffer_size: int, dtypes: tuple[str, ...], *, may_raise: bool = False) -> Case:
    options = {"buffer_size": buffer_size}
    return Case(
        "clear_border",
        partial(tm.clear_border, **options),
        partial(segmentation.clear_border, **options),
        dtypes,
        (2, 3),
        f"{buffer_size=}",
        may_raise=may_raise,
    )


CASES: list[Case] = [
    *_tables(),
    _select("area > 50 and not 3 <= label < 5", lambda r: r.area > 50 and not 3 <= r.label < 5),
    _select("bbox_0 > 2 or euler_number <= 0", lambda r: r.bbox[0] > 2 or r.euler_number <= 0),
    Case(
        "select",
        selected(f"({BANDS}) and solidity > 0.1 or perimeter ** 2 / area > 900"),
        sk_selected(lambda r: (in_bands(r.perimeter) and r.solidity > 0.1) or r.perimeter**2 / r.area > 900),
        LABELS[:2],
        (2,),
        "perimeter in bands",
    ),
    _select("intensity_mean > 1000 + 2 * intensity_min", lambda r: r.intensity_mean > 1000 + 2 * r.intensity_min,
            PIXELS[1:3]),
    _select("intensity_median > 120 or area_filled > area + 2",
            lambda r: r.intensity_median > 120 or r.area_filled > r.area + 2, (PIXELS[0], WIDE[0])),
    *(
        Case(
            "keep_largest",
            lambda labels, count=count: tm.keep_largest(few(labels), count=count),
            lambda labels, count=count: np_largest(few(labels), count=count),
            LABELS,
            (2, 3),
            f"{count=}",
        )
        for count in (0, 1, 3)
    ),
    Case("keep_largest", tm.keep_largest, partial(np_largest, count=1), LABELS[:2], (2,), "many ties"),
    Case("relabel_sequential", tm.relabel_sequential, sk_sequential, (*LABELS, "int64"), (2, 3), may_raise=True),
    _border(0, ("bool", "uint8", "uint16", "int16")),
    _border(2, ("bool", "uint8"), may_raise=True),
    Case(
        "clear_border",
        lambda labels: tm.clear_border(few(labels)),
        lambda labels: segmentation.clear_border(few(labels)),
        LABELS[:2],
        (2, 3),
        "few",
    ),
]  # fmt: skip
