"""Walks over the graph of images and values: what an image is made from, and which boxes of it a tile needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from tilemask.boxes import Box
from tilemask.image import Image, Source, Step, Survey, Value
from tilemask.image.region import Region

Node = TypeVar("Node", Image, Value, Image | Value)


def values_of(image: Image) -> list[Value]:
    """The values that the kernel of this image takes as parameters, its records last."""
    if not isinstance(image.step, Step):
        return []
    values = [v for v in image.step.arguments.values() if isinstance(v, Value)]
    return values if image.step.records is None else [*values, image.step.records]


def operands_of(value: Value) -> list[Value]:
    """The values that this value is made from, its images aside."""
    operands: Iterable[Any]
    operands = value.step.arguments.values() if isinstance(value.step, Survey) else value.step.operands
    return [o for o in operands if isinstance(o, Value)]


def inputs_of(image: Image) -> tuple[Image, ...]:
    return image.step.images if isinstance(image.step, Step) else ()


def downstream_first(roots: Iterable[Image], stop: Collection[Image] = ()) -> list[Image]:
    """Every image that the roots are made from, each before its own inputs; images in `stop` are not looked behind."""
    order = _inputs_first([*roots][::-1], lambda image: () if image in stop else inputs_of(image))
    order.reverse()
    return order


def nodes_of(roots: Iterable[Image | Value]) -> list[Image | Value]:
    """All images and values that the roots are made from, and the roots, each after its own inputs."""
    return _inputs_first(roots, _made_from)


def _made_from(node: Image | Value) -> list[Image | Value]:
    if isinstance(node, Image):
        return [*inputs_of(node), *values_of(node)]
    return [*operands_of(node), *(node.step.images if isinstance(node.step, Survey) else ())]


def _inputs_first(roots: Iterable[Node], inputs: Callable[[Node], Iterable[Node]]) -> list[Node]:
    """Every node behind the roots, and the roots, each after its own inputs."""
    order: list[Node] = []
    entered: set[int] = set()
    # An explicit stack: a chain of a thousand operators must not meet Python's recursion limit.
    stack = [(root, False) for root in roots]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif id(node) not in entered:
            entered.add(id(node))
            stack.append((node, True))
            stack.extend((source, False) for source in inputs(node))
    return order


def everything(images: Iterable[Image], values: Iterable[Value]) -> tuple[list[Image], list[Value]]:
    """All images and all values that the given ones are made from, inputs first."""
    nodes = nodes_of([*images, *values])
    return [n for n in nodes if isinstance(n, Image)], [n for n in nodes if isinstance(n, Value)]


def images_of(outputs: Mapping[str, Image | Value]) -> list[Image]:
    """All images that the outputs are made from, inputs first."""
    return [node for node in nodes_of(outputs.values()) if isinstance(node, Image)]


def sources_of(outputs: Mapping[str, Image | Value]) -> list[Source]:
    """Where the pixels of the outputs come from."""
    return [i.step for i in images_of(outputs) if not isinstance(i.step, Step)]


def regions_of(outputs: Mapping[str, Image | Value]) -> list[Region]:
    """The regions of interest that the outputs are cut to."""
    steps = [i.step for i in images_of(outputs)]
    return [s.within for s in steps if isinstance(s, Step) and s.within is not None]


def boxes_needed(
    requests: Iterable[tuple[Image, Box]],
    stop: Collection[Image] = (),
    blank: Callable[[Image, Box], bool] = lambda image, box: False,
) -> dict[Image, Box]:
    """The box of every image that the requests need, downstream first.

    An image that several others read is evaluated once, on the hull of what they ask for; an image without a value in
    `stop` is a stored one and nothing behind it is needed; nor behind one that is `blank` on its box.
    """
    requests = list(requests)
    needed: dict[Image, Box] = {}
    for image, box in requests:
        needed[image] = box.hull(needed[image]) if image in needed else box
    order = downstream_first([image for image, _ in requests], stop)
    for image in order:
        if image not in needed or blank(image, needed[image]):
            continue
        if image not in stop and isinstance(image.step, Step):
            for source in image.step.images:
                box = image.step.request(needed[image], source)
                needed[source] = box.hull(needed[source]) if source in needed else box
    return {image: needed[image] for image in order if image in needed}


def memoised(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Remember results by node; nodes are hashed by identity."""
    known: dict[Any, Any] = {}

    def call(node: Any) -> Any:
        if node not in known:
            known[node] = function(node)
        return known[node]

    return call


def surveys_in(nodes: Iterable[Image | Value]) -> Iterator[Value]:
    return (n for n in nodes if isinstance(n, Value) and isinstance(n.step, Survey))
