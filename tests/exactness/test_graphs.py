"""The law of the house for whole graphs: whatever is built of operations, tiles give what the arrays give."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tilemask as tm
from tests.exactness.graph_calls import lopsided
from tests.exactness.graph_objects import near
from tests.exactness.graphs import Graph, graphs, tile_for
from tilemask.errors import TilemaskError
from tilemask.image import Image, Value
from tilemask.image.region import is_labels
from tilemask.run.memory import compute
from tilemask.testing import first_difference

Outputs = Mapping[str, Image | Value]
RNG = np.random.default_rng(5)
NOISE = RNG.integers(0, 256, (24, 17)).astype(np.uint8)


def outcome(work: Callable[[], dict[str, Any]]) -> dict[str, Any] | Exception:
    """Results by name, or the error that came instead."""
    try:
        return work()
    except (TilemaskError, ValueError, ZeroDivisionError) as error:
        return error


def in_memory(outputs: Outputs, tile: tuple[int, ...]) -> dict[str, Any]:
    return compute(outputs, tile=tile)


def through_dask(outputs: Outputs, tile: tuple[int, ...]) -> dict[str, Any]:
    return {
        n: o.to_dask(tile=tile).compute(scheduler="synchronous") if isinstance(o, Image) else o.compute(tile=tile)
        for n, o in outputs.items()
    }


def through_a_store(outputs: Outputs, tile: tuple[int, ...]) -> dict[str, Any]:
    """What one store can hold: values, and the masks and labels of the shape of the last of them."""
    fit = {n: o for n, o in outputs.items() if isinstance(o, Image) and o.axes[-1] != "c" and is_labels(o)}
    if not fit:
        return compute(outputs, tile=tile)
    shape = list(fit.values())[-1].spatial_shape
    numbers = {n: o for n, o in outputs.items() if isinstance(o, Value) and o.dtype is not None}
    kept = numbers | {n: o for n, o in fit.items() if o.spatial_shape == shape}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.ome.zarr"
        run = tm.save(kept, path, tile=tile, quiet=True)
        images = {n: o for n, o in kept.items() if isinstance(o, Image)}
        read = {n: tm.open_image(path, label=n, axes=o.axes).compute() for n, o in images.items()}
        return {**run.values, **read}


def assert_same(expected: Any, found: Any, what: str) -> None:
    """A table is compared column by column, and outlines array by array."""
    if isinstance(expected, pandas.DataFrame):
        assert list(expected) == list(found), what
        for name in expected:
            assert_same(expected[name].to_numpy(), found[name].to_numpy(), f"{what}, {name}")
        return
    if is_dataclass(expected):
        for field in fields(expected):
            assert_same(getattr(expected, field.name), getattr(found, field.name), f"{what}, {field.name}")
        return
    where = first_difference(expected, found)
    assert where is None, f"{what}: {where}"
    if np.asarray(expected).dtype.kind == "f":
        negative = np.signbit(np.nan_to_num(expected)) != np.signbit(np.nan_to_num(found))
        assert not negative.any(), f"{what}: another sign of zero"


def check(graph: Graph, tile: tuple[int, ...], way: Callable[[Outputs, tuple[int, ...]], dict[str, Any]]) -> None:
    expected = outcome(lambda: {f"n{n}": result for n, result in graph.whole().items()})
    nodes = graph.images()
    if isinstance(expected, Exception):  # with several errors in a graph, which is met first is another matter
        with pytest.raises((TilemaskError, ValueError, ZeroDivisionError)):
            compute({f"n{n}": nodes[n] for n in graph.outputs}, tile=tile)
        return
    for name, found in way({f"n{n}": nodes[n] for n in graph.outputs}, tile).items():
        assert_same(expected[name], found, f"{graph!r}\ntile {tile}, {name}")


@settings(max_examples=400, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_tiles_equal_whole(data: st.DataObject) -> None:
    with near():
        graph = data.draw(graphs())
        way = data.draw(st.sampled_from((in_memory, in_memory, through_dask, through_a_store)))
        check(graph, tile_for(data.draw, graph), way)


def objects(image: Any) -> Any:
    return tm.label(image > 100)


def grown(image: Any) -> Any:
    """A step with a halo on an image that is bound to its tiles."""
    return tm.dilation(objects(image), radius=2)


REGRESSIONS: dict[str, Callable[[Any], Any]] = {
    "a region of labels at the origin": lambda image: objects(image)[0:13, 0:9],
    "a mask of a region of labels": lambda image: tm.fill_holes(objects(image)[0:13, 0:9] > 3),
    "labels and what looks beyond their tiles": lambda image: (objects(image), grown(image)),
    "labels twice": lambda image: (objects(image), grown(image), objects(image) > 2),
    "labels of a region of grown labels": lambda image: tm.label(grown(image)[3:20, 2:]),
    "a survey of a smaller image, on the larger": lambda image: image > tm.otsu(tm.downsample(image, factor=3)),
    "regions that lie apart": lambda image: image[0:5, 0:5] ^ image[19:24, 12:17],
    "one input at several reaches": lambda image: tm.map_tiles(
        lopsided,
        objects(image),
        tm.median(image, radius=3),
        reach=((4, 1), (0, 2)),
        dtype=np.float64,
        behind=(4, 0),
        ahead=(1, 2),
    ),
}


@pytest.mark.parametrize("tile", [(1, 17), (5, 4), (7, 7), (24, 3), (40, 40)])
@pytest.mark.parametrize("name", REGRESSIONS)
def test_graphs_that_were_wrong_once_or_could_be(name: str, tile: tuple[int, ...]) -> None:
    def outputs(image: Any) -> dict[str, Any]:
        made = REGRESSIONS[name](image)
        return {str(n): o for n, o in enumerate(made if isinstance(made, tuple) else (made,))}

    expected, found = outputs(NOISE), compute(outputs(tm.from_array(NOISE)), tile=tile)
    for key, array in expected.items():
        assert_same(array, found[key], key)
