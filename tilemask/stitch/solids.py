"""Convex hulls of objects in volumes, one at a time.

A voxel stands for the middles of its six faces, as in scikit-image, so what a hull needs of an object is its first and
its last voxel per line: those can be collected over tiles. Qhull finds the facets; a voxel belongs to the hull if its
centre is not farther than 1e-10 outside any of them, which is asked line by line here and voxel by voxel in
scikit-image. An object that is flat, of which scikit-image makes an empty hull with a warning, has that of its faces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist

_TOLERANCE = 1e-10
_LEVEL = 1e-12
"""A facet whose normal has no more along an axis is parallel to it: what Qhull leaves of a zero."""
_AT_ONCE = 1 << 22


@dataclass(frozen=True, slots=True)
class Solid:
    """The extent of an object per line of a volume.

    Attributes
    ----------
    line : ndarray of int64, (lines, 2)
        Plane and row.
    first, last : ndarray of int64, (lines,)
    """

    line: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def voxels(self) -> int:
        return int((self.last - self.first + 1).sum())


def solid_hull(solid: Solid) -> Solid:
    """The voxels in the hull of an object."""
    low = np.append(solid.line.min(axis=0), solid.first.min())
    equations = np.unique(_hull(solid, low).equations, axis=0)
    sides = solid.line.max(axis=0) - low[:-1] + 1
    line = np.stack(np.unravel_index(np.arange(int(np.prod(sides))), tuple(sides)), axis=1)
    width = int(solid.last.max() - low[-1])
    step = max(1, _AT_ONCE // len(equations))
    ends = [_ends(line[n : n + step], width, equations) for n in range(0, len(line), step)]
    first, last = np.concatenate(ends, axis=1)
    some = first <= last
    return Solid(line[some] + low[:-1], first[some] + low[-1], last[some] + low[-1])


def _ends(line: NDArray[np.int64], width: int, equations: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first and the last voxel of each line that no facet has outside; the first is larger where there is none."""
    *normal, along, offset = equations.T
    room = _TOLERANCE - (line @ np.stack(normal) + offset)
    ahead, behind = along > _LEVEL, along < -_LEVEL
    last = np.min(room[:, ahead] / along[ahead], axis=1, initial=width)
    first = np.max(room[:, behind] / along[behind], axis=1, initial=0)
    beside = (room[:, ~ahead & ~behind] <= 0).any(axis=1)
    return np.stack((np.where(beside, 1, np.ceil(first)), np.where(beside, 0, np.floor(last)))).astype(np.int64)


def solid_width(hull: Solid, spacing: NDArray[np.float64]) -> float:
    """The largest distance between two middles of faces of the voxels of a hull."""
    found = _hull(hull, np.append(hull.line.min(axis=0), hull.first.min()))
    points = found.points[found.vertices] * spacing
    step = max(1, _AT_ONCE // len(points))
    pieces = (points[n : n + step] for n in range(0, len(points), step))
    return float(np.sqrt(max(cdist(piece, points, "sqeuclidean").max() for piece in pieces)))


def _hull(solid: Solid, low: NDArray[np.int64]) -> ConvexHull:
    """The hull of the middles of faces, in voxels from `low`."""
    ends = [np.column_stack((solid.line, x)) for x in (solid.first, solid.last)]
    offsets = np.concatenate((np.eye(3), -np.eye(3))) / 2
    points = (np.unique(np.concatenate(ends), axis=0) - low)[:, None, :] + offsets
    return ConvexHull(np.unique(points.reshape(-1, 3), axis=0))
