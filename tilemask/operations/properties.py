"""The properties of objects: what each needs of the tiles, and how it follows from the merged sums.

A formula is scikit-image's, operation by operation, so that equal sums give equal bits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.measure import moments_hu

from tilemask.operations.object_sums import Column, Objects, powers
from tilemask.stitch.patterns import PERIMETER_CODES

_PERIMETER_WEIGHTS = np.zeros(50)
_PERIMETER_WEIGHTS[[5, 7, 15, 17, 25, 27]] = 1
_PERIMETER_WEIGHTS[[21, 33]] = math.sqrt(2)
_PERIMETER_WEIGHTS[[13, 23]] = (1 + math.sqrt(2)) / 2
_SLANT, _CROSS = np.pi / (4 * np.sqrt(2)), np.pi / 4 * (1 + 1 / (np.sqrt(2)))
_CROFTON_WEIGHTS = np.array(
    [
        *(0, _CROSS, _SLANT, np.pi / (2 * np.sqrt(2)), 0, _CROSS, 0, _SLANT),
        *(np.pi / 4, np.pi / 2, _SLANT, _SLANT, np.pi / 4, np.pi / 2, 0, 0),
    ]
)


@dataclass(frozen=True, slots=True)
class Property:
    """One property of objects.

    Attributes
    ----------
    formula : callable
        Takes `Objects`, returns the column: one entry per object, more axes for a property of several numbers.
    needs : str
        What the tiles must collect beside boxes and counts: "first", "second", "all" (moments), "edges", "quads",
        "euler", "lines", "spans", "image", "image totals", "image squares", "image values", "weighted first",
        "weighted all".
    exactness : str
        "exact" where the bits are those of scikit-image, "rounded" where the last may differ.
    ndim : tuple of int
        Numbers of spatial axes for which it is defined.
    isotropic : bool
        Whether pixels must be as high as wide.
    """

    formula: Callable[[Objects], Column]
    needs: str = ""
    exactness: str = "exact"
    ndim: tuple[int, ...] = (2, 3)
    isotropic: bool = False


def _box(objects: Objects) -> Column:
    return np.concatenate((objects.rows["start"], objects.rows["stop"]), axis=1)


def _box_area(objects: Objects) -> Column:
    return np.asarray(np.prod(objects.sides, axis=1) * np.prod(objects.spacing))


def _diameter(objects: Objects) -> Column:
    return powers(2 * objects.ndim * objects.area / math.pi, 1 / objects.ndim)


def _centroid(objects: Objects) -> Column:
    return objects.centre(objects.rows["moments"], objects.orders, within=False) * objects.spacing


def _centroid_local(objects: Objects) -> Column:
    return objects.centre(objects.rows["moments"], objects.orders, within=True) * objects.spacing


def _moments(objects: Objects) -> Column:
    return _cube(objects.raw, objects.ndim)


def _moments_central(objects: Objects) -> Column:
    return _cube(objects.central, objects.ndim)


def _moments_normalized(objects: Objects) -> Column:
    return _normalized(_moments_central(objects), objects.spacing)


def _moments_hu(objects: Objects) -> Column:
    return _hu(_moments_normalized(objects))


def _axis_major_length(objects: Objects) -> Column:
    values = objects.eigenvalues
    if objects.ndim == 2:
        return 4 * np.sqrt(values[:, 0])
    return np.sqrt(np.maximum(0, 10 * (values[:, 0] + values[:, 1] - values[:, 2])))


def _axis_minor_length(objects: Objects) -> Column:
    values = objects.eigenvalues
    if objects.ndim == 2:
        return 4 * np.sqrt(values[:, -1])
    return np.sqrt(np.maximum(0, 10 * (-values[:, 0] + values[:, 1] + values[:, 2])))


def _eccentricity(objects: Objects) -> Column:
    longer, shorter = objects.eigenvalues.T
    point = longer == 0
    return np.where(point, 0.0, np.sqrt(1 - shorter / np.where(point, 1, longer)))


def _orientation(objects: Objects) -> Column:
    found = []
    for a, b, _, c in objects.inertia.reshape(-1, 4).tolist():
        upright = math.pi / 4 if b < 0 else -math.pi / 4
        found.append(upright if a - c == 0 else 0.5 * math.atan2(-2 * b, c - a))
    return np.array(found)


def _euler_number(objects: Objects) -> Column:
    return np.asarray(objects.rows["euler"] >> objects.ndim)


def _perimeter(objects: Objects) -> Column:
    counts = np.zeros((len(objects.count), 50), np.int64)
    counts[:, list(PERIMETER_CODES)] = objects.rows["edges"]
    return _dot(counts, _PERIMETER_WEIGHTS) * objects.spacing[0]


def _perimeter_crofton(objects: Objects) -> Column:
    return _dot(objects.rows["quads"], _CROFTON_WEIGHTS) * objects.spacing[0]


def _dot(counts: NDArray[np.int64], weights: NDArray[np.float64]) -> Column:
    """One dot product per object: a product of matrices might add in another order than the reference."""
    return np.matmul(counts.astype(np.float64)[:, None, :], weights[:, None])[:, 0, 0]


def _centroid_weighted_local(objects: Objects) -> Column:
    return _per_channel(objects, lambda c: objects.weighted_centre(c) * objects.spacing)


def _centroid_weighted(objects: Objects) -> Column:
    return _centroid_weighted_local(objects) + (objects.rows["start"] * objects.spacing)[:, :, None]


def _moments_weighted(objects: Objects) -> Column:
    return _per_channel(objects, lambda c: _cube(objects.weighted_raw(c), objects.ndim))


def _moments_weighted_central(objects: Objects) -> Column:
    return _per_channel(objects, lambda c: _cube(objects.weighted_central(c), objects.ndim))


def _moments_weighted_normalized(objects: Objects) -> Column:
    return _per_channel(
        objects, lambda c: _normalized(_cube(objects.weighted_central(c), objects.ndim), objects.spacing)
    )


def _moments_weighted_hu(objects: Objects) -> Column:
    found = _moments_weighted_normalized(objects)
    return _per_channel(objects, lambda c: _hu(np.ascontiguousarray(found[..., c])))


def _per_channel(objects: Objects, column: Callable[[int], Column]) -> Column:
    return np.stack([column(c) for c in range(objects.channels)], axis=-1)


def _cube(moments: Column, ndim: int) -> Column:
    return moments.reshape(-1, *(4,) * ndim)


def _normalized(central: Column, spacing: NDArray[np.float64]) -> Column:
    ndim = central.ndim - 1
    result = np.full_like(central, np.nan)
    mass = central.reshape(len(central), -1)[:, 0]
    scale = float(min(spacing))
    for order in itertools.product(range(4), repeat=ndim):
        degree = sum(order)
        if degree >= 2:
            at: tuple[Any, ...] = (slice(None), *order)
            with np.errstate(divide="ignore", invalid="ignore"):
                result[at] = (central[at] / scale**degree) / _mass_powers(mass, degree / ndim + 1)
    return result


def _mass_powers(mass: Column, exponent: float) -> Column:
    """As `powers`, where the sum of weights may be 0 or less: then what NumPy says of it."""
    with np.errstate(invalid="ignore"):
        return np.array([np.float64(m) ** exponent for m in mass.tolist()])


def _hu(normalized: Column) -> Column:
    return np.stack([moments_hu(n) for n in normalized])


PROPERTIES: dict[str, Property] = {
    "area": Property(lambda o: o.area),
    "area_bbox": Property(_box_area),
    "area_convex": Property(lambda o: o.hull_area, "lines"),
    "area_filled": Property(lambda o: o.rows["filled"] * np.prod(o.spacing), "spans"),
    "axis_major_length": Property(_axis_major_length, "second", "rounded"),
    "axis_minor_length": Property(_axis_minor_length, "second", "rounded"),
    "bbox": Property(_box),
    "centroid": Property(_centroid, "first"),
    "centroid_local": Property(_centroid_local, "first"),
    "centroid_weighted": Property(_centroid_weighted, "weighted first"),
    "centroid_weighted_local": Property(_centroid_weighted_local, "weighted first"),
    "eccentricity": Property(_eccentricity, "second", "rounded", (2,)),
    "equivalent_diameter_area": Property(_diameter),
    "euler_number": Property(_euler_number, "euler"),
    "extent": Property(lambda o: o.area / _box_area(o)),
    "feret_diameter_max": Property(lambda o: o.hull_width, "lines"),
    "inertia_tensor": Property(lambda o: o.inertia, "second", "rounded"),
    "inertia_tensor_eigvals": Property(lambda o: o.eigenvalues, "second", "rounded"),
    "intensity_max": Property(lambda o: o.rows["high"], "image"),
    "intensity_mean": Property(lambda o: o.means, "image totals"),
    "intensity_median": Property(lambda o: o.rows["median"], "image values"),
    "intensity_min": Property(lambda o: o.rows["low"], "image"),
    "intensity_std": Property(lambda o: o.deviations, "image squares", "rounded"),
    "intensity_sum": Property(lambda o: o.totals, "image totals"),
    "label": Property(lambda o: o.rows["label"]),
    "moments": Property(_moments, "all"),
    "moments_central": Property(_moments_central, "all", "rounded"),
    "moments_hu": Property(_moments_hu, "all", "rounded", (2,)),
    "moments_normalized": Property(_moments_normalized, "all", "rounded"),
    "moments_weighted": Property(_moments_weighted, "weighted all"),
    "moments_weighted_central": Property(_moments_weighted_central, "weighted all", "rounded"),
    "moments_weighted_hu": Property(_moments_weighted_hu, "weighted all", "rounded", (2,)),
    "moments_weighted_normalized": Property(_moments_weighted_normalized, "weighted all", "rounded"),
    "num_pixels": Property(lambda o: o.count),
    "orientation": Property(_orientation, "second", "rounded", (2,)),
    "perimeter": Property(_perimeter, "edges", ndim=(2,), isotropic=True),
    "perimeter_crofton": Property(_perimeter_crofton, "quads", ndim=(2,), isotropic=True),
    "solidity": Property(lambda o: o.area / o.hull_area, "lines"),
}
"""Every property that can be merged from tiles, by scikit-image's name; `intensity_sum` is not scikit-image's."""
