"""Pixels to colours: contrast for images, a fixed table for labels.

The colour of a label depends on its number alone, so that the same object has the same colour in every picture. Hues
follow the golden ratio: labels are numbered along rows, so neighbours have near numbers, and near numbers get hues far
apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.color import hsv2rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOREGROUND = (255, 200, 0)
BACKGROUND = (24, 24, 28)

_GOLDEN = (5**0.5 - 1) / 2
_COLOURS = 1023
"""Labels before the table starts again."""


def middle_plane(array: NDArray[Any], spatial: int) -> NDArray[Any]:
    """Take the plane halfway through a volume; an image of two spatial axes is what it is."""
    return array if spatial == 2 else array[array.shape[0] // 2]


def image_colours(plane: NDArray[Any], channels: bool) -> NDArray[np.uint8]:
    """Turn a plane of an image into RGB, stretched between its 1st and 99th percentile.

    Parameters
    ----------
    plane : numpy.ndarray
        Shape (row, column) or (row, column, channel), any bool, integer or float dtype.
    channels : bool
        Whether there is a channel axis. Three or four channels are red, green, blue (and alpha, not shown); of any
        other number the first is shown in grey.

    Returns
    -------
    numpy.ndarray
        Shape (row, column, 3), uint8. NaN and infinite pixels are black. A uint8 colour image is left as it is.
    """
    colour = channels and plane.shape[-1] in (3, 4)
    shown = plane[..., :3] if colour else plane[..., 0] if channels else plane
    if not (colour and shown.dtype == np.uint8):
        shown = _stretched(shown.astype(np.float64))
    return np.ascontiguousarray(shown if colour else np.repeat(shown[..., np.newaxis], 3, axis=-1))


def label_colours(plane: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn a plane of labels, or of a mask, into RGB: shape (row, column, 3), uint8."""
    if plane.dtype == np.bool_:
        return np.asarray([BACKGROUND, FOREGROUND], np.uint8)[plane.astype(np.intp)]
    return colour_table()[np.where(plane == 0, 0, 1 + (plane - 1) % _COLOURS).astype(np.intp)]


def colour_table() -> NDArray[np.uint8]:
    """Make the colours of labels 0 to 1023; 0 is the background."""
    number = np.arange(_COLOURS)
    hue = number * _GOLDEN % 1
    saturation = np.choose(number % 3, [0.55, 0.75, 0.9])
    value = np.choose(number % 2, [0.95, 0.8])
    colours = hsv2rgb(np.stack([hue, saturation, value], axis=-1)) * 255
    return np.vstack([np.asarray([BACKGROUND]), colours.round()]).astype(np.uint8)


def _stretched(plane: NDArray[np.float64]) -> NDArray[np.uint8]:
    finite = np.isfinite(plane)
    if not finite.any():
        return np.zeros(plane.shape, np.uint8)
    low, high = np.percentile(plane[finite], (1, 99))
    if low == high:
        # One value fills the plane, or nearly: its few others are what there is to see.
        low, high = plane[finite].min(), plane[finite].max()
    span = high - low if high > low else 1.0
    return (np.clip(np.where(finite, (plane - low) / span, 0), 0, 1) * 255).round().astype(np.uint8)
