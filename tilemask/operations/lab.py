"""From RGB to CIE Lab (D65, 2°), pixel by pixel.

scikit-image multiplies by the colour matrix in BLAS, whose last bit depends on the width of the array; here the nine
products are added one by one, so that a pixel has the same Lab values in every tile. The constants are scikit-image's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

XYZ_OF_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
WHITE = (0.95047, 1.0, 1.08883)

_AT_ONCE = 1 << 16
"""Pixels converted together: what is held beside them stays in the processor's cache."""


def lab_of(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lab of sRGB values from 0 to 1, channels last: L from 0 to 100, a and b within 128 of 0."""
    lab = np.empty(rgb.shape)
    rows = max(1, _AT_ONCE // max(1, math.prod(rgb.shape[1:-1])))
    for first in range(0, len(rgb), rows):
        _convert(rgb[first : first + rows], lab[first : first + rows])
    return lab


def _convert(rgb: NDArray[np.float64], lab: NDArray[np.float64]) -> None:
    red, green, blue = (_linear(rgb[..., c]) for c in range(3))
    x, y, z = (
        _compressed((r * red + g * green + b * blue) / white)
        for (r, g, b), white in zip(XYZ_OF_RGB, WHITE, strict=True)
    )
    lab[..., 0] = 116.0 * y - 16.0
    lab[..., 1] = 500.0 * (x - y)
    lab[..., 2] = 200.0 * (y - z)


def _linear(channel: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(channel > 0.04045, np.power((channel + 0.055) / 1.055, 2.4), channel / 12.92)


def _compressed(channel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(channel > 0.008856, np.cbrt(channel), 7.787 * channel + 16.0 / 116.0)
