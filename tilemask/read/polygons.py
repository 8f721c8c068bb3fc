"""Polygons from whatever holds them: shapely geometries, GeoJSON, GeoParquet, geopandas.

What comes from elsewhere may be anything, and a ring that crosses itself has no inside that two programs agree on. So
everything is checked before a pixel is asked for, and the first feature that is wrong is named with its reason.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from tilemask.errors import InputError

PARQUET_MAGIC = b"PAR1"
READABLE = (
    "outlines, shapely polygons, a GeoJSON dict, a GeoDataFrame, or the path of a GeoJSON or GeoParquet file can be "
    "rasterized"
)
_NAMES = ("Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon")


@dataclass(frozen=True, eq=False, slots=True)
class Shapes:
    """Polygons with numbers.

    Attributes
    ----------
    geometries : (k,) ndarray of shapely.Polygon and shapely.MultiPolygon
        In x, y; valid, none empty.
    labels : (k,) ndarray of int64 or None
        What the features say they are called.
    """

    geometries: NDArray[np.object_]
    labels: NDArray[np.int64] | None


def open_polygons(source: Any) -> Shapes:
    """Read and check polygons.

    Parameters
    ----------
    source : shapely geometry, sequence of them, GeoJSON mapping, GeoDataFrame, GeoSeries, or path

    Raises
    ------
    InputError
        For what is not there or not polygons; names the first feature that is empty, crosses or touches itself, or has
        a coordinate that is no number.
    """
    if isinstance(source, str | os.PathLike):
        name, (shapes, labels) = str(source), _read_file(Path(source))
    elif isinstance(source, Mapping):
        name, (shapes, labels) = "GeoJSON", _of_geojson(source, "GeoJSON")
    elif hasattr(source, "geometry") and hasattr(source, "columns"):
        found = source["label"].tolist() if "label" in source.columns else None
        name, shapes, labels = "GeoDataFrame", list(source.geometry), found
    else:
        name, labels = "polygons", None
        shapes = [source] if isinstance(source, shapely.Geometry) else _sequence(source)
    geometries = np.empty(len(shapes), object)
    geometries[:] = shapes
    _check(geometries, name)
    return Shapes(geometries, None if labels is None else _numbers(labels, name))


def _read_file(path: Path) -> tuple[list[Any], list[Any] | None]:
    try:
        with path.open("rb") as file:
            begins = file.read(4)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}); {READABLE}.") from error
    if begins == PARQUET_MAGIC:
        return _of_parquet(path)
    try:
        content = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path} is neither GeoJSON nor GeoParquet ({error}); {READABLE}.") from error
    return _of_geojson(content, str(path))


def _of_geojson(content: Any, name: str) -> tuple[list[Any], list[Any] | None]:
    kind = content.get("type") if isinstance(content, Mapping) else type(content).__name__
    if kind == "FeatureCollection":
        features = list(content.get("features") or ())
    elif kind == "Feature":
        features = [content]
    elif kind in _NAMES:
        features = [{"geometry": content}]
    else:
        raise InputError(f"{name}: a FeatureCollection, a Feature or a geometry is needed; found {kind!r}.")
    for number, feature in enumerate(features):
        if not isinstance(feature, Mapping) or not isinstance(feature.get("geometry"), Mapping):
            raise InputError(f"{name}: feature {number} has no geometry; remove it, or give it a polygon.")
    texts = [json.dumps(f["geometry"]) for f in features]
    shapes = shapely.from_geojson(texts, on_invalid="ignore").tolist() if texts else []
    found = [(f.get("properties") or {}).get("label") for f in features]
    return shapes, None if all(n is None for n in found) else found


def _of_parquet(path: Path) -> tuple[list[Any], list[Any] | None]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            f"{path} needs pyarrow, which is not installed. Install tilemask[parquet], or convert to GeoJSON."
        ) from error
    metadata = pyarrow.parquet.read_metadata(path)
    about = json.loads((metadata.metadata or {}).get(b"geo", b"null"))
    column = about and about["columns"].get(about["primary_column"])
    if not column or column.get("encoding") != "WKB":
        found = "no GeoParquet metadata" if not column else f"encoding {column.get('encoding')!r}"
        raise InputError(f"{path}: GeoParquet with geometries as WKB is needed; found {found}.")
    wanted = [about["primary_column"], *(n for n in ("label",) if n in metadata.schema.names)]
    table = pyarrow.parquet.read_table(path, columns=wanted)
    shapes = shapely.from_wkb(table.column(0).to_pylist(), on_invalid="ignore").tolist()
    return shapes, table.column("label").to_pylist() if "label" in wanted else None


def _sequence(source: Any) -> list[Any]:
    if not isinstance(source, Iterable):
        raise InputError(f"{type(source).__module__}.{type(source).__name__} holds no polygons; {READABLE}.")
    return list(source)


def _check(geometries: NDArray[np.object_], name: str) -> None:
    _refuse(
        ~np.asarray(shapely.is_geometry(geometries), bool), name, lambda n: f"is no geometry ({_type(geometries[n])})"
    )
    flat = ~np.isin(shapely.get_type_id(geometries), (3, 6))
    _refuse(flat, name, lambda n: f"is a {geometries[n].geom_type}; polygons and multipolygons have an inside")
    _refuse(shapely.is_empty(geometries), name, lambda _: "is empty")
    _refuse(~shapely.is_valid(geometries), name, lambda n: f"is not valid: {shapely.is_valid_reason(geometries[n])}")


def _refuse(wrong: NDArray[np.bool_], name: str, reason: Callable[[int], str]) -> None:
    if wrong.any():
        first, count = int(np.argmax(wrong)), int(wrong.sum())
        more = f" and {count - 1} more like it" if count > 1 else ""
        raise InputError(
            f"{name}: feature {first} {reason(first)}. Mend or remove it{more}; shapely.make_valid mends what crosses "
            "itself."
        )


def _type(thing: Any) -> str:
    return type(thing).__name__


def _numbers(labels: Sequence[Any], name: str) -> NDArray[np.int64]:
    for number, label in enumerate(labels):
        if isinstance(label, bool) or not isinstance(label, int | float) or label != label // 1:
            raise InputError(
                f"{name}: feature {number} has the label {label!r}; every feature needs a whole number, or none one."
            )
    return np.array([int(n) for n in labels], np.int64)
