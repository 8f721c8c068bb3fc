"""Names of scikit-image that tilemask knows and refuses: what they compute cannot be put together from tiles.

A tiled version would quietly leave seams, or give another result for another tile. So the names answer, but with the
reason and with what does nearly the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tilemask.errors import InputError

REFUSED: dict[str, str] = {
    "active_contour": "its snake is one curve whose points all move together, and its splines take the whole image. "
    "Use morphological_geodesic_active_contour, which moves masks of any number of contours.",
    "chan_vese": "each of its iterations divides by sums of floats over the whole image, and what is rounded there "
    "grows from one to the next. Use morphological_chan_vese, the same energy on masks.",
    "denoise_tv_bregman": "it updates pixels in raster order, each from the ones before it, so that every pixel "
    "depends on all pixels above. Use gaussian or median.",
    "denoise_wavelet": "its coefficients are shrunk by variances of the whole image, and their places depend on the "
    "image's shape. Use gaussian or median.",
    "felzenszwalb": "it merges the edges of the whole image in one order, so that a far pixel can change any segment; "
    "halos of 20 and of 60 pixels gave different partitions. Use slic for superpixels.",
    "inpaint_biharmonic": "every hole is one system of equations, however large it is. Use where with a value, or a "
    "closing.",
    "quickshift": "it adds random numbers in raster order to break ties, and follows links of any length. Use slic for "
    "superpixels.",
    "unwrap_phase": "it joins regions in an order of reliability over the whole image. Unwrap before tiling.",
}
"""Why each is refused, and what to use."""


def refusal(name: str) -> Callable[..., NoReturn]:
    """A function of this name that raises `InputError` with the reason, whatever it is called with."""

    def refuse(*args: Any, **options: Any) -> NoReturn:
        raise InputError(f"{name} was called; tilemask has no {name}: {REFUSED[name]}")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"Raise `InputError`: {REFUSED[name]}"
    return refuse
