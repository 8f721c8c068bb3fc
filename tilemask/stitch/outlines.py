"""Outlines in memory: polygons of whole pixels, one feature per label, as flat arrays.

A million nuclei are forty million corners; as objects of Python they would take ten times the memory of the arrays. So
corners lie in one array and counts say which belong together (the layout of GeoArrow), and objects are made of single
features, when asked for. Coordinates are whole numbers, the corners of pixels: the pixel at row r, column c covers r to
r + 1 and c to c + 1, so areas are counts of pixels and nothing is rounded before physical units are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tilemask.stitch.cracks import spans
from tilemask.stitch.rings import Rings, parents

Piece = dict[str, Any]
COLUMNS = ("labels", "polygons", "rings", "counts", "corners")


@dataclass(frozen=True, slots=True)
class Outline:
    """The outline of one label.

    Attributes
    ----------
    label : int
    polygons : tuple of tuple of ndarray
        Per part of the label its rings, (n, 2) rows and columns of pixel corners; the exterior first, then the holes.
        A ring does not repeat its first corner.
    """

    label: int
    polygons: tuple[tuple[NDArray[np.int32], ...], ...]


@dataclass(frozen=True, eq=False, slots=True)
class Outlines(Sequence[Outline]):
    """Polygons of labels, ascending by label.

    Attributes
    ----------
    labels : (k,) ndarray of int64
        One per feature.
    polygons : (k,) ndarray of int64
        Parts of each feature.
    rings : ndarray of int64
        Rings of each part: the exterior and its holes.
    counts : ndarray of int64
        Corners of each ring, the first not repeated.
    corners : (n, 2) ndarray of int32
        Rows and columns of pixel corners; 0, 0 is the upper left corner of the first pixel.
    scale : tuple of float
        Units per pixel along rows and columns, for `to_shapely` and files.
    """

    labels: NDArray[np.int64]
    polygons: NDArray[np.int64]
    rings: NDArray[np.int64]
    counts: NDArray[np.int64]
    corners: NDArray[np.int32]
    scale: tuple[float, float] = (1.0, 1.0)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> Any:
        """The feature at a position, or those of a slice as a list."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        parts = []
        for polygon in range(*_span(self.polygons, at)):
            rings = range(*_span(self.rings, polygon))
            parts.append(tuple(self.corners[slice(*_span(self.counts, ring))] for ring in rings))
        return Outline(int(self.labels[at]), tuple(parts))

    def __iter__(self) -> Iterator[Outline]:
        rings = iter(np.split(self.corners, np.cumsum(self.counts)[:-1]))
        sizes = iter(self.rings.tolist())
        for label, parts in zip(self.labels.tolist(), self.polygons.tolist(), strict=True):
            yield Outline(label, tuple(tuple(next(rings) for _ in range(next(sizes))) for _ in range(parts)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Outlines):
            return NotImplemented
        pairs = ((getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return all(np.array_equal(a, b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Outlines of {len(self):,} labels, {len(self.counts):,} rings, {len(self.corners):,} corners>"

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Per feature its first and last row and column of corners, (k, 4): top, left, bottom, right."""
        if not len(self):
            return np.empty((0, 4), np.int64)
        # All rings of a feature lie within its exteriors, so the corners of a feature can be taken as they come.
        per_polygon = np.add.reduceat(self.counts, _starts(self.rings))
        starts = _starts(np.add.reduceat(per_polygon, _starts(self.polygons)))
        low, high = (f.reduceat(self.corners, starts, axis=0) for f in (np.minimum, np.maximum))
        return np.concatenate((low, high), axis=1).astype(np.int64)

    def to_shapely(self) -> NDArray[np.object_]:
        """The features as shapely geometries in x, y order, scaled: polygons, or multipolygons of several parts.

        Returns
        -------
        (k,) ndarray of shapely.Polygon and shapely.MultiPolygon
            Valid; exteriors counter-clockwise in x, y, holes clockwise.
        """
        return geometries({name: getattr(self, name) for name in COLUMNS} | {"scale": self.scale})


def outline_piece(rings: Rings, about: dict[str, Any]) -> Piece:
    """Features of rings: plain data, as pieces of a stream are.

    Parameters
    ----------
    rings : dict
        As from `join`.
    about : dict
        ``scale`` as of `Outlines`, and what else the piece shall carry.
    """
    parent = parents(rings)
    order = np.argsort(parent, kind="stable")
    counts, exterior, labels = (rings[name][order] for name in ("counts", "exterior", "labels"))
    starts = _starts(rings["counts"])
    heads = np.flatnonzero(exterior)
    found, polygons = np.unique(labels[heads], return_counts=True)
    return {
        "labels": found,
        "polygons": polygons,
        "rings": np.diff(heads, append=len(counts)),
        "counts": counts,
        "corners": rings["points"][spans(starts[order], counts)],
        **about,
    }


def gather_outlines(pieces: Iterable[Piece]) -> Outlines:
    """Put the pieces of a stream together; there is one at least, which may hold no feature."""
    kept = list(pieces)
    joined = {n: np.concatenate([p[n] for p in kept]) for n in COLUMNS}
    return Outlines(**joined, scale=tuple(kept[0]["scale"]))


def geometries(piece: Piece) -> NDArray[np.object_]:
    """The features of a piece as shapely geometries in x, y order, scaled; rings are closed as shapely wants them."""
    counts, corners = piece["counts"], piece["corners"]
    starts = _starts(counts)
    # x from columns, y from rows.
    points = corners[:, ::-1] * np.asarray(piece["scale"], float)[::-1]
    closed = np.insert(points, starts + counts, points[starts], axis=0)
    offsets = [np.concatenate(([0], np.cumsum(n))) for n in (counts + 1, piece["rings"], piece["polygons"])]
    made = np.asarray(shapely.from_ragged_array(shapely.GeometryType.MULTIPOLYGON, closed, tuple(offsets)))
    single = np.flatnonzero(piece["polygons"] == 1)
    made[single] = shapely.get_geometry(made[single], 0)
    return made


def _starts(counts: NDArray[Any]) -> NDArray[np.int64]:
    return np.cumsum(counts) - counts


def _span(counts: NDArray[Any], at: int) -> tuple[int, int]:
    before = int(counts[:at].sum())
    return before, before + int(counts[at])
