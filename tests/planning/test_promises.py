"""What running relies on, for the passes of any graph: nothing is asked for before it is there."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tilemask as tm
from tests.exactness.graphs import graphs, tile_for
from tilemask.image import Image, Step, Survey, Value
from tilemask.planning import Pass, cut
from tilemask.planning.graph import boxes_needed, everything
from tilemask.planning.merge import merge


def made_of(value: Value) -> set[Value]:
    """The surveys behind a value."""
    return {v for v in everything([], [value])[1] if isinstance(v.step, Survey)}


def check_boxes(current: Pass) -> None:
    """Whatever is bound to its tiles is evaluated on a core of its own grid, or read from scratch."""
    for index in current.grid.walk():
        core = current.grid.core(index)
        for image, box in boxes_needed([(i, core) for i in current.evaluated], current.stored).items():
            assert box.size > 0
            if isinstance(image.step, Step) and image.step.records is not None and image not in current.stored:
                assert (box, image.spatial_shape) == (core, current.grid.shape)


@settings(max_examples=150, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_everything_is_there_when_it_is_needed(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    nodes = graph.images()
    outputs = merge({f"n{n}": nodes[n] for n in graph.outputs})
    wanted = {o for o in outputs.values() if isinstance(o, Image)}
    known: set[Value] = set()
    held: dict[str, Image] = {}
    for number, current in enumerate(cut(outputs, tile_for(data.draw, graph), write=False)):
        assert current.number == number
        assert all(i.spatial_shape == current.grid.shape for i in current.evaluated)
        assert all(made_of(value) <= known for value in current.values)
        assert all(held.get(name) is image for image, name in current.stored.items())
        check_boxes(current)
        known.update(current.surveys)
        for keep in current.keeps:
            assert keep.name not in held
            held[keep.name] = keep.image
        for name in current.release:
            del held[name]
    assert set(held.values()) == wanted
    assert all(made_of(o) <= known for o in outputs.values() if isinstance(o, Value))


def test_a_region_of_labels_is_read_from_scratch() -> None:
    """Its tiles are not the tiles of the labels, even where it begins at the origin."""
    labels = tm.label(tm.from_array(np.ones((24, 17), bool)))
    survey, keep, last = cut({"region": labels[0:13, 0:9]}, (5, 4))
    assert [v.step.name for v in survey.surveys] == ["survey_numbers"]
    assert [k.image for k in keep.keeps] == [labels]
    assert (keep.grid.shape, last.grid.shape) == ((24, 17), (13, 9))
    assert list(last.stored) == [labels]
    assert last.release == tuple(k.name for k in keep.keeps)
