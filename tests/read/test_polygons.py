"""Polygons from elsewhere: every form they come in, what is refused, and which pixels they cover."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

import tilemask as tm
from tilemask.boxes import Box, whole
from tilemask.errors import InputError
from tilemask.image import from_array
from tilemask.read.cache import ChunkCache

SQUARE, L_SHAPE = shapely.box(1, 1, 4, 3), shapely.Polygon([(2, 0), (6, 0), (6, 4), (5, 4), (5, 2), (2, 2)])
LIKE = np.zeros((5, 7), np.uint8)
PICTURE = np.array(
    [
        [0, 0, 9, 9, 9, 9, 0],
        [0, 5, 9, 9, 9, 9, 0],
        [0, 5, 5, 5, 0, 9, 0],
        [0, 0, 0, 0, 0, 9, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ],
    np.int32,
)


def geojson(*shapes: Any, labels: Any = (5, 9)) -> dict[str, Any]:
    geometries = [None if s is None else json.loads(shapely.to_geojson(s)) for s in shapes]
    properties = [{} if n is None else {"label": n} for n in labels]
    pairs = zip(geometries, properties, strict=False)
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": g, "properties": p} for g, p in pairs],
    }


def forms(folder: Path) -> dict[str, Any]:
    table = geopandas.GeoDataFrame({"label": [5, 9]}, geometry=[SQUARE, L_SHAPE])
    table.to_parquet(folder / "table.parquet")
    (folder / "shapes").write_text(json.dumps(geojson(SQUARE, L_SHAPE)))
    return {
        "mapping": geojson(SQUARE, L_SHAPE),
        "path": folder / "shapes",
        "name": str(folder / "shapes"),
        "parquet": folder / "table.parquet",
        "table": table,
    }


@pytest.mark.parametrize("form", ["mapping", "path", "name", "parquet", "table"])
def test_forms_with_labels(form: str, tmp_path: Path):
    source = forms(tmp_path)[form]
    np.testing.assert_array_equal(tm.rasterize(source, LIKE), PICTURE)
    np.testing.assert_array_equal(tm.rasterize(source, from_array(LIKE)).compute(tile=2), PICTURE)
    np.testing.assert_array_equal(tm.rasterize(source, LIKE, values=None), PICTURE > 0)


@pytest.mark.parametrize(
    "source",
    [
        [SQUARE, L_SHAPE],
        np.array([SQUARE, L_SHAPE]),
        geopandas.GeoSeries([SQUARE, L_SHAPE]),
        (s for s in (SQUARE, L_SHAPE)),
        geojson(SQUARE, L_SHAPE, labels=(None, None)),
    ],
    ids=["list", "array", "series", "generator", "no labels"],
)
def test_forms_without_labels_are_numbered(source: Any):
    expected = np.select([PICTURE == 5, PICTURE == 9], [1, 2], 0)
    np.testing.assert_array_equal(tm.rasterize(source, LIKE), expected)


def test_a_feature_and_a_geometry():
    for source in (SQUARE, geojson(SQUARE)["features"][0], geojson(SQUARE)["features"][0]["geometry"]):
        assert tm.rasterize(source, LIKE, values=None).sum() == 6


def test_no_polygon_is_background():
    for source in ([], geojson()):
        assert tm.rasterize(source, LIKE).dtype == np.int32
        assert not tm.rasterize(source, LIKE).any()


def test_large_labels():
    assert tm.rasterize(geojson(SQUARE, labels=(2**40,)), LIKE).max() == 2**40


BOW = shapely.Polygon([(0, 0), (3, 3), (3, 0), (0, 3)])
PINCHED = shapely.Polygon([(0, 0), (2, 2), (4, 0), (4, 4), (2, 2), (0, 4)])
REFUSED = {
    "crossing": ([SQUARE, BOW], "feature 1 is not valid: Self-intersection"),
    "touching": ([PINCHED], "feature 0 is not valid: Ring Self-intersection"),
    "several": ([BOW, SQUARE, BOW], "and 1 more"),
    "empty": ([SQUARE, shapely.Polygon()], "feature 1 is empty"),
    "a line": ([shapely.LineString([(0, 0), (1, 1)])], "feature 0 is a LineString"),
    "nan": ([shapely.Polygon([(0, 0), (3, np.nan), (3, 0)])], "feature 0 is not valid: Invalid Coordinate"),
    "no geometry": ([SQUARE, "square"], r"feature 1 is no geometry \(str\)"),
    "null": (geojson(SQUARE, None), "feature 1 has no geometry"),
    "a number": (7, "holds no polygons"),
    "mapping": ({"type": "Topology"}, "found 'Topology'"),
    "half labelled": (geojson(SQUARE, L_SHAPE, labels=(5, None)), "feature 1 has the label None"),
    "a word as label": (geojson(SQUARE, labels=("five",)), "feature 0 has the label 'five'"),
    "a fraction as label": (geojson(SQUARE, labels=(1.5,)), r"feature 0 has the label 1\.5"),
    "nowhere": ("nowhere.geojson", "No such file"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str):
    source, message = REFUSED[name]
    with pytest.raises(InputError, match=message):
        tm.rasterize(source, LIKE)


def test_files_that_are_something_else(tmp_path: Path):
    (tmp_path / "text").write_text("polygons")
    with pytest.raises(InputError, match="neither GeoJSON nor GeoParquet"):
        tm.rasterize(tmp_path / "text", LIKE)
    geopandas.GeoDataFrame({"a": [1]}, geometry=[SQUARE]).drop(columns="geometry").to_parquet(tmp_path / "plain")
    with pytest.raises(InputError, match="no GeoParquet metadata"):
        tm.rasterize(tmp_path / "plain", LIKE)
    geopandas.GeoDataFrame(geometry=[SQUARE]).to_parquet(tmp_path / "arrow", geometry_encoding="geoarrow")
    with pytest.raises(InputError, match="encoding 'polygon'"):
        tm.rasterize(tmp_path / "arrow", LIKE)


def star(rng: np.random.Generator, side: float) -> shapely.Geometry:
    """A polygon with a hole, or several, whose edges cross at random."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, 9))
    radius = rng.uniform(0.1, 0.7, 9) * side
    centre = rng.uniform(0, side, 2)
    outer = centre + radius[:, None] * np.column_stack((np.cos(angle), np.sin(angle)))
    shape = shapely.make_valid(shapely.Polygon(outer, [centre + (outer[::-1] - centre) * 0.4]))
    return shapely.MultiPolygon([p for p in shapely.get_parts(shape) if p.geom_type == "Polygon"])


