"""Make one node of equal nodes.

Calling ``otsu(smooth)`` in two places of a workflow makes two surveys that count the same pixels. Nodes are compared
by identity everywhere else, on purpose: that is cheap and keeps arrays out of comparisons. So equal ones are found
once, here, before the graph is cut: nodes are equal where their functions are the same objects, their inputs are the
same merged nodes and their other arguments are equal plain data. Anything else (a model, a lock) equals itself only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np

from tilemask.image import Formula, Image, Step, Survey, Value
from tilemask.planning.graph import nodes_of

Node = Image | Value
Output = TypeVar("Output", bound=Node)


def merge(outputs: Mapping[str, Output]) -> dict[str, Output]:
    """The same outputs in a graph without equal nodes.

    Parameters
    ----------
    outputs : mapping of str to Image or Value

    Returns
    -------
    dict of str to Image or Value
        In the order given. A node is the one it was unless something behind it is not; merging again changes nothing.
    """
    merged: dict[Node, Node] = {}
    known: dict[Hashable, Node] = {}
    for node in nodes_of(outputs.values()):
        rebuilt = _on_merged_inputs(node, merged.__getitem__)
        merged[node] = known.setdefault(_key(rebuilt), rebuilt)
    return {name: cast(Output, merged[output]) for name, output in outputs.items()}


def _on_merged_inputs(node: Node, find: Callable[[Any], Any]) -> Node:
    """The node itself where its inputs are merged already, else a copy of it on those that are."""

    def found(argument: Any) -> Any:
        return find(argument) if isinstance(argument, Value) else argument

    step: Any = node.step
    if isinstance(step, Formula):
        changed: dict[str, Any] = {"operands": tuple(map(found, step.operands))}
    elif isinstance(step, Step | Survey):
        changed = {"images": tuple(map(find, step.images))}
        changed["arguments"] = {n: found(a) for n, a in step.arguments.items()}
        if isinstance(step, Step):
            changed["records"] = found(step.records)
    else:
        return node
    if all(_same(getattr(step, name), new) for name, new in changed.items()):
        return node
    return replace(node, step=replace(step, **changed))


def _same(before: Any, after: Any) -> bool:
    """Whether two groups of operands are made of the same objects."""
    if isinstance(before, Mapping):
        before, after = before.values(), after.values()
    elif not isinstance(before, tuple):
        before, after = (before,), (after,)
    return all(a is b for a, b in zip(before, after, strict=True))


def _key(node: Node) -> Hashable:
    """What is equal of equal nodes whose inputs are merged."""
    step = node.step
    if isinstance(step, Formula):
        made: Hashable = (id(step.function), _plain(step.operands))
    elif isinstance(step, Survey):
        made = (*map(id, (step.tile, step.combine, step.finish)), *map(id, step.images), _plain(step.arguments))
        made = (made, step.places, step.records, step.pieces)
    elif isinstance(step, Step):
        made = (id(step.function), *map(id, step.images), _plain(step.arguments), id(step.records))
        within = None if step.within is None else step.within.key
        made = (made, step.reach, step.scale, step.offset, step.growth, step.cells, within)
    else:
        made = id(step)
    if isinstance(node, Value):
        return type(step), made, node.dtype
    return type(step), made, node.shape, node.dtype, node.axes, node.pixel_size, node.unit


def _plain(thing: Any) -> Hashable:
    """Plain data by what it is, down to the bit and the type; anything else by its identity."""
    if thing is None or isinstance(thing, str | bytes | bool | int):
        return type(thing), thing
    if isinstance(thing, float):
        return type(thing), thing.hex()
    if isinstance(thing, np.ndarray | np.generic) and not thing.dtype.hasobject:
        return type(thing), thing.dtype, thing.shape, thing.tobytes()
    if isinstance(thing, list | tuple):
        return type(thing), *map(_plain, thing)
    if isinstance(thing, Mapping):
        return type(thing), *((name, _plain(value)) for name, value in thing.items())
    return "the object", id(thing)
