"""Methods that see the whole image at once, run on windows: what comes out is approximate, and says so.

Random walks and minimal cuts have no reach: every pixel takes part in the solution of every other. They are run on the
cells of a grid of their own, each with a halo that the caller has to choose. So the result depends on the windows, and
never on the tiles, workers or threads; with a window as large as the image it is the reference's. What such a method
takes from the image as a whole (its standard deviation) is taken from the whole image all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi
from skimage.segmentation import random_walker as walk_randomly
from skimage.util import img_as_float

from tilemask.errors import InputError
from tilemask.image import Image, derive, map_tiles, operation, reduce_tiles, require_mask, require_scalar_pixels
from tilemask.operations.histograms import as_is
from tilemask.operations.means import UNIT, add_sums, add_up

Side = int | Sequence[int]

_WALK_BYTES, _CUT_BYTES = 4000.0, 250.0
"""Peaks of memory per pixel of a window: measured 2900 at 384 pixels a side, and 170 at 1024."""
_WALK_WINDOW = {2: 256, 3: 32}

_SEED = 1
"""OpenCV's k-means draws numbers; every window starts from the same."""


@operation("approximate", reference="skimage.segmentation.random_walker(mode='bf') on windows")
def random_walker(
    image: Image,
    markers: Image,
    *,
    beta: float = 130,
    halo: Side | None = None,
    window: Side | None = None,
    where: Image | None = None,
) -> Image:
    """Give each pixel to the marker that a random walk, which shuns edges, reaches first. Approximate.

    Parameters
    ----------
    image : Image or array, (rows, columns[, channel]) or (planes, rows, columns[, channel])
        Any dtype.
    markers : Image or array of integers
        Of the same spatial shape: markers above 0, pixels to be labelled 0, pixels that no walk enters below 0.
    beta : float, optional
        How much edges are shunned, 0 or more.
    halo : int or sequence of int
        Pixels around a window that are solved with it, for all or per spatial axis. There is no default: markers
        further away have no influence.
    window : int or sequence of int, optional
        Sides of the windows, in pixels; 256 in planes and 32 in volumes by default.
    where : Image or array of bool, optional
        The pixels that count in the standard deviation that `beta` is relative to; NaN then never counts,
        and is walked through like 0.

    Returns
    -------
    Image, or numpy.ndarray for an array
        Labels, of the dtype and with the numbers of `markers`; 0 where no marker lies in the window and its halo, -1
        where one does and no walk gets there.

    Raises
    ------
    InputError
        Without `halo`, for markers that are not integers of one channel, and a beta below 0; when it is computed, for
        NaN and infinite pixels.

    Notes
    -----
    Exactness: approximate. Every window is solved alone, by `skimage.segmentation.random_walker` with ``mode="bf"``;
    the same for every tile grid. A window that holds the whole image is the reference, up to the numbers: scikit-image
    gives markers the numbers 1…n. The standard deviation that scales `beta` is that of the whole image.

    Algorithm: Grady, "Random Walks for Image Segmentation", IEEE PAMI 28 (2006). Solved
    directly, so that memory and time grow faster than the window: measured, 25 µs and 2.9 kB a pixel of a window that
    is 384 pixels wide with its halo, 11 µs at 256.
    """
    what = "random_walker"
    cells = _WALK_WINDOW[len(image.spatial_axes)] if window is None else window
    reach = _halo(halo, cells, what, "a random walk goes through the whole image")
    require_scalar_pixels(markers, f"{what} with markers=")
    if markers.dtype.kind not in "iu":
        raise InputError(
            f"{what}: markers are integers, 0 where nothing is known; found {markers.dtype}. Number them first, as in "
            "label(mask)."
        )
    if not isinstance(beta, int | float | np.number) or not 0 <= beta < math.inf:
        raise InputError(f"{what}: beta must be a number, 0 or more; found {beta!r}.")
    if where is not None:
        require_mask(where, f"{what} with where=")
    counted = () if where is None else (where,)
    moments = reduce_tiles(add_up_squares, image, *counted, combine=add_squares, finish=as_is, cost=200.0)
    labels: Image = map_tiles(
        walk,
        image,
        markers,
        reach=reach,
        cells=cells,
        workspace=_WALK_BYTES,
        dtype=markers.dtype,
        channels=None,
        cost=20_000.0,
        user=False,
        beta=float(beta),
        deviation=derive(standard_deviation, moments),
    )
    return labels


