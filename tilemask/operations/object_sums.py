"""Merged sums of objects and what several of their properties share, computed once.

What scikit-image sums in floats was summed in integers by the tiles and is rounded here, once. Powers are taken one
number at a time: NumPy's vector functions may round the last numbers of an array otherwise than the others, and where
an array ends depends on the tiles.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.stitch.columns import Rows
from tilemask.stitch.hulls import Lines, hull_lines, widest_distance
from tilemask.stitch.intensities import SHORT_BITS
from tilemask.stitch.moments import FLOAT_BITS, Orders, central, ratio
from tilemask.stitch.solids import Solid, solid_hull, solid_width
from tilemask.stitch.sums import deviation_of, mean_of, totals

Column = NDArray[Any]
"""One entry per object along axis 0."""


@dataclass(frozen=True)
class Objects:
    """Objects as `tilemask.stitch.merging` gives them, in ascending order of labels."""

    rows: Rows
    orders: Orders
    weighted: Orders
    spacing: NDArray[np.float64]

    @property
    def ndim(self) -> int:
        return len(self.spacing)

    @property
    def channels(self) -> int:
        return int(self.rows["low"].shape[1])

    @property
    def count(self) -> Column:
        return np.asarray(self.rows["count"])

    @cached_property
    def sides(self) -> Column:
        """Of the box, in pixels, (objects, ndim)."""
        return np.asarray(self.rows["stop"] - self.rows["start"])

    @cached_property
    def area(self) -> Column:
        return np.asarray(self.count * np.prod(self.spacing))

    @cached_property
    def raw(self) -> Column:
        """Moments about the corner of the box in units of the spacing, (objects, orders)."""
        return self.rows["moments"].astype(np.float64) * self._units(self.orders)

    @cached_property
    def central(self) -> Column:
        """Moments about the centroid in units of the spacing, (objects, orders)."""
        extent = self.sides.max(axis=1)
        return central(self.rows["moments"], self.count, extent, self.orders) * self._units(self.orders)

    def weighted_raw(self, channel: int) -> Column:
        raw, power = self.rows["weighted"][:, channel], self.rows["power"][:, [channel]]
        return self._where_known(channel, ratio(raw, np.ones_like(raw), power) * self._units(self.weighted))

    def weighted_central(self, channel: int) -> Column:
        raw, power = self.rows["weighted"][:, channel], self.rows["power"][:, channel]
        # Python's integers may be of any size, those of 64 bits are sums of at most 16 bits per pixel
        mass = np.full(len(raw), np.inf) if raw.dtype == object else self.count * 2.0**SHORT_BITS
        found = central(raw, mass, self.sides.max(axis=1), self.weighted, power)
        return self._where_known(channel, found * self._units(self.weighted))

    def weighted_centre(self, channel: int) -> Column:
        """The centre of mass in pixels within the box, correctly rounded, (objects, ndim)."""
        return self._where_known(channel, self.centre(self.rows["weighted"][:, channel], self.weighted, within=True))

    def _where_known(self, channel: int, found: Column) -> Column:
        """NaN for the objects that have NaN or an infinity among their pixels."""
        return np.where(self.rows["known"][:, [channel]], found, np.nan)

    def _units(self, orders: Orders) -> NDArray[np.float64]:
        return np.array([math.prod(s**p for s, p in zip(self.spacing.tolist(), o, strict=True)) for o in orders])

    def centre(self, moments: Column, orders: Orders, *, within: bool) -> Column:
        """The centre of mass in pixels, correctly rounded, (objects, ndim): within the box, or in the image."""
        places = []
        mass, start = moments[:, 0], self.rows["start"]
        if mass.dtype == object or np.abs(mass).max() * float(start.max()) >= 2.0**61:
            start = start.astype(object)
        for axis in range(self.ndim):
            first = moments[:, orders.index(unit(axis, self.ndim))]
            if not within:
                first = first + mass * start[:, axis]
            places.append(exact_ratio(first, mass))
        return np.stack(places, axis=1)

    @cached_property
    def inertia(self) -> Column:
        """The inertia tensor, (objects, ndim, ndim)."""
        ndim = self.ndim
        second = [self._central_of(unit(axis, ndim, axis)) for axis in range(ndim)]
        whole = second[0]
        for other in second[1:]:
            whole = whole + other
        mass = self.central[:, 0]
        tensor = np.empty((len(mass), ndim, ndim))
        for i in range(ndim):
            tensor[:, i, i] = (whole - second[i]) / mass
            for j in range(i + 1, ndim):
                tensor[:, i, j] = tensor[:, j, i] = -self._central_of(unit(i, ndim, j)) / mass
        return tensor

    def _central_of(self, order: tuple[int, ...]) -> Column:
        return self.central[:, self.orders.index(order)]

    @cached_property
    def eigenvalues(self) -> Column:
        """Of the inertia tensor, largest first."""
        return np.clip(np.linalg.eigvalsh(self.inertia), 0, None)[:, ::-1]

    @cached_property
    def means(self) -> Column:
        """Means of the pixels, (objects, channels)."""
        counts = self.count[:, None]
        if "total" in self.rows:
            return exact_ratio(self.rows["total"], np.broadcast_to(counts, self.rows["total"].shape))
        return self._of_sums(lambda n, total, square: mean_of(total, n))

    @cached_property
    def totals(self) -> Column:
        if "total" in self.rows:
            return np.asarray(self.rows["total"].astype(np.float64))
        return self._of_sums(lambda n, total, square: mean_of(total, 1))

    @cached_property
    def deviations(self) -> Column:
        counts = self.count[:, None]
        if "total" in self.rows:
            n, total, square = (a.astype(object) for a in (counts, self.rows["total"], self.rows["square"]))
            return np.sqrt(exact_ratio(n * square - total * total, n * n * np.ones_like(total)))
        return self._of_sums(lambda n, total, square: deviation_of(total, square, n))

    def _of_sums(self, function: Any) -> Column:
        """A function of (count, sum, sum of squares) per object and channel."""
        keys = [(k, c, w) for k in self.rows["label"].tolist() for c in range(self.channels) for w in (0, 1)]
        found = totals(self.rows["sums"], np.array(keys, np.int64))
        counts = np.repeat(self.count, self.channels).tolist()
        return np.array([function(n, found[2 * i], found[2 * i + 1]) for i, n in enumerate(counts)]).reshape(
            -1, self.channels
        )

    @cached_property
    def hulls(self) -> Lines:
        """The hulls of objects in a plane."""
        lines = self.rows["lines"]
        owner = np.searchsorted(self.rows["label"], lines["label"])
        return hull_lines(Lines(owner, lines["line"][:, 0], lines["first"], lines["last"]))

    @cached_property
    def solids(self) -> list[Solid]:
        """The hulls of objects in a volume."""
        lines, labels = self.rows["lines"], np.asarray(self.rows["label"])
        bounds = np.searchsorted(lines["label"], labels)
        columns = [np.split(lines[name], bounds[1:]) for name in ("line", "first", "last")]
        return [solid_hull(Solid(*column)) for column in zip(*columns, strict=True)]

    @cached_property
    def hull_area(self) -> Column:
        if self.ndim == 3:
            return np.array([hull.voxels for hull in self.solids]) * np.prod(self.spacing)
        inside = self.hulls.last - self.hulls.first + 1
        begins = np.flatnonzero(np.diff(self.hulls.owner, prepend=-1))
        return np.asarray(np.add.reduceat(inside, begins) * np.prod(self.spacing))

    @cached_property
    def hull_width(self) -> Column:
        """The largest distance between two points of each hull."""
        if self.ndim == 3:
            return np.array([solid_width(hull, self.spacing) for hull in self.solids])
        return widest_distance(self.hulls, self.spacing)


def unit(axis: int, ndim: int, other: int | None = None) -> tuple[int, ...]:
    """The order of the first moment along an axis, or of the second along two."""
    return tuple(int(a == axis) + int(a == other) for a in range(ndim))


def exact_ratio(numerator: Column, denominator: Column) -> Column:
    """Quotients of integers of either kind, each correctly rounded."""
    limit = 1 << FLOAT_BITS
    if (
        numerator.dtype != object
        and denominator.dtype != object
        and max(np.abs(numerator).max(), denominator.max()) < limit
    ):
        return ratio(numerator, denominator)
    return ratio(numerator.astype(object), denominator.astype(object))


def powers(base: Column, exponent: float) -> Column:
    """The numbers raised to a power, one at a time."""
    return np.array([math.pow(b, exponent) for b in base.tolist()])
