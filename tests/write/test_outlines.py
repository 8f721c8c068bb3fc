"""Outlines as files: what other programs read in them, and that pieces leave no trace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import geopandas
import numpy as np
import pyarrow.parquet
import pytest
import shapely
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.strategies import picture
from tilemask.stitch import tracing
from tilemask.testing import first_difference

MASK = picture("blobs", (61, 47), 4) > 0.7


def labels() -> NDArray[np.int32]:
    return np.asarray(tm.label(MASK))


def features(path: Path) -> list[dict[str, Any]]:
    content = json.loads(path.read_text())
    assert content["type"] == "FeatureCollection"
    return list(content["features"])


def test_geojson_is_what_qupath_imports(tmp_path: Path):
    shapes = tm.polygons(tm.from_array(labels()), object_type="detection", classification="Tumor")
    run = tm.save(shapes, tmp_path / "cells.geojson", tile=16, quiet=True)
    found = features(tmp_path / "cells.geojson")
    assert run.values == {"cells": tmp_path / "cells.geojson"}
    assert [f["properties"]["label"] for f in found] == list(range(1, int(labels().max()) + 1))
    for feature in found:
        assert feature["type"] == "Feature"
        assert UUID(feature["id"])
        assert feature["properties"]["objectType"] == "detection"
        assert feature["properties"]["classification"] == {"name": "Tumor"}
        assert feature["geometry"]["type"] in ("Polygon", "MultiPolygon")
        shape = shapely.geometry.shape(feature["geometry"])
        for part in shapely.get_parts(shape):  # RFC 7946
            assert shapely.is_ccw(part.exterior)
            assert not any(map(shapely.is_ccw, part.interiors))
    assert len({f["id"] for f in found}) == len(found)


def test_coordinates_begin_at_the_corner_of_the_first_pixel(tmp_path: Path):
    mask = np.zeros((4, 6), bool)
    mask[1, 2:5] = True
    tm.save(tm.polygons(tm.from_array(mask)), tmp_path / "one.geojson", quiet=True)
    (feature,) = features(tmp_path / "one.geojson")
    assert feature["geometry"]["coordinates"] == [[[2, 1], [5, 1], [5, 2], [2, 2], [2, 1]]]
    tm.save(tm.contours(tm.from_array(mask)), tmp_path / "line.geojson", quiet=True)
    (feature,) = features(tmp_path / "line.geojson")
    line = [[2.5, 1.5], [3.5, 1.5], [4.5, 1.5], [3.5, 1.5], [2.5, 1.5]]
    assert feature["geometry"] == {"type": "LineString", "coordinates": line}


@pytest.mark.parametrize("suffix", ["geojson", "parquet"])
def test_neither_tiles_nor_pieces_change_what_is_in_a_file(suffix: str, tmp_path: Path, monkeypatch: Any):
    image = tm.from_array(labels())
    tm.save(tm.polygons(image), tmp_path / f"whole.{suffix}", tile=64, quiet=True)
    monkeypatch.setattr(tracing, "POINTS", 60)
    tm.save(tm.polygons(image), tmp_path / f"tiles.{suffix}", tile=7, quiet=True)
    one, other = (tmp_path / f"{name}.{suffix}" for name in ("whole", "tiles"))
    if suffix == "geojson":
        assert one.read_bytes() == other.read_bytes()
    else:
        assert geopandas.read_parquet(one).equals(geopandas.read_parquet(other))
        assert pyarrow.parquet.read_metadata(one).num_row_groups == 1
        assert pyarrow.parquet.read_metadata(other).num_row_groups > 3


def test_geoparquet_is_what_geopandas_reads(tmp_path: Path):
    shapes = tm.polygons(tm.from_array(labels()), classification="Tumor")
    tm.save(shapes, tmp_path / "cells.parquet", tile=16, quiet=True)
    table = geopandas.read_parquet(tmp_path / "cells.parquet")
    assert table.crs is None
    assert table.label.tolist() == list(range(1, len(table) + 1))
    assert set(table.classification) == {"Tumor"}
    assert table.area.tolist() == np.bincount(labels().ravel())[1:].tolist()
    about = json.loads(pyarrow.parquet.read_metadata(tmp_path / "cells.parquet").metadata[b"geo"])
    column = about["columns"][about["primary_column"]]
    assert about["version"] == "1.1.0"
    assert (column["encoding"], column["crs"], column["orientation"]) == ("WKB", None, "counterclockwise")
    assert column["geometry_types"] == sorted(set(table.geom_type), key=["Polygon", "MultiPolygon"].index)
    assert column["bbox"] == table.total_bounds.tolist()


@pytest.mark.parametrize("suffix", ["geojson", "parquet"])
def test_lines_and_holes(suffix: str, tmp_path: Path):
    image = tm.from_array(MASK)
    tm.save(tm.contours(image), tmp_path / f"contours.{suffix}", tile=16, quiet=True)
    tm.save(tm.find_contours(image, 0.5), tmp_path / f"lines.{suffix}", tile=16, quiet=True)
    read = geopandas.read_file if suffix == "geojson" else geopandas.read_parquet
    contours, lines = tm.contours(MASK), tm.find_contours(MASK, 0.5)
    assert len(read(tmp_path / f"contours.{suffix}")) == len(contours)
    found = read(tmp_path / f"lines.{suffix}").geometry
    assert [shapely.get_num_points(s) for s in found] == lines.counts.tolist()
    if suffix == "geojson":
        holes = [f["properties"].get("hole", False) for f in features(tmp_path / "contours.geojson")]
        assert holes == (contours.parents >= 0).tolist()


@pytest.mark.parametrize("suffix", ["geojson", "parquet"])
def test_nothing_found_is_a_file_without_features(suffix: str, tmp_path: Path):
    empty = tm.from_array(np.zeros((9, 8), bool))
    for name, lines in (("polygons", tm.polygons(empty)), ("contours", tm.contours(empty))):
        path = tmp_path / f"{name}.{suffix}"
        tm.save(lines, path, tile=4, quiet=True)
        assert features(path) == [] if suffix == "geojson" else len(geopandas.read_parquet(path)) == 0


def test_beside_labels_in_a_store_and_back(tmp_path: Path):
    image = tm.label(tm.from_array(MASK))
    path = tmp_path / "out.ome.zarr"
    outputs = {"cells": image, "outlines": tm.polygons(image), "table.parquet": tm.polygons(image)}
    tm.save(outputs, path, tile=16, quiet=True)
    assert tm.save(outputs, path, tile=16, quiet=True).tiles_done == 0
    for file in ("outlines.geojson", "table.parquet"):
        back = tm.rasterize(path / "outlines" / file, tm.open_image(path)).compute(tile=11)
        assert first_difference(labels(), back) is None
