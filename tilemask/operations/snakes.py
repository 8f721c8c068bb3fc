"""Morphological snakes: contours that move by local steps, a fixed number of times.

A contour is the border of a level set, and a level set is a mask. A round of the snake without edges needs two means of
the whole image first, so it is a survey and a step, and a pass; a geodesic round is a step alone, and as many rounds
share a pass as their reaches allow. What lies between two passes is the mask: one bit a pixel.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tilemask.errors import InputError
from tilemask.image import (
    LARGEST_REACH,
    Image,
    Value,
    derive,
    is_number,
    map_tiles,
    operation,
    reduce_tiles,
    require_mask,
    require_number,
    require_one_shape,
    require_scalar_pixels,
)
from tilemask.operations.attraction import (
    add_up_inside,
    attract_to_edges,
    attract_to_means,
    invert_gradient,
    region_means,
)
from tilemask.operations.footprints import ROUNDS, whole_number
from tilemask.operations.histograms import as_is
from tilemask.operations.level_sets import checkerboard, disk
from tilemask.operations.means import add_sums, add_up
from tilemask.operations.thresholds import percentile

_TRUNCATE = 4.0
"""Where SciPy's Gaussian ends, in standard deviations."""
_WORKSPACE = 8.0
"""Bytes a pixel that a round needs beside its inputs; measured 5 to 8 at 2048², where all is contour."""


@operation("rounded", reference="skimage.segmentation.morphological_chan_vese")
def morphological_chan_vese(
    image: Image,
    num_iter: int,
    *,
    init_level_set: str | Image = "checkerboard",
    smoothing: int = 1,
    lambda1: float | Value = 1,
    lambda2: float | Value = 1,
    where: Image | None = None,
) -> Image:
    """Separate two regions of different mean brightness by a smooth contour (snake without edges).

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
        One channel of any dtype, at least 2 pixels along every axis.
    num_iter : int
        Rounds. Each is a pass over the image.
    init_level_set : {"checkerboard", "disk"} or Image or array, optional
        Where the contour begins: squares of 5 pixels, a disk in the middle, or what is above 0 in an image of the same
        shape.
    smoothing : int, optional
        Curvature steps per round; 1 to 4 are usual.
    lambda1, lambda2 : float or Value, optional
        Weights of the variance inside and outside; with a larger `lambda1` the outside may vary more.
    where : Image or array of bool, optional
        The pixels that count in the two means; NaN then never counts.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask (bool, where scikit-image has int8) of the same shape.

    Raises
    ------
    InputError
        For channels, an axis of one pixel, counts that are not 0 or more, and another name or shape of
        `init_level_set`; when it is computed, for NaN and infinite pixels.

    Notes
    -----
    Exactness: rounded. Reference: `skimage.segmentation.morphological_chan_vese`. Of masks and integers the result is
    the reference's, bit for bit, while the sum of all pixels stays below 2^53: sums of integers are exact. Of floats
    the two means are exact sums divided once, where the reference's depend on NumPy's order of adding.

    scikit-image takes turns between two smoothing operators and goes on where the last call in the process stopped, so
    the same call may give another result the second time. Here every call begins as the first one in a fresh process.

    Algorithm: Márquez-Neila, Baumela and Álvarez, "A Morphological Approach to Curvature-based Evolution of Curves and
    Surfaces", IEEE PAMI 36 (2014). ``num_iter + 1`` passes, each with a reach of ``1 + 2 * smoothing``; they read the
    image once each and keep a bit a pixel. Measured at 2048²: 14 ns a pixel and round for
    uint8, 36 where all is contour.
    """
    what = "morphological_chan_vese"
    _check(image, num_iter, smoothing, what)
    for name, weight in (("lambda1", lambda1), ("lambda2", lambda2)):
        if not isinstance(weight, Value):
            require_number(weight, f"{what}: {name}")
    mask = _begin(init_level_set, image, what)
    cost = 20.0 if image.dtype.kind == "f" else 0.5
    if where is not None:
        require_mask(where, f"{what} with where=")
    counted = () if where is None else (where,)
    total = reduce_tiles(add_up, image, *counted, combine=add_sums, finish=as_is, cost=cost)
    for number in range(num_iter):
        inside = reduce_tiles(add_up_inside, image, mask, *counted, combine=add_sums, finish=as_is, cost=cost)
        mask = map_tiles(
            attract_to_means,
            image,
            mask,
            reach=1 + 2 * smoothing,
            dtype=np.bool_,
            cost=14.0,
            workspace=_WORKSPACE,
            user=False,
            means=derive(region_means, total, inside, image.dtype.str),
            lambda1=lambda1,
            lambda2=lambda2,
            smoothing=smoothing,
            swapped=_swapped(number, smoothing),
        )
    return mask


