"""Cut a graph into passes.

A pass is one sweep over the tiles of one grid. A survey needs a whole pass before its value can be used, so everything
that depends on it waits for a later pass; surveys and outputs that wait for nothing share a pass. Four rules decide
what is stored between passes:

- an image that is bound to its tile grid (its kernel takes a record per tile) and is read by a step that looks beyond
  the tile, or has other tiles, *must* be kept, since it can only be evaluated core by core;
- an image that a kernel which grows reads *must* be kept, since it is read again for every larger window; pixelwise
  steps over what is kept are done again instead;
- of the rounds of an iteration (steps that repeat), as many share a pass as reach no further together than a sixteenth
  of the tile, since halos are work done twice; what the last of them makes *must* be kept, and what each round reads;
- an image that a pass evaluates anyway and a later pass needs again *is* kept where computing it again would cost more
  than writing and reading it raw. Raw scratch costs about 1 ns a byte (write, read, page cache); decoding zstd about
  3.5 ns a byte and each kernel what its declaration says.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from tilemask.boxes import Grid
from tilemask.image import Image, Source, Step, Survey, Value
from tilemask.planning.graph import (
    downstream_first,
    inputs_of,
    memoised,
    nodes_of,
    operands_of,
    surveys_in,
    values_of,
)
from tilemask.planning.passes import Keep, Pass, Write

SCRATCH_NS_PER_BYTE = 1.0
DECODE_NS_PER_BYTE = 3.5
MEMORY_NS_PER_BYTE = 0.1
CHEAP_NS = 10.0
"""Up to here a pixelwise step is done again rather than kept."""
FURTHEST = 16
"""The rounds of a pass reach no further than the tile's side divided by this: at most a quarter more to compute."""


