"""Which nodes of a graph a call fits, and what a call is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tilemask.image import Image, Step, Value


@dataclass(frozen=True)
class Call:
    text: str
    """How it reads, with {} for the nodes."""
    run: Callable[..., Any]


@dataclass(frozen=True)
class Maker:
    inputs: tuple[Callable[..., bool], ...]
    """Per input, whether a node fits, given the inputs that are chosen already."""
    make: Callable[..., Call]
    """Takes `draw` and the chosen nodes."""
    weight: int = 1
    """How often it is drawn; what makes passes is drawn more often."""


def is_image(node: Any, *_: Any) -> bool:
    return isinstance(node, Image)


def is_flat(node: Any, *_: Any) -> bool:
    return isinstance(node, Image) and not node.axes.endswith("c")


def is_mask(node: Any, *_: Any) -> bool:
    return is_flat(node) and node.dtype == bool


def is_grey(node: Any, *_: Any) -> bool:
    return is_flat(node) and node.dtype != bool


def is_objects(node: Any, *_: Any) -> bool:
    return is_flat(node) and node.dtype.kind != "f"


def is_bound(node: Any, *_: Any) -> bool:
    """Made of components, so that it can be evaluated on the tiles of its own image only."""
    return is_image(node) and isinstance(node.step, Step) and node.step.records is not None


def is_number(node: Any, *_: Any) -> bool:
    return isinstance(node, Value) and node.dtype is not None


def is_whole_number(node: Any, *_: Any) -> bool:
    return is_number(node) and node.dtype.kind in "iu"


def is_like(node: Any, first: Any, *_: Any) -> bool:
    return is_image(node) and node.shape == first.shape


def is_mask_of(node: Any, first: Any, *_: Any) -> bool:
    return is_mask(node) and node.spatial_shape == first.spatial_shape


def is_numbers(node: Any, *_: Any) -> bool:
    """Not a mask, with channels or without."""
    return is_image(node) and node.dtype != bool


def has_channels(node: Any) -> bool:
    return isinstance(node, Image) and node.axes.endswith("c")


def is_flat_like(node: Any, first: Any, *_: Any) -> bool:
    return is_flat(node) and is_like(node, first)


def is_mask_like(node: Any, first: Any, *_: Any) -> bool:
    return is_mask(node) and is_like(node, first)


def is_named(node: Any, *_: Any) -> bool:
    """Integers: labels, or grey values taken for such."""
    return is_grey(node) and node.dtype.kind in "iu"


def is_labels_like(node: Any, first: Any, *_: Any) -> bool:
    return is_named(node) and is_like(node, first)


def is_plane(node: Any, *_: Any) -> bool:
    return is_flat(node) and node.ndim == 2


def is_plane_of_names(node: Any, *_: Any) -> bool:
    return is_plane(node) and is_named(node)


def is_grown(node: Any, *_: Any) -> bool:
    """Made by a kernel that grows."""
    return is_flat(node) and isinstance(node.step, Step) and node.step.growth is not None


def is_grown_objects(node: Any, *_: Any) -> bool:
    return is_grown(node) and is_objects(node)
