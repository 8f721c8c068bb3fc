"""Maxima and minima whose plateaus go on over many tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import morphology

import tilemask as tm
from tilemask.errors import InputError
from tilemask.image import from_array
from tilemask.operations.extrema import mark_plateaus
from tilemask.testing import serpentine


def spiral(n: int) -> NDArray[np.uint8]:
    """One path from the corner to the middle, between walls."""
    picture, row, column, step = np.zeros((n, n), np.uint8), 0, 0, (0, 1)
    picture[0, 0] = 1
    while True:
        ahead = [(row + k * step[0], column + k * step[1]) for k in (1, 2)]
        inside = [0 <= r < n and 0 <= c < n for r, c in ahead]
        if not inside[0] or picture[ahead[0]] or (inside[1] and picture[ahead[1]]):
            step = (step[1], -step[0])
            row, column = row + step[0], column + step[1]
            if not (0 <= row < n and 0 <= column < n) or picture[row, column]:
                return picture
        else:
            row, column = ahead[0]
        picture[row, column] = 1


def plateaus(rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    path = spiral(29).astype(np.int16)
    ends = np.argwhere(path)[-1]
    higher = path.copy()
    higher[tuple(ends)] = 2
    blobs = np.kron(rng.integers(0, 4, (8, 9)), np.ones((5, 4), int)).astype(np.uint8)
    return {
        "path": path,
        "path that rises at one place": higher,
        "serpentine": serpentine((31, 24)),
        "steps": blobs,
        "steps of floats": blobs / 7,
        "one lower pixel": np.where(np.arange(900).reshape(30, 30) == 415, 1, 3).astype(np.uint64) + 2**60,
        "levels": rng.integers(0, 3, (26, 33)).astype(np.int32),
        "constant": np.full((20, 21), 7),
        "infinite": np.where(rng.random((20, 20)) < 0.3, np.inf, -np.inf),
    }


@pytest.mark.parametrize("borders", [True, False])
@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("name", ["local_maxima", "local_minima"])
def test_plateaus_are_followed_over_the_tiles(name: str, connectivity: int, borders: bool) -> None:
    rng = np.random.default_rng(connectivity)
    options = {"connectivity": connectivity, "allow_borders": borders}
    for picture, array in plateaus(rng).items():
        expected = getattr(morphology, name)(array, **options)
        tile = tuple(int(rng.integers(4, 12)) for _ in array.shape)
        lazy = getattr(tm, name)(from_array(array), **options).compute(tile=tile)
        np.testing.assert_array_equal(lazy, expected, err_msg=f"{picture} {tile}")


def test_candidates_that_a_plateau_has_left_are_marked() -> None:
    image = np.array([[0, 0, 0, 0, 0, 0], [0, 3, 3, 3, 3, 4], [0, 0, 0, 0, 0, 0], [2, 2, 0, 0, 0, 0]])
    codes = mark_plateaus(image, connectivity=2, highest=True)
    assert codes.tolist() == [[0, 0, 0, 0, 0, 0], [0, 1, 1, 2, 0, 1], [0, 0, 0, 0, 0, 0], [1, 1, 0, 2, 2, 2]]


def test_nan_is_refused_with_its_count() -> None:
    array = np.zeros((9, 9), np.float32)
    array[2, 3] = np.nan
    for call in (lambda: tm.local_minima(array), lambda: tm.local_maxima(from_array(array)).compute(tile=4)):
        with pytest.raises(InputError, match="1 of them are NaN"):
            call()


@pytest.mark.parametrize("connectivity", [0, 3, 1.5])
def test_a_connectivity_that_cannot_be(connectivity: Any) -> None:
    with pytest.raises(InputError, match=f"1 to 2 for axes 'yx'; found {connectivity}"):
        tm.local_maxima(np.zeros((4, 4)), connectivity=connectivity)
