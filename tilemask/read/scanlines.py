"""Polygons as a source of pixels: a pixel belongs to a polygon if its centre does.

Rasterized by lines of pixels: along a row of centres an edge is crossed at one place, and between an odd and an even
crossing lies the inside. A centre on an edge belongs to the polygon that begins there, so two polygons with a common
edge share no pixel and leave none out. The place of a crossing is computed from the edge alone, in coordinates of the
whole image and from its upper end, so that it does not depend on tiles nor on the direction of the edge; where it falls
too close to a centre to be sure of in floating point, it is decided in whole numbers. OpenCV's fillPoly draws every
pixel that the border touches, and would not do.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tilemask.boxes import Box

if TYPE_CHECKING:
    from tilemask.read.cache import ChunkCache

PIXELS = 2**22
"""Pixels painted at a time; eight bytes each."""


@dataclass(frozen=True, eq=False)
class PolygonSource:
    """Pixels of polygons.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
        bool for a mask.
    edges : (n, 4) ndarray of float64
        Row and column of the upper end and of the lower end; horizontal edges are left out.
    starts : (k + 1,) ndarray of int64
        Where in `edges` each polygon begins.
    bounds : (k, 4) ndarray of float64
        First row and column, last row and column of each.
    values : (k,) ndarray
        What each paints; later ones paint over earlier ones.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    edges: NDArray[np.float64]
    starts: NDArray[np.int64]
    bounds: NDArray[np.float64]
    values: NDArray[Any]
    chunks: None = None

    def read(self, box: Box, cache: ChunkCache) -> NDArray[Any]:
        """The pixels of a box; only polygons whose bounds touch it are looked at."""
        pixels = np.zeros(box.shape, self.dtype)
        (top, left), (bottom, right) = box.start, box.stop
        low, high = self.bounds[:, :2], self.bounds[:, 2:]
        near = (low[:, 0] < bottom) & (high[:, 0] > top) & (low[:, 1] < right) & (high[:, 1] > left)
        polygons = np.flatnonzero(near)
        begins, counts = self.starts[polygons], np.diff(self.starts)[polygons]
        of_edge = np.repeat(np.arange(len(polygons)), counts)
        edges = self.edges[_spans(begins, counts)]
        rows, columns, at = crossings(edges, box)
        order = np.lexsort((columns, rows, of_edge[at]))
        first, last = order[::2], order[1::2]
        flat = (rows[first] - top) * box.shape[1] + columns[first] - left
        _paint(pixels.reshape(-1), flat, columns[last] - columns[first], self.values[polygons[of_edge[at[first]]]])
        return pixels

    def identity(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for array in (self.edges, self.starts, self.values):
            digest.update(np.ascontiguousarray(array).data)
        return {"polygons": digest.hexdigest(), "shape": list(self.shape), "dtype": self.dtype.str}


def polygon_source(
    geometries: NDArray[np.object_], values: NDArray[Any], shape: tuple[int, ...], scale: tuple[float, float]
) -> PolygonSource:
    """Make the source of valid polygons in x, y; rows and columns are y and x divided by `scale`."""
    rings = shapely.get_rings(shapely.get_parts(geometries)) if len(geometries) else np.empty(0, object)
    parts = shapely.get_num_geometries(geometries)
    per_part = shapely.get_num_interior_rings(shapely.get_parts(geometries)) + 1
    of_ring = np.repeat(np.repeat(np.arange(len(geometries)), parts), per_part)
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    points = coordinates[:, ::-1] / np.asarray(scale)
    # The last point of a ring is its first, and no edge leads from it to the next ring.
    from_point = np.flatnonzero(ring[1:] == ring[:-1])
    owner = of_ring[ring[from_point]].astype(np.int64)
    a, b = points[from_point], points[from_point + 1]
    edges = np.where((a[:, :1] <= b[:, :1]), np.hstack((a, b)), np.hstack((b, a)))
    slanted = edges[:, 0] != edges[:, 2]
    counts = np.bincount(owner[slanted], minlength=len(geometries))
    bounds = shapely.bounds(geometries).reshape(-1, 4)[:, [1, 0, 3, 2]] / np.tile(scale, 2)
    starts = np.concatenate(([0], np.cumsum(counts)))
    return PolygonSource(shape, values.dtype, edges[slanted], starts, bounds, values)


def crossings(edges: NDArray[np.float64], box: Box) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Where edges cross the rows of centres of a box.

    Returns
    -------
    rows : 1-D ndarray of int64
    columns : 1-D ndarray of int64
        The first column whose centre is not left of the crossing, kept within the box, its end included.
    at : 1-D ndarray of int64
        Which edge it is.
    """
    first = np.clip(np.ceil(edges[:, 0] - 0.5), box.start[0], box.stop[0]).astype(np.int64)
    last = np.clip(np.ceil(edges[:, 2] - 0.5), box.start[0], box.stop[0]).astype(np.int64)
    at = np.repeat(np.arange(len(edges)), last - first)
    rows = _spans(first, last - first)
    upper, left, lower, right = edges[at].T
    place = left + (rows + 0.5 - upper) * ((right - left) / (lower - upper)) - 0.5
    columns = np.ceil(place)
    doubt = np.abs(place - np.rint(place)) <= 1e-12 * (np.abs(left) + np.abs(right) + np.abs(upper) + np.abs(lower) + 1)
    inside = (place > box.start[1] - 2) & (place < box.stop[1] + 2)
    for n in np.flatnonzero(doubt & inside & (left != right)):
        columns[n] = _first_column(edges[at[n]], int(rows[n]))
    return rows, np.clip(columns, box.start[1], box.stop[1]).astype(np.int64), at


def _first_column(edge: NDArray[np.float64], row: int) -> int:
    """The first column whose centre is not left of the crossing, without rounding."""
    upper, left, lower, right = map(Fraction, edge.tolist())
    half = Fraction(1, 2)
    place = left + (row + half - upper) * (right - left) / (lower - upper) - half
    return -((-place.numerator) // place.denominator)


def _paint(flat: NDArray[Any], starts: NDArray[np.int64], lengths: NDArray[np.int64], values: NDArray[Any]) -> None:
    """Paint runs of pixels one over the other, in their order."""
    total = np.cumsum(lengths)
    begin = 0
    while begin < len(lengths):
        done = int(total[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + PIXELS, side="right")))
        run = slice(begin, end)
        # NumPy assigns in order, so where pixels repeat the last value stays.
        flat[_spans(starts[run], lengths[run])] = np.repeat(values[run], lengths[run])
        begin = end


def _spans(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    before = np.cumsum(counts) - counts
    return np.arange(int(counts.sum())) + np.repeat(starts - before, counts)