@operation("exact", reference="skimage.segmentation.morphological_geodesic_active_contour")
def morphological_geodesic_active_contour(
    gimage: Image,
    num_iter: int,
    *,
    init_level_set: str | Image = "disk",
    smoothing: int = 1,
    threshold: str | float | Value = "auto",
    balloon: float = 0,
) -> Image:
    """Move a smooth contour to where an image is dark: to edges, in an image of inverse gradients (geodesic snake).

    Parameters
    ----------
    gimage : Image or array, (rows, columns) or (planes, rows, columns)
        float32 or float64, one channel, at least 2 pixels along every axis: small at edges, as
        `inverse_gaussian_gradient` makes it.
    num_iter : int
        Rounds.
    init_level_set : {"checkerboard", "disk"} or Image or array, optional
        Where the contour begins, as in `morphological_chan_vese`.
    smoothing : int, optional
        Curvature steps per round.
    threshold : "auto" or float or Value, optional
        A balloon passes only where `gimage` is above ``threshold / abs(balloon)``; by default the 40th percentile.
    balloon : float, optional
        Above 0 the contour grows where nothing holds it, below 0 it shrinks; 0 is no balloon.

    Returns
    -------
    Image, or numpy.ndarray for an array
        A mask (bool, where scikit-image has int8) of the same shape.

    Raises
    ------
    InputError
        For integers and masks, channels, an axis of one pixel, counts that are not 0 or more, and another name or shape
        of `init_level_set`.

    Notes
    -----
    Exactness: exact. Reference: `skimage.segmentation.morphological_geodesic_active_contour`, as called first in a
    fresh process: see `morphological_chan_vese`.

    Rounds are local, with a reach of ``1 + 2 * smoothing``, one more with a balloon. As many of them share a pass as
    look no further together than a sixteenth of the tile; between passes the mask is kept, a bit a pixel. Measured at
    2048²: 12 ns a pixel and round, 22 with a balloon.
    """
    what = "morphological_geodesic_active_contour"
    _check(gimage, num_iter, smoothing, what)
    _require_floats(gimage, what)
    if threshold != "auto" and not isinstance(threshold, Value) and not is_number(threshold):
        raise InputError(f"{what}: threshold takes a number, a value or 'auto'; found {threshold!r}.")
    require_number(balloon, f"{what}: balloon")
    mask = _begin(init_level_set, gimage, what)
    level = percentile(gimage, 40) if isinstance(threshold, str) and balloon else threshold
    for number in range(num_iter):
        mask = map_tiles(
            attract_to_edges,
            gimage,
            mask,
            reach=1 + 2 * smoothing + (balloon != 0),
            dtype=np.bool_,
            cost=12.0 if not balloon else 22.0,
            workspace=_WORKSPACE,
            user=False,
            repeats=True,
            threshold=level if balloon else 0.0,
            balloon=balloon,
            smoothing=smoothing,
            swapped=_swapped(number, smoothing),
        )
    return mask


@operation("exact", reference="skimage.segmentation.inverse_gaussian_gradient")
def inverse_gaussian_gradient(image: Image, *, alpha: float = 100.0, sigma: float = 5.0) -> Image:
    """Turn edges dark and flat areas bright: ``1 / sqrt(1 + alpha * gradient magnitude)``.

    Parameters
    ----------
    image : Image or array, (rows, columns) or (planes, rows, columns)
        float32 or float64, one channel.
    alpha : float, optional
        Steepness; larger values make edges darker.
    sigma : float, optional
        Standard deviation of the Gaussian before the gradient, in pixels; above 0.

    Returns
    -------
    Image, or numpy.ndarray for an array
        0 to 1, of the same shape and dtype.

    Raises
    ------
    InputError
        For integers and masks, channels, and a sigma that is not above 0.

    Notes
    -----
    Exactness: exact. Reference: `skimage.segmentation.inverse_gaussian_gradient` of floats. Integers are refused: the
    reference computes their gradient in the integer type, where a falling edge of unsigned pixels wraps around. Reach:
    ``int(4 * sigma + 0.5)``.
    """
    what = "inverse_gaussian_gradient"
    require_scalar_pixels(image, what)
    _require_floats(image, what)
    for name, number in (("alpha", alpha), ("sigma", sigma)):
        require_number(number, f"{what}: {name}", most=LARGEST_REACH if name == "sigma" else math.inf)
    if not sigma > 0:
        raise InputError(f"{what}: sigma must be above 0 pixels; found {sigma!r}.")
    ndim = len(image.spatial_axes)
    made: Image = map_tiles(
        invert_gradient,
        image,
        reach=int(_TRUNCATE * float(sigma) + 0.5),
        cost=ndim * ndim * (8.0 + 8.0 * sigma),
        user=False,
        alpha=float(alpha),
        sigma=float(sigma),
    )
    return made


def _swapped(number: int, smoothing: int) -> bool:
    """Whether the first smoothing step of a round is the other one of the two that take turns."""
    return number * smoothing % 2 == 1


def _begin(init: str | Image, image: Image, what: str) -> Image:
    """The level set before the first round."""
    if isinstance(init, Image):
        require_scalar_pixels(init, f"{what} with init_level_set=")
        require_one_shape((image, init), f"{what} with init_level_set=")
        positive: Image = init > 0
        return init if init.dtype == np.bool_ else positive
    if init not in ("checkerboard", "disk"):
        raise InputError(
            f"{what}: init_level_set takes 'checkerboard', 'disk', or a mask of the image's shape; found {init!r}."
        )
    options: dict[str, Any] = {"dtype": np.bool_, "places": True, "user": False}
    made: Image
    if init == "disk":
        made = map_tiles(disk, image, cost=8.0, workspace=17.0, shape=image.spatial_shape, **options)
    else:
        made = map_tiles(checkerboard, image, cost=2.0, **options)
    return made


def _check(image: Image, num_iter: Any, smoothing: Any, what: str) -> None:
    require_scalar_pixels(image, what)
    for name, count in (("num_iter", num_iter), ("smoothing", smoothing)):
        whole_number(count, f"{what}: {name}", least=0, most=ROUNDS)
    if num_iter and min(image.spatial_shape) < 2:
        raise InputError(
            f"{what} looks at slopes, which take 2 pixels along every axis; found shape {image.spatial_shape}."
        )


def _require_floats(image: Image, what: str) -> None:
    if image.dtype.kind != "f":
        raise InputError(
            f"{what} works on float32 and float64, since slopes are fractions; found {image.dtype}. Convert first, as "
            "in image.astype('float32')."
        )
