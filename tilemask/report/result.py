"""The overview of a stored result: the coarsest stored resolution that fills a screen, beside the same of the image.

Levels that exist are read; what has no pyramid is made smaller tile by tile, so the picture of an image of any size
needs the memory of a few tiles. Of a volume only the middle plane is computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tilemask.errors import InputError
from tilemask.image import Image
from tilemask.operations.compose import downsample
from tilemask.read import open_image
from tilemask.report.overview import check_picture
from tilemask.report.overview import overview as draw
from tilemask.write.host import find, marks

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST, LARGEST = 512, 1024
"""Longest side of what is drawn."""
_READ = 2048
"""Side of what is held at a time while an image is made smaller."""


@dataclass(frozen=True)
class Overview:
    """A picture that was drawn.

    Attributes
    ----------
    path : Path
        The picture.
    shares : mapping of str to float
        Share of the pixels of each mask that are not background, counted on the resolution that is shown.
    """

    path: Path
    shares: Mapping[str, float]


def overview(path: str | Path, image: Image | Sequence[Image], *, picture: str | Path) -> Overview | None:
    """Draw the masks and labels of a store beside the image that they are of.

    Parameters
    ----------
    path : str or Path
        A store that `tilemask.save` wrote.
    image : Image or sequence of Image
        The image; of a pyramid all levels, finest first, so that none is computed that is stored.
    picture : str or Path
        Where the picture goes; its suffix names the format (``nuclei.overview.png``).

    Returns
    -------
    Overview or None
        None where the store has no mask and no labels of the shape of the image.

    Raises
    ------
    IncompleteError
        A run has not finished the store.
    InputError
        There is no store, or the picture cannot be written there.

    Notes
    -----
    Exactness: masks and labels are shown by the first pixel of each square of pixels, as in their pyramids.
    """
    check_picture(picture)
    if find(path) is None:
        raise InputError(f"an overview was asked for, but {path} does not exist. Give the store that save wrote.")
    images = [image] if isinstance(image, Image) else list(image)
    wanted = images[0].spatial_shape
    names = [n for n, m in marks(path).items() if m["kind"] in ("mask", "label")]
    masks = {n: resolutions(lambda k, n=n: open_image(path, label=n, level=k)) for n in names}  # type: ignore[misc]
    masks = {n: levels for n, levels in masks.items() if levels[0].spatial_shape == wanted}
    if not masks:
        return None
    factor = shown_factor([level.spatial_shape for level in next(iter(masks.values()))])
    small = {n: _reduced(levels, factor, labels=True) for n, levels in masks.items()}
    source = _reduced(images, factor, labels=False)
    # The pyramids of others may round a level down where ours round up.
    sides = zip(*(a.shape[: len(wanted)] for a in [source, *small.values()]), strict=True)
    common = tuple(slice(0, min(n)) for n in sides)
    size = images[0].pixel_size
    draw(
        source[common],
        {n: a[common] for n, a in small.items()},
        picture,
        axes=images[0].axes,
        pixel_size=None if size is None else [s * f for s, f in zip(size, factor, strict=True)],
        unit=images[0].unit,
    )
    return Overview(Path(picture), {n: float(np.mean(a != 0)) for n, a in small.items()})


def resolutions(open_level: Callable[[int], Image]) -> list[Image]:
    """Every level of a pyramid, finest first; the one level of what has no pyramid."""
    levels = [open_level(0)]
    while True:
        try:
            level = open_level(len(levels))
        except InputError:  # there are no more
            return levels
        levels.append(level)


def shown_factor(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """How much smaller than level 0 the picture is, per spatial axis.

    Parameters
    ----------
    shapes : sequence of tuple of int
        Spatial shapes of the levels, finest first.
    """
    shown = next((s for s in reversed(shapes) if max(s[-2:]) >= SMALLEST), shapes[0])
    factor = _factor(shapes[0], shown)
    more = math.ceil(max(shown[-2:]) / LARGEST)
    return (*factor[:-2], factor[-2] * more, factor[-1] * more)


def _factor(shape: tuple[int, ...], smaller: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(1, round(n / m)) for n, m in zip(shape, smaller, strict=True))


def _reduced(levels: Sequence[Image], factor: tuple[int, ...], *, labels: bool) -> NDArray[Any]:
    """The image `factor` times smaller, from the coarsest level that leads there; of a volume one plane."""
    for level in reversed(levels):
        there = _factor(levels[0].spatial_shape, level.spatial_shape)
        if all(f % g == 0 for f, g in zip(factor, there, strict=True)):
            break
    rest = tuple(f // g for f, g in zip(factor, there, strict=True))
    image = level if set(rest) == {1} else downsample(level, factor=rest, labels=labels)
    if len(rest) == 3:
        middle = image.shape[0] // 2
        image = image[middle : middle + 1]
    pixels: NDArray[Any] = image.compute(tile=[max(1, _READ // f) for f in rest])
    return pixels
