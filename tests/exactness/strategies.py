"""Images that have broken tiled code before, and the tile grids to cut them with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.exactness.case import Case
from tilemask.testing import serpentine

SHAPES = {
    2: ((1, 1), (1, 23), (17, 1), (2, 3), (5, 4), (16, 16), (24, 31), (37, 29)),
    3: ((1, 1, 1), (1, 9, 7), (6, 1, 11), (2, 3, 2), (5, 8, 9), (9, 7, 12)),
}
PICTURES = (
    "noise",
    "levels",
    "pits",
    "peaks",
    "dark",
    "bright",
    "constant",
    "full",
    "empty",
    "outlier",
    "checkerboard",
    "serpentine",
    "blobs",
)
BROKEN = ("nan", "infinite")


def picture(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Values from 0 to 1, NaN and infinite ones where the name says so."""
    rng = np.random.default_rng(seed)
    noise = rng.random(shape)
    if name == "levels":
        return np.floor(noise * 8) / 8
    if name in ("pits", "peaks"):  # as sparse as a footprint of 5 to 100 pixels may need, to fit in at some places only
        rare = noise < 1 / rng.choice((5, 12, 30, 100))
        return (rare if name == "peaks" else ~rare).astype(float)
    if name == "dark":
        return noise**6
    if name == "bright":
        return 1 - noise**6
    if name in ("constant", "full", "empty"):
        return np.full(shape, {"constant": 0.4, "full": 1.0, "empty": 0.0}[name])
    if name == "outlier":
        noise /= 50
        noise[tuple(rng.integers(n) for n in shape)] = 1.0
    elif name == "checkerboard":
        return (np.indices(shape).sum(axis=0) % 2).astype(float)
    elif name == "serpentine":
        return serpentine(shape).astype(float)
    elif name == "blobs":
        coarse = rng.random(tuple(-(-n // 4) for n in shape))
        for axis in range(len(shape)):
            coarse = np.repeat(coarse, 4, axis=axis)
        return coarse[tuple(map(slice, shape))]
    elif name in BROKEN:
        broken = np.array([np.nan] if name == "nan" else [np.inf, -np.inf])
        noise[rng.random(shape) < 0.05] = rng.choice(broken)
    return noise


def as_dtype(values: NDArray[np.float64], dtype: str) -> NDArray[Any]:
    """Spread over the range of the dtype: the whole of 8 and 16 bits, so that whatever wraps or saturates is seen."""
    kind = np.dtype(dtype)
    if kind == np.bool_:
        return values > 0.3
    if kind.kind == "f":
        return (values * 300 - 70).astype(kind)
    low, high = {"int8": (-60, 60), "int16": (-9_000, 9_000)}.get(dtype, (0, np.iinfo(kind).max))
    if kind.itemsize > 2:
        low, high = (0 if kind.kind == "u" else -40_000), 70_000
    return np.rint(values * (high - low) + low).astype(kind)


def tiles(shape: tuple[int, ...]) -> st.SearchStrategy[tuple[int, ...]]:
    """Tiles down to one pixel, but no more than about 60 of them."""

    def few(tile: tuple[int, ...]) -> bool:
        return int(np.prod([-(-n // t) for n, t in zip(shape, tile, strict=True)])) <= 60

    return st.tuples(*(st.integers(1, n + 1) for n in shape)).filter(few)


@st.composite
def examples(
    draw: st.DrawFn, case: Case, dtypes: Sequence[str], ndim: int
) -> tuple[list[NDArray[Any]], tuple[int, ...]]:
    """The images of one run of a case, of one shape, and a tile."""
    shape = draw(st.sampled_from(SHAPES[ndim]))
    seed = draw(st.integers(0, 2**16))
    arrays = []
    for n, dtype in enumerate(dtypes):
        names = PICTURES if case.finite or np.dtype(dtype).kind != "f" else (*PICTURES, *BROKEN)
        arrays.append(as_dtype(picture(draw(st.sampled_from(names)), shape, seed + n), dtype))
    return arrays, draw(tiles(shape))


def fixed_examples(case: Case, dtypes: Sequence[str], ndim: int) -> Iterator[list[NDArray[Any]]]:
    """Every picture on every shape, in a fixed order."""
    for number, name in enumerate(PICTURES):
        for shape in SHAPES[ndim]:
            seeds = range(number, number + len(dtypes))
            yield [as_dtype(picture(name, shape, s), d) for s, d in zip(seeds, dtypes, strict=True)]


def runs(case: Case) -> list[tuple[tuple[str, ...], int]]:
    """The dtypes and numbers of axes that a case asks for."""
    rows = [(row,) if isinstance(row, str) else tuple(row) for row in case.dtypes]
    return [(row, ndim) for row in rows for ndim in case.ndim]
