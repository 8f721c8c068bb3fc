"""Boxes, tile grids and halos: integers only, so that geometry can be tested to death without a pixel.

A box is half-open per axis, in pixels of one image. A grid is bound to one shape, so it can answer every question about
its tiles. The law of this file, for every box inside an image of shape `s`: ``box.grow(reach).clip(s)`` holds `box`,
and ``outer[box.within(outer)] == whole[box.slices]`` where ``outer = whole[outer_box.slices]``.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Reach = tuple[tuple[int, int], ...]
"""Per spatial axis: pixels that a kernel looks at before and after the pixel it writes."""


@dataclass(frozen=True, slots=True)
class Box:
    """A half-open box of pixels, `start` included and `stop` excluded."""

    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def ndim(self) -> int:
        return len(self.start)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def slices(self) -> tuple[slice, ...]:
        return tuple(slice(a, b) for a, b in zip(self.start, self.stop, strict=True))

    def grow(self, reach: Reach) -> Box:
        """The box that a kernel with this reach must read; may leave the image."""
        return Box(
            tuple(a - lo for a, (lo, _) in zip(self.start, reach, strict=True)),
            tuple(b + hi for b, (_, hi) in zip(self.stop, reach, strict=True)),
        )

    def clip(self, shape: Sequence[int]) -> Box:
        """The part inside an image of this shape."""
        return Box(
            tuple(min(max(a, 0), n) for a, n in zip(self.start, shape, strict=True)),
            tuple(min(max(b, 0), n) for b, n in zip(self.stop, shape, strict=True)),
        )

    @classmethod
    def of_slices(cls, slices: Sequence[slice]) -> Box:
        """What slices with a start and a stop cut out, as `scipy.ndimage.find_objects` gives them."""
        return cls(tuple(s.start for s in slices), tuple(s.stop for s in slices))

    def shift(self, offset: Sequence[int]) -> Box:
        return Box(
            tuple(a + o for a, o in zip(self.start, offset, strict=True)),
            tuple(b + o for b, o in zip(self.stop, offset, strict=True)),
        )

    def magnify(self, scale: Sequence[int]) -> Box:
        """The box of the `scale` times finer grid that covers this one."""
        return Box(
            tuple(a * s for a, s in zip(self.start, scale, strict=True)),
            tuple(b * s for b, s in zip(self.stop, scale, strict=True)),
        )

    def hull(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(
            tuple(map(min, self.start, other.start)),
            tuple(map(max, self.stop, other.stop)),
        )

    def intersect(self, other: Box) -> Box:
        start = tuple(map(max, self.start, other.start))
        return Box(start, tuple(map(max, start, map(min, self.stop, other.stop))))

    def open_faces(self, shape: Sequence[int]) -> list[int]:
        """The faces beyond which an image of this shape goes on: 2 · axis, plus 1 for the far side; ascending."""
        ends = enumerate(zip(self.start, self.stop, shape, strict=True))
        return [2 * axis + far for axis, (a, b, n) in ends for far, on in enumerate((a > 0, b < n)) if on]

    def border_faces(self, shape: Sequence[int]) -> list[int]:
        """The faces that lie on the border of an image of this shape."""
        return sorted(set(range(2 * self.ndim)).difference(self.open_faces(shape)))

    def within(self, outer: Box) -> tuple[slice, ...]:
        """The slices that cut this box out of an array that holds `outer`."""
        return tuple(slice(a - o, b - o) for a, b, o in zip(self.start, self.stop, outer.start, strict=True))

    def __str__(self) -> str:
        return "[" + ", ".join(f"{a}:{b}" for a, b in zip(self.start, self.stop, strict=True)) + "]"


def whole(shape: Sequence[int]) -> Box:
    """The box of a whole image."""
    return Box((0,) * len(shape), tuple(shape))


def no_reach(ndim: int) -> Reach:
    return ((0, 0),) * ndim


def add_reach(a: Reach, b: Reach) -> Reach:
    """Reach of a chain."""
    return tuple((p + r, q + s) for (p, q), (r, s) in zip(a, b, strict=True))


def max_reach(a: Reach, b: Reach) -> Reach:
    """Reach of two branches."""
    return tuple((max(p, r), max(q, s)) for (p, q), (r, s) in zip(a, b, strict=True))


@dataclass(frozen=True, slots=True)
class Grid:
    """The tiles of one image shape; the last tile of an axis is as small as the image leaves it.

    Tiles are walked in bands of `band` rows, column by column, so that a bounded cache of decoded chunks sees each
    chunk about once: with whole rows of tiles a halo is decoded again one full image width later.
    """

    shape: tuple[int, ...]
    tile: tuple[int, ...]
    band: int = 1

    @property
    def counts(self) -> tuple[int, ...]:
        """Tiles per axis; an empty axis has none."""
        return tuple(-(-n // t) for n, t in zip(self.shape, self.tile, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    @property
    def seam_pixels(self) -> int:
        """Pixels on the faces of tiles that have a neighbour, both sides of every seam."""
        inner = 1
        for n, t, count in zip(self.shape, self.tile, self.counts, strict=True):
            last = n - (count - 1) * t
            # The first tile has one seam, the last one, those between two; a tile of one pixel is all seam.
            inner *= n if count < 2 else max(t - 1, 0) + (count - 2) * max(t - 2, 0) + max(last - 1, 0)
        return math.prod(self.shape) - inner

    def core(self, index: Sequence[int]) -> Box:
        """What tile `index` writes."""
        start = tuple(i * t for i, t in zip(index, self.tile, strict=True))
        return Box(start, tuple(min(a + t, n) for a, t, n in zip(start, self.tile, self.shape, strict=True)))

    def number(self, index: Sequence[int]) -> int:
        """The raster number of tile `index`."""
        number = 0
        for i, n in zip(index, self.counts, strict=True):
            number = number * n + i
        return number

    def index(self, number: int) -> tuple[int, ...]:
        """The tile index of a raster number."""
        index = []
        for n in reversed(self.counts):
            number, i = divmod(number, n)
            index.append(i)
        return tuple(reversed(index))

    def step(self, position: int) -> tuple[int, ...]:
        """The tile at this position of the walk (bands of rows, column by column)."""
        counts = self.counts
        if len(counts) == 1:
            return (position,)
        rows, columns = counts[-2:]
        layer, position = divmod(position, rows * columns)
        band, position = divmod(position, self.band * columns)
        height = min(self.band, rows - band * self.band)
        column, row = divmod(position, height)
        leading = Grid(self.shape[:-2], self.tile[:-2]).index(layer) if len(counts) > 2 else ()
        return (*leading, band * self.band + row, column)

    def walk(self) -> Iterator[tuple[int, ...]]:
        return map(self.step, range(len(self)))

    def touching(self, box: Box) -> Iterator[tuple[int, ...]]:
        """Indices of the tiles that share a pixel with `box`, in raster order."""
        ranges = [
            range(a // t, -(-b // t)) if b > a else range(0)
            for a, b, t in zip(box.start, box.stop, self.tile, strict=True)
        ]
        return itertools.product(*ranges)

    def cover(self, box: Box) -> Box:
        """The tiles that share a pixel with `box`, as one box."""
        start = tuple(a // t * t for a, t in zip(box.start, self.tile, strict=True))
        stop = tuple(min(-(-b // t) * t, n) for b, t, n in zip(box.stop, self.tile, self.shape, strict=True))
        return Box(start, stop)

    def neighbours(self, index: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
        """The tiles around `index` (faces, edges and corners) with their offset in tiles."""
        for offset in itertools.product((-1, 0, 1), repeat=len(index)):
            other = tuple(i + o for i, o in zip(index, offset, strict=True))
            if any(offset) and all(0 <= i < n for i, n in zip(other, self.counts, strict=True)):
                yield other, offset
