"""Footprints: what the user gave, as boolean arrays, and how far they look.

The reach is tight on each side, because a pixel more costs work on every tile and a pixel less is wrong. One trap
decides its form: scikit-image's morphology reflects the image at the border, so a footprint that looks three pixels
up sees, from the first row, two pixels *down*. For centred footprints that changes nothing; for lopsided ones the
other side grows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.morphology import ball, disk, pad_footprint

from tilemask.boxes import Reach
from tilemask.errors import InputError
from tilemask.image import Image, Value

Footprint = NDArray[np.bool_]


ROUNDS = 10_000
"""Rounds of an iteration: each is a step of the graph."""
PIXELS = 1 << 26
"""Pixels of a footprint: 64 MB, and hours of work where SciPy looks at each of them."""


def whole_number(value: Any, what: str, *, least: int, most: int = 2**31 - 1) -> int:
    """`value` as an int, or an error that says why a graph cannot be built with it."""
    if isinstance(value, Value):
        raise InputError(
            f"{what} decides how far an operation looks, so it must be known now; found {value!r}. compute() it."
        )
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{what} must be a whole number, {least} or more; found {value!r}.")
    if value > most:
        raise InputError(f"{what} is {most:,} at most; found {value!r}. Downsample the image where this is too little.")
    return int(value)


def whole_radius(radius: Any, ndim: int, what: str) -> int:
    """The radius of a disk or ball, refused where its footprint would not fit."""
    return whole_number(radius, f"{what}: radius", least=0, most=(int(PIXELS ** (1 / ndim)) - 1) // 2)


def round_footprint(radius: Any, ndim: int, what: str) -> Footprint:
    """A disk or a ball."""
    radius = whole_radius(radius, ndim, what)
    return (disk if ndim == 2 else ball)(radius, dtype=np.bool_)


def footprint_array(footprint: ArrayLike, ndim: int, what: str) -> Footprint:
    """A footprint as the user wrote it, checked."""
    array = np.asarray(footprint)
    if array.ndim != ndim or array.dtype.kind not in "biuf":
        raise InputError(
            f"{what}: the footprint must be an array of 0 and 1 with one axis per spatial axis of the image ({ndim}); "
            f"found shape {array.shape}, dtype {array.dtype}."
        )
    array = array.astype(bool)
    if not array.any():
        raise InputError(f"{what}: the footprint of shape {array.shape} has no pixel set.")
    return array


def footprint_steps(image: Image, radius: Any, footprint: Any, default: Footprint, what: str) -> tuple[Footprint, ...]:
    """The footprints to apply one after the other, odd-sized.

    Even sizes get a row of zeros in front, as in scikit-image; a sequence of ``(footprint, repeats)``, as its
    ``decomposition=`` gives it, becomes so many steps.
    """
    ndim = len(image.spatial_axes)
    if radius is not None and footprint is not None:
        raise InputError(f"{what} takes radius= or footprint=, not both; found radius={radius!r} and a footprint.")
    if radius is not None:
        return (round_footprint(radius, ndim, what),)
    if footprint is None:
        return (default,)
    pairs = footprint if _is_sequence(footprint) else ((footprint, 1),)
    steps = []
    for array, repeats in pairs:
        padded = pad_footprint(footprint_array(array, ndim, what), pad_end=False)
        steps += [padded] * whole_number(repeats, f"{what}: the repeats of a footprint", least=1)
    return tuple(steps)


def _is_sequence(footprint: Any) -> bool:
    return isinstance(footprint, list | tuple) and all(
        isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[0], np.ndarray) for entry in footprint
    )


def reach_of(footprint: Footprint) -> Reach:
    """Pixels before and after the centre (index size // 2) that the footprint looks at, tight."""
    offsets = np.argwhere(footprint) - np.array(footprint.shape) // 2
    return tuple((max(0, -int(o.min())), max(0, int(o.max()))) for o in offsets.T)


def reflected_reach(footprint: Footprint) -> Reach:
    """`reach_of` where the image is reflected at its border: offset -k from the first row is offset k - 1."""
    return tuple((max(lo, hi - 1), max(hi, lo - 1)) for lo, hi in reach_of(footprint))


def spans_its_centre(footprint: Footprint) -> bool:
    """Whether along every axis each line of the footprint is one run, centred.

    Then what a reflection at the border shows is in the footprint already, so that to reflect and to ignore what lies
    outside are the same; disks, balls, crosses and odd rectangles are like that.
    """
    if not all(n % 2 for n in footprint.shape):
        return False
    for axis in range(footprint.ndim):
        lines = np.moveaxis(footprint, axis, -1)
        half = lines[..., lines.shape[-1] // 2 :]
        if not np.array_equal(lines, lines[..., ::-1]) or (half[..., 1:] & ~half[..., :-1]).any():
            return False
    return True


def with_channels(footprint: Footprint, array: NDArray[Any]) -> Footprint:
    """The footprint for an array that may have a channel axis: channels do not mix."""
    return footprint if array.ndim == footprint.ndim else footprint[..., np.newaxis]


def without_running_window(footprint: Footprint, dtype: np.dtype[Any]) -> Footprint:
    """The same footprint in a form for which SciPy compares pixel by pixel.

    A full rectangle makes SciPy slide a window along the line, and what a NaN leaves in that window depends on pixels
    far outside the footprint: such a result has no reach. A ring of zeros around the rectangle keeps it local.
    """
    return np.pad(footprint, 1) if dtype.kind == "f" and footprint.all() else footprint
