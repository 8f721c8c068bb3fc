"""Passes: what one sweep over the tiles of a grid computes, keeps and writes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tilemask.boxes import Grid
from tilemask.image import Growth, Image, Step, Survey, Value
from tilemask.planning.graph import downstream_first, operands_of, values_of


@dataclass(frozen=True, slots=True)
class Keep:
    """An image stored raw, tile by tile, until the last pass that reads it."""

    name: str
    image: Image


@dataclass(frozen=True, slots=True)
class Write:
    """One resolution level of an output."""

    name: str
    level: int
    image: Image


@dataclass(frozen=True, slots=True)
class Pass:
    """One sweep over all tiles of a grid."""

    number: int
    grid: Grid
    surveys: tuple[Value, ...] = ()
    keeps: tuple[Keep, ...] = ()
    writes: tuple[Write, ...] = ()
    stored: Mapping[Image, str] = field(default_factory=dict)
    """Images that earlier passes kept, by the name of their scratch."""
    release: tuple[str, ...] = ()
    """Scratch that no later pass reads."""

    @property
    def evaluated(self) -> list[Image]:
        """The images that every tile of this pass evaluates on its core."""
        images: dict[Image, None] = {}
        for value in self.surveys:
            if isinstance(value.step, Survey):
                images.update(dict.fromkeys(value.step.images))
        images.update(dict.fromkeys(k.image for k in self.keeps))
        images.update(dict.fromkeys(w.image for w in self.writes))
        return list(images)

    @property
    def growth_bytes(self) -> float:
        """What a window of the whole image takes, of the kernels of this pass that grow; 0 where none does."""
        return max((needs for needs, _, _ in self._growing()), default=0.0)

    @property
    def whole(self) -> tuple[float, Image, Growth] | None:
        """The kernel that must see the whole image, beyond its tile, and what it takes; the one that takes most."""
        whole = [g for g in self._growing() if g[2].whole] if len(self.grid) > 1 else []
        return max(whole, key=lambda g: g[0], default=None)

    def _growing(self) -> Iterator[tuple[float, Image, Growth]]:
        """The kernels of this pass that grow, and what a window of the whole image takes."""
        for image in downstream_first(self.evaluated, self.stored):
            step = image.step
            if image not in self.stored and isinstance(step, Step) and step.growth is not None:
                each = step.growth.pixel_bytes + sum(i.pixel_bytes for i in step.images)
                yield math.prod(step.images[0].spatial_shape) * each, image, step.growth

    @property
    def values(self) -> list[Value]:
        """The values that must be known before this pass."""
        found: dict[Value, None] = {}
        for image in downstream_first(self.evaluated, self.stored):
            if image not in self.stored:
                found.update(dict.fromkeys(values_of(image)))
        for value in self.surveys:
            found.update(dict.fromkeys(operands_of(value)))
        return list(found)
