"""Rows of filters and morphology."""

from __future__ import annotations

from functools import partial
from typing import Any

import cv2
import numpy as np
import skimage.filters
import skimage.morphology
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.case import Case

EVERY = ("bool", "uint8", "uint16", "int16", "int32", "float32", "float64")
SOME = ("bool", "uint8", "float32")

LOPSIDED = np.array([[0, 1, 0, 0, 0], [0, 1, 1, 0, 0], [1, 0, 0, 0, 0]], bool)
EVEN = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], bool)
AHEAD = np.array([[0, 0, 0, 0, 0, 0, 1]], bool)
LOPSIDED_3D = np.zeros((2, 3, 4), bool)
LOPSIDED_3D[0, 1:, 0] = LOPSIDED_3D[1, 0, 1:] = True


def cv2_gaussian(array: NDArray[Any], *, sigma: tuple[float, float], truncate: float = 4.0) -> NDArray[Any]:
    """The reference for integer planes, called axis by axis so that a sigma of 0 is left out, not derived."""
    rows, columns = (2 * int(truncate * s + 0.5) + 1 for s in sigma)
    return cv2.GaussianBlur(
        array, (columns, rows), sigmaX=sigma[1] or 1e-9, sigmaY=sigma[0] or 1e-9, borderType=cv2.BORDER_REPLICATE
    )


def sk_gaussian(array: NDArray[Any], *, sigma: Any, truncate: float = 4.0) -> NDArray[Any]:
    return skimage.filters.gaussian(array, sigma, mode="nearest", preserve_range=True, truncate=truncate)


GAUSSIANS = [
    Case(
        "gaussian",
        partial(tm.gaussian, sigma=s),
        partial(cv2_gaussian, sigma=pair),
        ("uint8", "uint16"),
        (2,),
        f"sigma={s}",
    )
    for s, pair in ((1.5, (1.5, 1.5)), ((0.7, 3.1), (0.7, 3.1)), ((0, 1.2), (0, 1.2)), (0.05, (0.05, 0.05)))
] + [
    Case(
        "gaussian",
        partial(tm.gaussian, sigma=s),
        partial(sk_gaussian, sigma=s),
        ("float32", "float64"),
        (n,),
        f"sigma={s}",
    )
    for s, n in ((1.5, 2), (1.1, 3), ((0.7, 2.6), 2), ((0, 1.2), 2), ((0.5, 0, 1.4), 3), (0, 2))
]
GAUSSIANS.append(
    Case(
        "gaussian",
        partial(tm.gaussian, sigma=2, truncate=1.3),
        partial(sk_gaussian, sigma=2, truncate=1.3),
        ("float32",),
        (2,),
        "sigma=2, truncate=1.3",
    )
)


def sk_median(array: NDArray[Any], *, footprint: Any = None) -> NDArray[Any]:
    return skimage.filters.median(array, footprint, behavior="ndimage", mode="nearest")


MEDIANS = [
    Case("median", tm.median, sk_median, EVERY, (2, 3)),
    Case(
        "median",
        partial(tm.median, radius=2),
        partial(sk_median, footprint=skimage.morphology.disk(2)),
        SOME,
        (2,),
        "radius=2",
    ),
    Case(
        "median",
        partial(tm.median, radius=1),
        partial(sk_median, footprint=skimage.morphology.ball(1)),
        SOME,
        (3,),
        "radius=1",
    ),
    *(
        Case("median", partial(tm.median, footprint=f), partial(sk_median, footprint=f), dtypes, (2,), name)
        for f, name, dtypes in (
            (np.ones((5, 5), bool), "square 5", ("uint8", "uint16", "float32")),
            (np.ones((7, 7), bool), "square 7", ("bool", "uint8", "uint16")),
            (np.ones((1, 2), bool), "pair", SOME),
            (EVEN, "even", SOME),
            (LOPSIDED, "lopsided", SOME),
        )
    ),
]

NAMES = ("erosion", "dilation", "opening", "closing", "white_tophat")
FOOTPRINTS_2D = (
    ("square 3", np.ones((3, 3), bool), SOME),
    ("bar", np.ones((1, 7), bool), SOME),
    ("even square", np.ones((4, 2), bool), SOME),
    ("even", EVEN, ("bool", "uint16", "float32")),
    ("lopsided", LOPSIDED, SOME),
    ("ahead", AHEAD, ("bool", "float32")),
)


def _morphology(name: str) -> list[Case]:
    ours, theirs = getattr(tm, name), getattr(skimage.morphology, name)
    disks = [
        Case(
            name,
            partial(ours, radius=r),
            partial(theirs, footprint=skimage.morphology.disk(r)),
            dtypes,
            (2,),
            f"radius={r}",
        )
        for r, dtypes in ((0, ("uint8",)), (1, SOME), (3, EVERY), (6, ("bool", "uint16")))
    ]
    lopsided = [
        Case(name, partial(ours, footprint=f), partial(theirs, footprint=f), dtypes, (2,), label)
        for label, f, dtypes in FOOTPRINTS_2D
    ]
    sequence = skimage.morphology.disk(4, decomposition="sequence")
    ball = skimage.morphology.ball(2)
    return [
        Case(name, ours, theirs, ("bool", "uint8", "int32", "float64"), (2, 3)),
        *disks,
        *lopsided,
        Case(name, partial(ours, footprint=sequence), partial(theirs, footprint=sequence), SOME, (2,), "sequence"),
        Case(
            name,
            partial(ours, radius=2),
            partial(theirs, footprint=ball),
            ("bool", "uint16", "float32"),
            (3,),
            "radius=2",
        ),
        Case(
            name, partial(ours, footprint=LOPSIDED_3D), partial(theirs, footprint=LOPSIDED_3D), SOME, (3,), "lopsided"
        ),
    ]


CASES: list[Case] = [*GAUSSIANS, *MEDIANS, *(case for name in NAMES for case in _morphology(name))]
