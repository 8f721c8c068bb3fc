"""Random graphs: a few images, a few operations in any order, and the same expression for arrays and for images.

A graph is drawn by building it lazily, so shapes and dtypes are known while drawing and what an operation refuses is
not drawn. It is kept as a list of calls that can be repeated on arrays: there every function runs at once on the whole,
which is what the tiles must equal. Arrays carry no region of interest, so with one the whole is one tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.exactness.graph_calls import CALLS
from tests.exactness.graph_nodes import Call, Maker
from tests.exactness.graph_objects import OBJECT_CALLS
from tests.exactness.strategies import PICTURES, as_dtype, picture, tiles
from tilemask import within
from tilemask.errors import InputError
from tilemask.image import from_array
from tilemask.run.memory import compute

SHAPES = {
    2: ((24, 17), (13, 22), (16, 16), (9, 10), (31, 8), (2, 3), (1, 23)),
    3: ((4, 5, 6), (6, 7, 5), (3, 1, 6), (1, 4, 5)),
}
REGIONS = ("noise", "blobs", "blobs", "checkerboard", "serpentine", "pits", "peaks", "full", "empty")
DTYPES = ("bool", "uint8", "uint16", "float32")
ALL = CALLS | OBJECT_CALLS


@dataclass
class Graph:
    """Calls on images; the first nodes are the images themselves."""

    arrays: list[NDArray[Any]]
    channels: bool
    calls: list[tuple[Call, tuple[int, ...]]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    roi: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.arrays[0].shape[:-1] if self.channels else self.arrays[0].shape

    def images(self) -> list[Any]:
        """Every node, lazily."""
        axis = -1 if self.channels else None
        nodes: list[Any] = [from_array(a, channel_axis=axis) for a in self.arrays]
        if self.roi is not None:
            nodes = [within(node, self.roi) for node in nodes]
        for call, inputs in self.calls:
            nodes.append(call.run(*(nodes[i] for i in inputs)))
        return nodes

    def whole(self) -> dict[int, Any]:
        """The outputs, on arrays; only what they are made from is computed."""
        if self.roi is not None:
            images = self.images()
            made = compute({str(n): images[n] for n in self.outputs}, tile=self.shape)
            return {int(name): result for name, result in made.items()}
        nodes: dict[int, Any] = dict(enumerate(self.arrays))
        wanted = set(self.outputs)
        for number in reversed(range(len(self.calls))):
            if number + len(self.arrays) in wanted:
                wanted.update(self.calls[number][1])
        for number, (call, inputs) in enumerate(self.calls, len(self.arrays)):
            if number in wanted:
                nodes[number] = call.run(*(nodes[i] for i in inputs))
        return {n: nodes[n] for n in self.outputs}

    def __repr__(self) -> str:
        lines = [f"n{n} = {a.dtype} {a.shape}" for n, a in enumerate(self.arrays)]
        for n, (call, inputs) in enumerate(self.calls, len(self.arrays)):
            lines.append(f"n{n} = {call.text.format(*(f'n{i}' for i in inputs))}")
        region = [] if self.roi is None else [f"roi = {self.roi.tolist()}"]
        return "\n".join([*region, *lines, f"outputs {self.outputs}"])


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of the field of an image, at its level or one that is coarser."""
    factor = draw(st.sampled_from((1, 1, 2, 4)))
    coarse = tuple(-(-n // factor) for n in shape)
    return picture(draw(st.sampled_from(REGIONS)), coarse, draw(st.integers(0, 999))) > 0.4


@st.composite
def graphs(draw: st.DrawFn, most: int = 10) -> Graph:
    """A graph of 2 to `most` calls, and its outputs."""
    ndim = draw(st.sampled_from((2, 2, 2, 3)))
    channels = ndim == 2 and draw(st.integers(0, 9)) == 0
    shape = draw(st.sampled_from(SHAPES[ndim]))
    arrays = []
    for _ in range(draw(st.integers(1, 3))):
        values = picture(draw(st.sampled_from(PICTURES)), shape + (2,) * channels, draw(st.integers(0, 999)))
        arrays.append(as_dtype(values, draw(st.sampled_from(DTYPES))))
    graph = Graph(arrays, channels, roi=draw(st.one_of(st.none(), st.none(), regions(shape))))
    nodes = graph.images()
    for _ in range(draw(st.integers(2, most))):
        call, inputs = _again_or_new(draw, graph, nodes)
        try:
            nodes.append(call.run(*(nodes[i] for i in inputs)))
        except InputError:  # an operation that its inputs are not for
            continue
        graph.calls.append((call, inputs))
    made = range(len(arrays), len(nodes)) if graph.calls else range(len(nodes))
    graph.outputs = sorted({made[-1], *draw(st.lists(st.sampled_from(made), max_size=3))})
    return graph


def _candidates(maker: Maker, nodes: Sequence[Any], taken: Sequence[int] = ()) -> list[int]:
    """The nodes that fit as the next input, the youngest first; none where no choice leads to a whole call."""
    if len(taken) == len(maker.inputs):
        return [-1]
    fits, chosen = maker.inputs[len(taken)], [nodes[i] for i in taken]
    possible = [i for i in reversed(range(len(nodes))) if fits(nodes[i], *chosen)]
    return [i for i in possible if _candidates(maker, nodes, (*taken, i))]


def _again_or_new(draw: st.DrawFn, graph: Graph, nodes: Sequence[Any]) -> tuple[Call, tuple[int, ...]]:
    """Now and then a call that has been made before: two nodes, one meaning."""
    if graph.calls and draw(st.integers(0, 7)) == 7:
        return draw(st.sampled_from(graph.calls))
    possible = [name for name, maker in ALL.items() if _candidates(maker, nodes) for _ in range(maker.weight)]
    return _call(draw, ALL[draw(st.sampled_from(possible))], nodes)


def _call(draw: st.DrawFn, maker: Maker, nodes: Sequence[Any]) -> tuple[Call, tuple[int, ...]]:
    inputs: tuple[int, ...] = ()
    for _ in maker.inputs:
        possible = _candidates(maker, nodes, inputs)
        inputs = (*inputs, draw(st.sampled_from([possible[0]] * len(possible) + possible)))  # half are chains
    return maker.make(draw, *(nodes[i] for i in inputs)), inputs


def tile_for(draw: st.DrawFn, graph: Graph) -> tuple[int, ...]:
    """A tile: any, odd ones and 1 pixel among them, or larger than the image."""
    return draw(tiles(graph.shape))
