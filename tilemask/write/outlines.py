"""Outlines as files: GeoJSON as QuPath reads it, and GeoParquet, piece by piece.

Coordinates are x, y = column, row, with 0, 0 at the upper left corner of the first pixel, in pixels unless physical
units were asked for: that is where QuPath and every drawing program begins. Points of contours are centres of pixels
and lie half a pixel further. GeoJSON takes what RFC 7946 says of structure and of the direction of rings; that
coordinates are longitudes and latitudes does not hold of images.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np
import shapely
from numpy.typing import NDArray

from tilemask.stitch.outlines import geometries

Piece = dict[str, Any]
_FEATURES = UUID("8d3c1f0a-52a5-4d3b-9a37-6f1c1f6f3f5e")
"""Name space of the ids of features: QuPath wants UUIDs, and the same outlines shall make the same file."""


def write_geojson(path: Path, pieces: Iterable[Piece]) -> None:
    """Write outlines or contours as a GeoJSON FeatureCollection.

    Parameters
    ----------
    path : Path
    pieces : iterable of dict
        Pieces of a stream of outlines or contours, one at least; taken one at a time.

    Notes
    -----
    ``properties`` are those of QuPath: ``objectType``, and ``classification`` where one was given; ``label`` is ours,
    and ``hole`` for the contours of holes. ``id`` is a UUID made of the position, the same in every file.
    """
    with open(path, "wb") as file:
        file.writelines(_geojson(pieces))


def write_geoparquet(path: Path, pieces: Iterable[Piece]) -> None:
    """Write outlines or contours as GeoParquet 1.1: WKB geometries, one row group per piece.

    Parameters
    ----------
    path : Path
    pieces : iterable of dict
        As of `write_geojson`.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = pyarrow.schema(
        [("label", pyarrow.int64()), ("classification", pyarrow.string()), ("geometry", pyarrow.binary())]
    )
    seen: set[int] = set()
    box = np.array((np.inf, np.inf, -np.inf, -np.inf))
    with ParquetWriter(path, schema, compression="zstd") as writer:
        for piece in pieces:
            shapes = _shapes(piece)
            seen.update(np.unique(shapely.get_type_id(shapes)).tolist())
            box = _hull(box, shapes)
            classes = [piece.get("classification")] * len(shapes)
            columns = [piece["labels"], classes, shapely.to_wkb(shapes, byte_order=1)]
            writer.write_table(pyarrow.table(columns, schema=schema), row_group_size=max(1, len(shapes)))
        writer.add_key_value_metadata({"geo": _metadata(seen, box)})


def _shapes(piece: Piece) -> NDArray[np.object_]:
    """The geometries of a piece, x, y with 0, 0 at the corner of the first pixel."""
    return geometries(piece) if "corners" in piece else _lines(piece)


def _geojson(pieces: Iterable[Piece]) -> Iterator[bytes]:
    yield b'{"type": "FeatureCollection", "features": ['
    before = 0
    for piece in pieces:
        features = list(_features(piece, before))
        if features:
            yield ((",\n" if before else "\n") + ",\n".join(features)).encode()
        before += len(features)
    yield b"\n]}\n"


def _features(piece: Piece, before: int) -> Iterator[str]:
    shapes = shapely.to_geojson(_shapes(piece))
    holes = (piece["parents"] >= 0).tolist() if "parents" in piece else [False] * len(shapes)
    about: dict[str, Any] = {"objectType": piece.get("object_type", "annotation")}
    if piece.get("classification") is not None:
        about["classification"] = {"name": piece["classification"]}
    for number, (label, shape, hole) in enumerate(zip(piece["labels"].tolist(), shapes, holes, strict=True), before):
        properties = json.dumps(about | {"label": label} | ({"hole": True} if hole else {}))
        name = uuid5(_FEATURES, str(number))
        yield f'{{"type": "Feature", "id": "{name}", "geometry": {shape}, "properties": {properties}}}'


def _lines(piece: Piece) -> NDArray[np.object_]:
    """Contours as line strings, back to their first point where they are closed; one of a single pixel is a point."""
    counts, points = piece["counts"], piece["points"][:, ::-1] + 0.5
    starts = np.cumsum(counts) - counts
    lines = np.empty(len(counts), object)
    lines[:] = shapely.points(points[starts]) if len(counts) else []
    long = counts > 1
    returns = piece["closed"] & (points[starts] != points[starts + counts - 1]).any(axis=1)
    ends = np.flatnonzero(long & returns)
    line = np.insert(np.repeat(np.arange(len(counts)), counts), starts[ends] + counts[ends], ends)
    points = np.insert(points, starts[ends] + counts[ends], points[starts[ends]], axis=0)
    kept = long[line]
    if long.any():
        lines[long] = shapely.linestrings(points[kept], indices=np.cumsum(long)[line[kept]] - 1)
    return lines


def _hull(box: NDArray[np.float64], shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    if not len(shapes):
        return box
    found = shapely.total_bounds(shapes)
    return np.concatenate((np.fmin(box[:2], found[:2]), np.fmax(box[2:], found[2:])))


def _metadata(seen: set[int], box: NDArray[np.float64]) -> str:
    names = {0: "Point", 1: "LineString", 3: "Polygon", 6: "MultiPolygon"}
    column: dict[str, Any] = {"encoding": "WKB", "geometry_types": [names[n] for n in sorted(seen)], "crs": None}
    if 3 in seen or 6 in seen:
        column["orientation"] = "counterclockwise"
    if seen:
        column["bbox"] = box.tolist()
    return json.dumps({"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}})
