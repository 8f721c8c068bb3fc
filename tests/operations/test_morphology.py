"""Morphology: pictures typed out, footprints and their reach, channels, NaN."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.morphology import ball, disk

import tilemask as tm
from tilemask.errors import InputError
from tilemask.operations.footprints import reach_of, reflected_reach, spans_its_centre

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


def mask(*rows: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in rows])


def test_opening_removes_what_the_cross_does_not_fit() -> None:
    before = mask(".#...", "###.#", ".#...", "....#")
    after = mask(".#...", "###..", ".#...", ".....")
    np.testing.assert_array_equal(tm.opening(before), after)
    np.testing.assert_array_equal(tm.white_tophat(before), before & ~after)


def test_border_does_not_erode() -> None:
    assert tm.erosion(np.ones((3, 4), bool), radius=2).all()


def test_reach_of_a_lopsided_footprint() -> None:
    footprint = np.array([[1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
    assert reach_of(footprint) == ((1, 0), (2, 0))
    assert reflected_reach(footprint) == ((1, 0), (2, 1))


@pytest.mark.parametrize("footprint", [CROSS, disk(3), ball(2), np.ones((3, 7)), np.ones((1, 1))])
def test_spans_its_centre(footprint: np.ndarray) -> None:
    assert spans_its_centre(footprint.astype(bool))


@pytest.mark.parametrize(
    "footprint", [~CROSS, np.eye(3), np.ones((2, 3)), np.array([[1, 1, 0]]), np.array([[1, 0, 1, 0, 1]])]
)
def test_does_not_span_its_centre(footprint: np.ndarray) -> None:
    assert not spans_its_centre(footprint.astype(bool))


@pytest.mark.parametrize("channels", [1, 3, 6])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32"])
def test_channels_do_not_mix(dtype: str, channels: int) -> None:
    rng = np.random.default_rng(channels)
    plane, volume = (rng.integers(0, 5, (*shape, channels)).astype(dtype) for shape in ((9, 7), (4, 6, 5)))
    for array in (plane, volume):
        apart = np.stack([tm.closing(np.ascontiguousarray(array[..., c]), radius=2) for c in range(channels)], axis=-1)
        np.testing.assert_array_equal(tm.closing(array, radius=2, channel_axis=-1), apart)


def test_nan_has_a_reach_in_rectangles_too() -> None:
    """SciPy's running window over [2, 4, NaN, 5, 3] remembers the 2 where it has left the window."""
    row = np.array([[2, 4, np.nan, 5, 3, 6, 7, 8]] * 3)
    footprint = np.ones((1, 5), bool)
    whole = tm.erosion(row, footprint=footprint)
    np.testing.assert_array_equal(whole, tm.erosion(tm.from_array(row), footprint=footprint).compute(tile=(1, 1)))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"radius": -1}, "0 or more"),
        ({"radius": 1.5}, "whole number"),
        ({"radius": 1, "footprint": CROSS}, "not both"),
        ({"footprint": np.zeros((3, 3))}, "no pixel set"),
        ({"footprint": np.ones((3, 3, 3))}, "one axis per spatial axis"),
        ({"footprint": [(CROSS, 0)]}, "repeats"),
    ],
)
@pytest.mark.parametrize("name", ["erosion", "dilation", "opening", "closing", "white_tophat"])
def test_refusals(name: str, wrong: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        getattr(tm, name)(np.ones((4, 4), bool), **wrong)
