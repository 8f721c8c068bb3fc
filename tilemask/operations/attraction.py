"""What moves a snake: the kernels of one round, expression by expression those of scikit-image.

Every rounding is the reference's, since the sign of a force decides on a pixel. Forces are computed at the pixels of
the contour only; elsewhere the reference multiplies them by a slope of zero.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from tilemask.errors import InputError
from tilemask.operations.level_sets import Mask, contour_pixels, grown, moved, shrunk, slope, smoothed
from tilemask.operations.means import UNIT, add_up


def add_up_inside(image: NDArray[Any], mask: Mask, where: Mask | None = None) -> dict[str, int]:
    """The exact sum of the pixels in the mask that count, and their number."""
    mask = mask if where is None else mask & where
    if image.dtype.kind == "f":
        return add_up(image, mask)
    part = add_up(image * mask)  # seven times faster than to select them
    part["count"] = int(np.count_nonzero(mask))
    return part


def region_means(total: dict[str, int], inside: dict[str, int], dtype: str) -> tuple[Any, Any]:
    """Mean outside and mean inside, divided as scikit-image divides: by the number of pixels plus 1e-8."""
    if broken := total["nan"] + total["above"] + total["below"]:
        raise InputError(
            f"morphological_chan_vese compares means of the whole image; {broken} of {total['count']} pixels are NaN "
            "or infinite. Give them a value first, as in tilemask.where(numpy.isfinite(image), image, 0)."
        )
    parts = [(total["sum"] - inside["sum"], total["count"] - inside["count"]), (inside["sum"], inside["count"])]
    kind = np.dtype(dtype)
    if kind.kind != "f":
        outer, inner = (np.float64(amount) / (count + 1e-8) for amount, count in parts)
    else:
        outer, inner = (kind.type(float(Fraction(s, 1 << UNIT) / Fraction(n + 1e-8))) for s, n in parts)
    return outer, inner


def attract_to_means(
    image: NDArray[Any],
    mask: Mask,
    *,
    means: tuple[Any, Any],
    lambda1: float,
    lambda2: float,
    smoothing: int,
    swapped: bool,
) -> Mask:
    """Give contour pixels to the region whose mean is nearer, then smooth."""
    outside, inside = means
    pulled = mask.copy()
    for at in contour_pixels(mask):
        steepness = sum(np.abs(slope(mask, at, axis)) for axis in range(mask.ndim))
        pixels = image[at]
        moved(pulled, at, -steepness * (lambda1 * (pixels - inside) ** 2 - lambda2 * (pixels - outside) ** 2))
    return smoothed(pulled, smoothing, swapped=swapped)


def attract_to_edges(
    gimage: NDArray[Any], mask: Mask, *, threshold: float, balloon: float, smoothing: int, swapped: bool
) -> Mask:
    """Blow the level set up where nothing holds it, move its contour down the slopes of the image, then smooth."""
    if balloon:
        free = gimage > np.float64(threshold) / np.float64(abs(balloon))
        mask = np.where(free, grown(mask) if balloon > 0 else shrunk(mask), mask)
    pulled = mask.copy()
    for at in contour_pixels(mask):
        force = np.zeros(len(at[0]), gimage.dtype)
        with np.errstate(all="ignore"):  # NaN and infinite pixels give no force
            for axis in range(mask.ndim):
                # float32 images: products and sums in float64, each sum rounded to float32, as the reference rounds.
                force = (force + slope(gimage, at, axis) * slope(mask, at, axis)).astype(gimage.dtype)
        moved(pulled, at, force)
    return smoothed(pulled, smoothing, swapped=swapped)


def invert_gradient(image: NDArray[Any], *, alpha: float, sigma: float) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        steepness = ndi.gaussian_gradient_magnitude(image, sigma, mode="nearest")
        return 1.0 / np.sqrt(1.0 + alpha * steepness)
