"""Prove that a function of your own does not depend on the tiles.

`check_operation` runs a function on whole arrays and on random tile grids and compares every pixel; `shorten` makes the
control: the same graph with a reach one pixel too short must give another result somewhere, or the reach is not tight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Reach
from tilemask.image import Formula, Image, Step, Survey, Value, from_array

SHAPES = {
    2: ((1, 1), (1, 17), (19, 1), (5, 3), (16, 16), (23, 31), (40, 27)),
    3: ((1, 1, 1), (1, 9, 7), (5, 1, 11), (3, 4, 5), (7, 12, 9)),
}


def check_operation(
    function: Callable[..., Any],
    *,
    dtypes: Sequence[str] = ("uint8", "uint16", "float32"),
    ndim: Sequence[int] = (2,),
    examples: int = 25,
    seed: int = 0,
    images: int = 1,
) -> None:
    """Check that a function gives the same pixels on tiles as on the whole image.

    Parameters
    ----------
    function : callable
        Takes `images` images and returns one, or a value: an operation, or your own code around `map_tiles`. It is
        called with arrays in memory and again with small tiles.
    dtypes : sequence of str, optional
        Dtypes of the images.
    ndim : sequence of int, optional
        2 for planes, 3 for volumes.
    examples : int, optional
        Images per dtype and number of axes; the first are adversarial (a row, a constant, an outlier, a serpentine).
    seed : int, optional
        Another seed tries other images.
    images : int, optional
        How many images the function takes.

    Raises
    ------
    AssertionError
        With dtype, shape, tile and the first pixel that differs: the reach is too short, or the function takes
        something from the tile that belongs to the image (a maximum, a mean, a shape).

    Examples
    --------
    >>> import numpy as np, tilemask as tm
    >>> from scipy import ndimage
    >>> def edges(image):
    ...     return tm.map_tiles(ndimage.maximum_filter, image, reach=1, size=3)
    >>> check_operation(edges, examples=3)
    """
    rng = np.random.default_rng(seed)
    for dtype in dtypes:
        for n in ndim:
            for example in range(examples):
                shape = SHAPES[n][example % len(SHAPES[n])]
                arrays = [example_image(rng, example + 3 * i, shape, dtype) for i in range(images)]
                tile = tuple(int(rng.integers(1, side + 1)) for side in shape)
                _compare(function, arrays, tile)


def _compare(function: Callable[..., Any], arrays: Sequence[NDArray[Any]], tile: tuple[int, ...]) -> None:
    shape, dtype = arrays[0].shape, arrays[0].dtype
    whole = function(*map(from_array, arrays)).compute(tile=shape)
    tiled = function(*map(from_array, arrays)).compute(tile=tile)
    where = first_difference(whole, tiled)
    assert where is None, f"{dtype} image of shape {shape}, tile {tile}: {where}"


def first_difference(whole: Any, tiled: Any) -> str | None:
    """Where two results differ, or None; NaN equals NaN, dtypes must agree."""
    a, b = np.asarray(whole), np.asarray(tiled)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"the whole image gives shape {a.shape}, dtype {a.dtype}; tiles give {b.shape}, {b.dtype}"
    same = (a == b) | ((a != a) & (b != b))
    if same.all():
        return None
    pixel = tuple(int(i) for i in np.argwhere(~same)[0])
    return (
        f"{int((~same).sum())} of {a.size} differ, first at {pixel}: {a[pixel]} on the whole image, {b[pixel]} on tiles"
    )


def example_image(rng: np.random.Generator, number: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """The `number`-th example: cases that have broken tiled code before, then noise."""
    kind = np.dtype(dtype)
    noise = rng.random(shape)
    pictures = (
        lambda: noise,
        lambda: rng.integers(0, 8, shape) / 8,
        lambda: np.full(shape, 0.5),
        lambda: _outlier(rng, shape),
        lambda: np.indices(shape).sum(axis=0) % 2,
        lambda: serpentine(shape),
        lambda: noise > 0.5,
    )
    picture = np.asarray(pictures[number % len(pictures)](), np.float64)
    if kind == np.bool_:
        return picture > 0.4
    if kind.kind == "f":
        return (picture * 200 - 50).astype(kind)
    limits = np.iinfo(kind)
    top, bottom = min(limits.max, 60_000), max(limits.min, -20_000)
    return np.rint(picture * (top - bottom) + bottom).astype(kind)


def _outlier(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    picture = rng.random(shape) / 50
    picture[tuple(int(rng.integers(n)) for n in shape)] = 1.0
    return picture


def serpentine(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """One path that winds through the whole image."""
    picture = np.zeros(shape, bool)
    picture[..., ::2, :] = True
    picture[..., 1::4, -1:] = True
    picture[..., 3::4, :1] = True
    return picture


@dataclass(frozen=True)
class Shorter:
    """A graph in which one reach is a pixel too short, and where."""

    image: Image
    step: str
    axis: int
    side: int
    """0 before, 1 after."""

    def __str__(self) -> str:
        return f"{self.step}, axis {self.image.axes[self.axis]}, {('before', 'after')[self.side]}"


def shorten(image: Image) -> Iterator[Shorter]:
    """Shorten one side of one axis of one reach of a graph by a pixel.

    Yields
    ------
    Shorter
        One per side that is not 0 already, always in the same order. Kernels that grow prove their own reach and are
        left out.
    """
    for target in _images_of(image):
        if not isinstance(target.step, Step) or target.step.growth is not None:
            continue
        for axis, sides in enumerate(target.step.reach):
            for side in (0, 1):
                if sides[side]:
                    reach = _one_less(target.step.reach, axis, side)
                    shorter = replace(target, step=replace(target.step, reach=reach))
                    yield Shorter(_Rewrite({target: shorter}).image(image), target.step.name, axis, side)


def _one_less(reach: Reach, axis: int, side: int) -> Reach:
    sides = [list(pair) for pair in reach]
    sides[axis][side] -= 1
    return tuple((lo, hi) for lo, hi in sides)


def _images_of(image: Image) -> list[Image]:
    """Every image that this one is made from, those behind its values among them."""
    found: dict[Image | Value, None] = {}
    todo: list[Any] = [image]
    while todo:
        node = todo.pop()
        if isinstance(node, Image | Value) and node not in found:
            found[node] = None
            todo += _made_from(node)
    return [node for node in found if isinstance(node, Image)]


def _made_from(node: Image | Value) -> list[Any]:
    step = node.step
    if isinstance(step, Formula):
        return list(step.operands)
    if isinstance(step, Survey):
        return [*step.images, *step.arguments.values()]
    if isinstance(step, Step):
        return [*step.images, *step.arguments.values(), step.records]
    return []


class _Rewrite:
    """A copy of a graph with some images replaced; what is shared stays shared."""

    def __init__(self, replaced: dict[Image, Image]) -> None:
        self._images = dict(replaced)
        self._values: dict[Value, Value] = {}

    def image(self, image: Image) -> Image:
        if image not in self._images:
            step = image.step
            if isinstance(step, Step):
                records = None if step.records is None else self.value(step.records)
                step = replace(
                    step,
                    images=tuple(map(self.image, step.images)),
                    arguments={n: self._any(a) for n, a in step.arguments.items()},
                    records=records,
                )
                self._images[image] = replace(image, step=step)
            else:
                self._images[image] = image
        return self._images[image]

    def value(self, value: Value) -> Value:
        if value not in self._values:
            step = value.step
            if isinstance(step, Survey):
                arguments = {n: self._any(a) for n, a in step.arguments.items()}
                changed: Survey | Formula = replace(
                    step, images=tuple(map(self.image, step.images)), arguments=arguments
                )
            else:
                changed = replace(step, operands=tuple(map(self._any, step.operands)))
            self._values[value] = replace(value, step=changed)
        return self._values[value]

    def _any(self, thing: Any) -> Any:
        return (
            self.image(thing) if isinstance(thing, Image) else self.value(thing) if isinstance(thing, Value) else thing
        )