@operation("approximate", reference="cv2.grabCut(mode=GC_INIT_WITH_MASK) on windows")
def grabcut(
    image: Image, region: Image, *, iterations: int = 5, halo: Side | None = None, window: Side = 1024
) -> Image:
    """Cut a coloured foreground out along a minimal cut, from a region that roughly holds it. Approximate.

    Parameters
    ----------
    image : Image or array of uint8, (rows, columns, channel)
        Three channels.
    region : Image or array of bool or uint8, (rows, columns)
        A mask: background outside, probably foreground inside. Or OpenCV's numbers: 0 background, 1 foreground, 2
        probably background, 3 probably foreground.
    iterations : int, optional
        Rounds of fitting colours and cutting.
    halo : int or sequence of int
        Pixels around a window that are cut with it, for both or per axis. There is no default: colours further away
        have no influence.
    window : int or sequence of int, optional
        Sides of the windows, in pixels; each has colour models of its own.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask of the foreground, (rows, columns). A window with its halo in which nothing can be foreground has none,
        one in which nothing can be background is all foreground.

    Raises
    ------
    InputError
        Without `halo`, for volumes, for other than three channels of uint8, another `region`, and a count below 1.
    TileError
        When it is computed, for numbers above 3 in `region`.

    Notes
    -----
    Exactness: approximate. Every window is cut alone by `cv2.grabCut`, its random numbers seeded the same each time;
    the result is the same for every tile grid. A window that holds the whole image is the reference.

    Algorithm: Rother, Kolmogorov and Blake, "GrabCut", ACM SIGGRAPH (2004). Measured: 10 µs and 170
    bytes a pixel of a window that is 1024 pixels wide with its halo.
    """
    what = "grabcut"
    reach = _halo(halo, window, what, "a minimal cut and its colour models depend on the whole image")
    if image.axes != "yxc" or image.channels != 3 or image.dtype != np.uint8:
        raise InputError(
            f"{what} works on planes of three channels of uint8; found axes {image.axes!r}, {image.channels} channels "
            f"of {image.dtype}. A bare array needs channel_axis=-1."
        )
    require_scalar_pixels(region, f"{what} with region=")
    if region.dtype not in (np.bool_, np.uint8):
        raise InputError(
            f"{what}: region is a mask (bool), or uint8 with OpenCV's numbers 0 to 3; found {region.dtype}. Compare "
            "first, as in image > level."
        )
    if isinstance(iterations, bool) or not isinstance(iterations, int | np.integer) or iterations < 1:
        raise InputError(f"{what}: iterations takes a count, 1 or more; found {iterations!r}.")
    mask: Image = map_tiles(
        cut_foreground,
        image,
        region,
        reach=reach,
        cells=window,
        workspace=_CUT_BYTES,
        dtype=np.bool_,
        channels=None,
        cost=10_000.0,
        user=False,
        iterations=int(iterations),
    )
    return mask


def add_up_squares(image: NDArray[Any], where: NDArray[np.bool_] | None = None) -> dict[str, dict[str, int]]:
    """The exact sums of the pixels and of their squares (each rounded to float64), as scikit-image scales them."""
    values = img_as_float(image).astype(np.float64)
    return {"values": add_up(values, where), "squares": add_up(values * values, where)}


def add_squares(a: dict[str, dict[str, int]], b: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: add_sums(a[name], b[name]) for name in a}


def standard_deviation(moments: dict[str, dict[str, int]]) -> float:
    part = moments["values"]
    if broken := part["nan"] + part["above"] + part["below"]:
        raise InputError(
            f"random_walker needs the standard deviation of the image; {broken} of {part['count']} values are NaN or "
            "infinite. Give them a value first, as in tilemask.where(numpy.isfinite(image), image, 0)."
        )
    if not part["count"]:
        return 0.0
    mean, square = (Fraction(moments[n]["sum"], part["count"] << UNIT) for n in ("values", "squares"))
    return math.sqrt(max(square - mean * mean, Fraction(0)))


def walk(image: NDArray[Any], markers: NDArray[Any], *, beta: float, deviation: float) -> NDArray[Any]:
    """One window: scikit-image's solution, with the numbers of the markers and the deviation of the whole image."""
    free, open_ = markers == 0, markers >= 0
    if not (markers > 0).any():
        return markers
    solvable = free & ndi.binary_propagation(markers > 0, mask=open_)
    labels = np.where(free & ~solvable, -1, markers).astype(markers.dtype)
    if not solvable.any():
        return labels
    # Without what takes no part: scikit-image's matrix is singular where a marker has no pixel to walk to.
    active = ndi.binary_propagation(solvable, mask=open_)
    numbers, consecutive = np.unique(markers[active & ~free], return_inverse=True)
    if len(numbers) == 1:  # nothing to solve; the direct solver of the reference gives a wrong number here
        labels[solvable] = numbers[0]
        return labels
    seeds = np.where(active, 0, -1)
    seeds[active & ~free] = consecutive + 1
    values = img_as_float(image).astype(np.float64)
    values[~np.isfinite(values)] = 0.0  # left out of the deviation by where=, or the run would have stopped there
    own = float(values.std())
    if values.min() == values.max() or not deviation:  # every step is as easy as any other; here it divides by zero
        values, beta, deviation = np.arange(values.size, dtype=np.float64).reshape(values.shape), 0.0, 1.0
    axis = -1 if image.ndim > markers.ndim else None
    solved = walk_randomly(values, seeds, beta=beta * own / deviation, mode="bf", channel_axis=axis)
    labels[solvable] = numbers[solved[solvable] - 1]
    return labels


def cut_foreground(image: NDArray[np.uint8], region: NDArray[Any], *, iterations: int) -> NDArray[np.bool_]:
    """One window of `cv2.grabCut`; OpenCV refuses one without foreground or without background."""
    trimap = region * np.uint8(cv2.GC_PR_FGD) if region.dtype == np.bool_ else region.copy()
    if trimap.max() > cv2.GC_PR_FGD:
        raise ValueError(f"region holds {trimap.max()}; OpenCV's numbers are 0 to 3")
    front = trimap & 1
    if front.all() or not front.any():
        return front.astype(bool)
    cv2.setRNGSeed(_SEED)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(image), trimap, None, *models, iterations, cv2.GC_INIT_WITH_MASK)
    return (trimap & 1).astype(bool)


def _halo(halo: Side | None, window: Side, what: str, why: str) -> Side:
    """The halo, which nobody but the caller can choose."""
    if halo is None:
        raise InputError(
            f"{what} was asked for without halo=: {why}, so windows of {window} pixels give an approximation, and how "
            "far around a window it looks is yours to say, as in halo=64. A larger one comes nearer to the whole image."
        )
    return halo