@dataclass
class _Stages:
    """In which pass, counted from 0, each node can be evaluated at the earliest."""

    tile: tuple[int, ...]
    must_keep: dict[Image, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ready = memoised(self._ready)
        self.level = memoised(self._level)
        self.bound = memoised(self._bound)
        self.rounds = memoised(self._rounds)

    def _bound(self, image: Image) -> bool:
        """Whether the image can only be evaluated core by core."""
        step = image.step
        if not isinstance(step, Step) or step.growth is not None:
            return False
        return step.records is not None or (_keeps_tiles(image) and any(self.bound(i) for i in step.images))

    def _level(self, image: Image) -> int:
        levels = [0, *(self.ready(v) for v in values_of(image))]
        for source in inputs_of(image):
            kept = self._kept_for(image, source)
            self.must_keep.update(dict.fromkeys(kept))
            levels += [self.level(source), *(self.level(k) + 1 for k in kept)]
        return max(levels)

    def _kept_for(self, image: Image, source: Image) -> list[Image]:
        """What must lie in scratch before `image` can read `source`."""
        assert isinstance(image.step, Step)
        if image.step.growth is not None:
            return _behind(source)
        if any(self.ends_rounds(i) for i in image.step.images) and image.step.repeats:
            return _behind(source)
        crossed = self.bound(source) or self.ends_rounds(source)
        return [source] if crossed and not _keeps_tiles(image) else []

    def _rounds(self, image: Image) -> tuple[int, ...]:
        """How far the rounds of an iteration look together, per axis, since the last one that is kept."""
        step = image.step
        if not isinstance(step, Step) or not step.repeats:
            return (0,) * len(image.spatial_shape)
        before = [self.rounds(i) for i in step.images if not self.ends_rounds(i)]
        return tuple(max(sides) + max((b[axis] for b in before), default=0) for axis, sides in enumerate(step.reach))

    def ends_rounds(self, image: Image) -> bool:
        """Whether one more round like this one would look too far; an axis without seams has no halo."""
        step = image.step
        if not isinstance(step, Step) or not step.repeats:
            return False
        sides = zip(self.rounds(image), step.reach, self.tile, image.spatial_shape, strict=True)
        return any((far + max(reach)) * FURTHEST > side for far, reach, side, n in sides if side < n)

    def _ready(self, value: Value) -> int:
        levels = [0, *(self.ready(o) for o in operands_of(value))]
        if isinstance(value.step, Survey):
            levels += [self.level(i) for i in value.step.images]
            return max(levels) + 1
        return max(levels)


def _keeps_tiles(image: Image) -> bool:
    """Whether a core of this image is the same core of its inputs.

    Not so for a region at the origin: its last tiles end earlier, and its tiles are numbered otherwise.
    """
    step = image.step
    return isinstance(step, Step) and step.local and all(i.spatial_shape == image.spatial_shape for i in step.images)


def _behind(image: Image) -> list[Image]:
    """What must be kept so that any box of the image can be read again and again: it, or what it is made of by pixel.

    A kernel that grows reads around its tiles more than once; a long chain before it would be done again each time.
    What is cut to a region is kept rather than what is not, of which no tile could be left out.
    """
    step = image.step
    if not isinstance(step, Step):
        return []
    if _keeps_tiles(image) and step.records is None and step.cost <= CHEAP_NS:
        below = list(dict.fromkeys(k for i in step.images for k in _behind(i)))
        as_cut = step.within is None or all(getattr(k.step, "within", None) is not None for k in below)
        if as_cut and sum(map(scratch_bytes, below)) <= scratch_bytes(image):
            return below
    return [image]


def cut(
    outputs: Mapping[str, Image | Value], tile: tuple[int, ...], *, band: int = 1, write: bool = True
) -> list[Pass]:
    """The passes that compute the outputs.

    Parameters
    ----------
    outputs : mapping of str to Image or Value
    tile : tuple of int
        Core per spatial axis.
    band : int
        Rows of tiles that are walked together.
    write : bool
        Write images as outputs; else keep them as scratch that is never released.
    """
    wanted = {n: o for n, o in outputs.items() if isinstance(o, Image)}
    nodes = nodes_of(outputs.values())
    stages = _Stages(tile)
    for node in nodes:  # inputs first, so that no recursion is deep
        if isinstance(node, Image):
            stages.level(node)
        else:
            stages.ready(node)
    drafts: dict[tuple[int, tuple[int, ...]], Pass] = {}

    def draft(level: int, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        drafts.setdefault((level, shape), Pass(0, Grid(shape, tile, band)))
        return level, shape

    for value in surveys_in(nodes):
        assert isinstance(value.step, Survey)
        key = draft(stages.ready(value) - 1, value.step.images[0].spatial_shape)
        drafts[key] = replace(drafts[key], surveys=(*drafts[key].surveys, value))
    if write:
        for name, image in wanted.items():
            key = draft(stages.level(image), image.spatial_shape)
            drafts[key] = replace(drafts[key], writes=(*drafts[key].writes, Write(name, 0, image)))
    held = {} if write else dict.fromkeys(wanted.values())
    for number, image in enumerate({**held, **stages.must_keep}):
        key = draft(stages.level(image), image.spatial_shape)
        keep = Keep(f"{image_name(image)}-{number}", image)
        drafts[key] = replace(drafts[key], keeps=(*drafts[key].keeps, keep))
    ordered = [
        replace(drafts[key], number=n) for n, key in enumerate(sorted(drafts, key=lambda k: (k[0], -len(k[1]), k[1])))
    ]
    return _release(_keep_what_pays(ordered), held)


def image_name(image: Image) -> str:
    """What people call an image: the operation that made it."""
    return image.label or (image.step.name if isinstance(image.step, Step) else "source")


def scratch_bytes(image: Image) -> int:
    """Bytes of an image as scratch; a mask takes a bit a pixel."""
    count = math.prod(image.spatial_shape) * image.pixel_bytes
    return -(-count // 8) if image.dtype == bool else count


def cost_of(images: list[Image], stored: Collection[Image]) -> float:
    """CPU nanoseconds per pixel to evaluate the images, given what is stored; halos are not counted."""
    total = 0.0
    for image in downstream_first(images, stored):
        if image in stored:
            total += image.pixel_bytes * SCRATCH_NS_PER_BYTE / 2
        elif isinstance(image.step, Step):
            total += image.step.cost * image.channels
        else:
            source: Source = image.step
            total += image.pixel_bytes * (MEMORY_NS_PER_BYTE if source.chunks is None else DECODE_NS_PER_BYTE)
    return total


def _keep_what_pays(passes: list[Pass]) -> list[Pass]:
    """Decide, pass by pass, which images that it evaluates anyway are kept for later passes."""
    stored: dict[Image, str] = {}
    done: list[Pass] = []
    for number, current in enumerate(passes):
        current = replace(current, stored=dict(stored))
        kept = {k.image: k.name for k in current.keeps}
        wanted = [image for other in passes[number + 1 :] for image in other.evaluated]
        later = set(downstream_first(wanted, {**stored, **kept}))
        for image in current.evaluated:
            if image in later and image not in kept and isinstance(image.step, Step):
                again = cost_of([image], stored)
                if again > image.pixel_bytes * SCRATCH_NS_PER_BYTE:
                    name = f"{image_name(image)}-{number}-{len(kept)}"
                    kept[image] = name
                    current = replace(current, keeps=(*current.keeps, Keep(name, image)))
        stored.update(kept)
        done.append(current)
    return done


def _release(passes: list[Pass], held: Collection[Image]) -> list[Pass]:
    """Say after which pass each scratch can go, and which scratch each pass really reads; what is held stays."""
    last: dict[str, int] = {}
    read: list[dict[Image, str]] = []
    for current in passes:
        reached = set(downstream_first(current.evaluated, current.stored))
        read.append({i: n for i, n in current.stored.items() if i in reached})
        for name in [*read[-1].values(), *(k.name for k in current.keeps)]:
            last[name] = current.number
    stays = {k.name for p in passes for k in p.keeps if k.image in held}
    return [
        replace(p, stored=r, release=tuple(n for n, at in last.items() if at == p.number and n not in stays))
        for p, r in zip(passes, read, strict=True)
    ]
