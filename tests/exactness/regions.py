"""Rows of region methods: snakes, superpixels, and what depends on cells of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import skimage.segmentation.morphsnakes as morphsnakes
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.case import Case

INTEGERS = ("bool", "uint8", "int16", "uint32", "int64")
FLOATS = ("float32", "float64")


def freshly(function: Any, *arrays: NDArray[Any], **options: Any) -> NDArray[np.bool_]:
    """A snake of scikit-image as the first one in a process: its smoothing goes on where the last call stopped."""
    up, down = morphsnakes.sup_inf, morphsnakes.inf_sup
    morphsnakes._curvop = morphsnakes._fcycle([lambda u: up(down(u)), lambda u: down(up(u))])
    return np.asarray(function(*arrays, **options)).astype(bool)


def chan_vese(array: NDArray[Any], init: Any = "checkerboard", **options: Any) -> NDArray[np.bool_]:
    return freshly(morphsnakes.morphological_chan_vese, array, init_level_set=init, **options)


def geodesic(array: NDArray[Any], init: Any = "disk", **options: Any) -> NDArray[np.bool_]:
    return freshly(morphsnakes.morphological_geodesic_active_contour, array, init_level_set=init, **options)


def begun(function: Any, **options: Any) -> Any:
    """A call with the second image as the initial level set of the first."""

    def call(image: Any, init: Any) -> Any:
        return function(image, init_level_set=init, **options)

    return call


def _chan_vese(dtypes: tuple[str, ...], ndim: tuple[int, ...] = (2,), **options: Any) -> Case:
    text = ", ".join(f"{name}={value}" for name, value in options.items())
    ours = partial(tm.morphological_chan_vese, **options)
    named = {"init" if name == "init_level_set" else name: value for name, value in options.items()}
    return Case(
        "morphological_chan_vese", ours, partial(chan_vese, **named), dtypes, ndim, text, finite=True, may_raise=True
    )


def _geodesic(dtypes: tuple[str, ...], ndim: tuple[int, ...] = (2,), **options: Any) -> Case:
    name = "morphological_geodesic_active_contour"
    text = ", ".join(f"{option}={value}" for option, value in options.items())
    ours = partial(tm.morphological_geodesic_active_contour, **options)
    named = {"init" if option == "init_level_set" else option: value for option, value in options.items()}
    finite = options.get("threshold") is None and bool(options.get("balloon"))
    return Case(name, ours, partial(geodesic, **named), dtypes, ndim, text, finite=finite, may_raise=True)


SNAKES = [
    _chan_vese(INTEGERS, (2, 3), num_iter=3),
    _chan_vese(("uint8",), num_iter=2, smoothing=0, lambda1=1.5, lambda2=2),
    _chan_vese(("uint8", "uint16"), num_iter=2, smoothing=2, init_level_set="disk"),
    Case(
        "morphological_chan_vese",
        begun(tm.morphological_chan_vese, num_iter=2),
        partial(chan_vese, num_iter=2),
        (("uint8", "bool"), ("int16", "bool")),
        (2,),
        "mask",
        may_raise=True,
    ),
    Case(
        "morphological_chan_vese",
        partial(tm.morphological_chan_vese, num_iter=2),
        None,
        FLOATS,
        (2,),
        "floats",
        may_raise=True,
    ),
    _geodesic(FLOATS, (2, 3), num_iter=3),
    _geodesic(FLOATS, num_iter=2, balloon=1),
    _geodesic(("float32",), (2, 3), num_iter=2, balloon=-2, init_level_set="checkerboard"),
    _geodesic(("float32",), num_iter=3, smoothing=0, balloon=0.7, threshold=20.5),
    _geodesic(("float64",), num_iter=2, smoothing=2, init_level_set="checkerboard"),
    Case(
        "morphological_geodesic_active_contour",
        begun(tm.morphological_geodesic_active_contour, num_iter=3),
        partial(geodesic, num_iter=3),
        (("float32", "bool"), ("float64", "bool")),
        (2,),
        "mask",
        may_raise=True,
    ),
    Case(
        "inverse_gaussian_gradient", tm.inverse_gaussian_gradient, morphsnakes.inverse_gaussian_gradient, FLOATS, (2,)
    ),
    Case(
        "inverse_gaussian_gradient",
        partial(tm.inverse_gaussian_gradient, alpha=3.5, sigma=1.2),
        partial(morphsnakes.inverse_gaussian_gradient, alpha=3.5, sigma=1.2),
        FLOATS,
        (2, 3),
        "alpha=3.5, sigma=1.2",
    ),
]


def counting(function: Any, **options: Any) -> Any:
    """A call with the second image as the pixels that count."""

    def call(image: Any, where: Any) -> Any:
        return function(image, where=where, **options)

    return call


def _slic(dtypes: tuple[str, ...], ndim: tuple[int, ...] = (2,), **options: Any) -> Case:
    text = ", ".join(f"{name}={value}" for name, value in options.items())
    ours = partial(tm.slic, n_segments=9, max_num_iter=3, **options)
    return Case("slic", ours, None, dtypes, ndim, text, finite=True)


SUPERPIXELS = [
    _slic(("uint8", "int32"), (2, 3), compactness=0.1),
    _slic(("bool", "float32", "float64"), enforce_connectivity=False),
    _slic(("uint16",), compactness=0.003, sigma=0.35),
    _slic(("float32",), (2, 3), compactness=0.01, min_size_factor=0.2, max_size_factor=0.4),
    Case(
        "slic",
        counting(tm.slic, n_segments=9, compactness=0.05),
        None,
        (("uint8", "bool"), ("float64", "bool")),
        (2, 3),
        "where",
        may_raise=True,
    ),
]


def on_two(function: Any, *, dtype: str, **options: Any) -> Any:
    """A call with the second image as numbers from 0 to 3, which markers and regions are made of."""

    def call(image: Any, numbers: Any) -> Any:
        return function(image, (numbers // 64).astype(dtype), **options)

    return call


def in_colour(function: Any, **options: Any) -> Any:
    """A call with the first image as three equal channels."""

    def call(image: Any, region: Any) -> Any:
        three = tm.map_tiles(stacked, image, channels=3)
        axis = {} if isinstance(three, tm.Image) else {"channel_axis": -1}
        return function(three, region, **axis, **options)

    return call


def stacked(array: NDArray[Any]) -> NDArray[Any]:
    return np.stack([array, array, array], axis=-1)


APPROXIMATE = [
    Case(
        "random_walker",
        on_two(tm.random_walker, dtype="int32", halo=3, window=8),
        None,
        (("uint8", "uint8"), ("float32", "uint8")),
        (2,),
        "halo=3",
        may_raise=True,
    ),
    Case(
        "random_walker",
        on_two(tm.random_walker, dtype="uint8", halo=2, window=(4, 5, 3)),
        None,
        (("int16", "uint8"),),
        (3,),
        "volumes",
    ),
    Case("grabcut", in_colour(tm.grabcut, halo=3, window=(9, 14)), None, (("uint8", "bool"),), (2,), "halo=3"),
]

CASES: list[Case] = [*SNAKES, *SUPERPIXELS, *APPROXIMATE]