def covered(shape: shapely.Geometry, size: tuple[int, int]) -> NDArray[np.bool_]:
    row, column = np.indices(size) + 0.5
    return np.asarray(shapely.contains_xy(shape, column, row))


@pytest.mark.parametrize("seed", range(40))
def test_pixels_are_those_whose_centres_lie_inside(seed: int):
    rng = np.random.default_rng(seed)
    size = (int(rng.integers(1, 40)), int(rng.integers(1, 40)))
    shapes = [s for s in (star(rng, 30.0) for _ in range(4)) if s.is_valid and not s.is_empty]
    expected = np.zeros(size, np.int32)
    for number, shape in enumerate(shapes, 1):
        expected[covered(shape, size)] = number
    found = tm.rasterize(shapes, from_array(np.zeros(size))).compute(tile=int(rng.integers(1, 20)))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("seed", range(20))
def test_polygons_with_common_edges_share_no_pixel_and_leave_none_out(seed: int):
    """Corners lie on centres, and so does many an edge: floating point alone could not tell on which side."""
    rng = np.random.default_rng(seed)
    points = shapely.multipoints(rng.integers(0, 14, (9, 2)) + 0.5)
    triangles = shapely.get_parts(shapely.delaunay_triangles(points))
    like = np.zeros((15, 15))
    counts = sum(tm.rasterize([t], like, values=None).astype(int) for t in triangles)
    np.testing.assert_array_equal(counts, tm.rasterize([shapely.convex_hull(points)], like, values=None).astype(int))


def test_far_from_the_origin_nothing_is_rounded():
    """A slope whose crossing of a row lies 2 ** -33 beside a centre, a million pixels down."""
    top, left = 1_000_000.0, 2_000_000.0
    like: Any = replace(from_array(LIKE), shape=(3_000_000, 3_000_000))
    for side in (-1, 1):
        shape = shapely.Polygon(
            [(left, top), (left + 1 + side * 2.0**-32, top + 1), (left + 9, top + 1), (left + 9, top)]
        )
        source: Any = tm.rasterize([shape], like, values=None).step
        row = source.read(Box((int(top), int(left)), (int(top) + 1, int(left) + 9)), ChunkCache(0))
        assert row[0, 0] == (side < 0)


def test_the_source_travels_and_is_known_by_its_content():
    one, same, other = (
        tm.rasterize([SQUARE, s], from_array(LIKE)).step for s in (L_SHAPE, L_SHAPE.normalize(), SQUARE)
    )
    assert isinstance(one.identity(), dict)
    assert one.identity() == tm.rasterize([SQUARE, L_SHAPE], from_array(LIKE)).step.identity()
    assert one.identity() != other.identity()
    box = whole(LIKE.shape)
    travelled = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(travelled.read(box, ChunkCache(0)), one.read(box, ChunkCache(0)))
    np.testing.assert_array_equal(same.read(box, ChunkCache(0)), one.read(box, ChunkCache(0)))
