"""Peaks among equals: chains that cross tiles, plateaus, and what is taken from the whole image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm
from tests.exactness.distances import peak_mask
from tilemask.boxes import Box
from tilemask.errors import InputError, TileError
from tilemask.image import from_array
from tilemask.operations import peaks, spacing
from tilemask.run import memory
from tilemask.testing import serpentine


def pictures(seed: int) -> dict[str, NDArray[Any]]:
    """Images with many ties, in which a chain of equal candidates may go from one end to the other."""
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(20, 60, 2))
    noise = rng.random(shape)
    saturated = (noise * 200).astype(np.uint8)
    saturated[tuple(slice(n // 4, n) for n in shape)] = 255
    return {
        "levels": np.floor(noise * 8).astype(np.uint8),
        "two levels": np.floor(noise * 2).astype(np.float32),
        "distance": ndimage.distance_transform_edt(noise > 0.05),
        "serpentine": serpentine(shape).astype(np.int16),
        "checkerboard": (np.indices(shape).sum(axis=0) % 2).astype(np.uint16),
        "saturated": saturated,
        "comb": np.tile(np.array([3, 7, 7, 3], np.int32), (shape[0], shape[1])),
        "hills": (ndimage.uniform_filter(noise, 3) * 12).astype(np.uint8),
        "noise": noise,
    }


@pytest.mark.parametrize("distance", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_first_of_equal_candidates_stays(distance: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name, array in pictures(seed).items():
        expected = peak_mask(array, min_distance=distance)
        np.testing.assert_array_equal(tm.peaks(array, min_distance=distance), expected, err_msg=name)
        tile = tuple(int(rng.integers(4, n + 1)) for n in array.shape)
        lazy = tm.peaks(from_array(array), min_distance=distance).compute(tile=tile)
        np.testing.assert_array_equal(lazy, expected, err_msg=f"{name} {tile}")


def test_candidates_are_told_before_their_cluster_is_seen() -> None:
    """The second line cannot be told, since the first may go on above the array; the last two can."""
    candidates = np.zeros((9, 7), bool)
    candidates[[1, 2, 5, 7], 3] = True
    stay, left = spacing.keep_spaced(candidates, Box((2, 0), (9, 7)), 3)
    assert np.argwhere(left).tolist() == [[1, 3], [2, 3]]
    assert np.argwhere(stay).tolist() == [[5, 3]]


def test_an_artificial_edge_one_pixel_too_far_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    true = peaks._known
    monkeypatch.setattr(peaks, "_known", lambda window, away: true(window, away - 1))
    monkeypatch.setattr(peaks, "REACH", 1)
    hills = (pictures(seed)["hills"] for seed in range(40))
    made = ((tm.peaks(from_array(h), min_distance=3).compute(tile=5), peak_mask(h, min_distance=3)) for h in hills)
    assert any(not np.array_equal(tiled, whole) for tiled, whole in made)


def test_a_constant_tile_is_not_a_constant_image() -> None:
    array = np.full((40, 40), 5.0)
    assert not tm.peaks(from_array(array), threshold_abs=1, min_distance=2).compute(tile=10).any()
    array[0, 0] = 4
    expected = peak_mask(array, min_distance=2)
    assert expected.sum() > 300
    np.testing.assert_array_equal(tm.peaks(from_array(array), min_distance=2).compute(tile=10), expected)


def test_a_plateau_beyond_the_memory_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "processors", lambda: 1)  # of several tiles that fail, the first is named
    array = np.full((64, 64), 5.0)
    array[0, 0] = 4
    image = from_array(array)

    def limited(lazy: Any) -> None:
        with memory._engine({"peaks": lazy}, 8, None) as engine:
            engine.growth_bytes = 20_000
            engine.run()

    told = (
        r"the plateau at row 16, column 0, of pixels equally high \(5\.0\), reaches beyond .* Give a larger memory="
        r".* Or lower the plateau, as in where\(image == 5\.0, 4\.0, image\); or smooth .* by threshold_abs=5\.0\."
    )
    with pytest.raises(TileError, match=told):
        limited(tm.peaks(image, min_distance=2))
    limited(tm.peaks(tm.where(image == 5.0, 4.0, image), min_distance=2))
    limited(tm.peaks(image, min_distance=2, threshold_abs=5.0))


def test_thresholds_may_be_values() -> None:
    array = np.random.default_rng(1).random((50, 60))
    image = from_array(array)
    got = tm.peaks(image, min_distance=2, threshold_abs=tm.otsu(image)).compute(tile=16)
    np.testing.assert_array_equal(got, peak_mask(array, min_distance=2, threshold_abs=float(tm.otsu(array))))


def test_infinite_pixels_count() -> None:
    array = np.random.default_rng(1).random((30, 30))
    array[3, 4], array[9, 9] = np.inf, -np.inf
    np.testing.assert_array_equal(tm.peaks(array, min_distance=2), peak_mask(array, min_distance=2))


def test_nan_is_refused_with_its_count() -> None:
    array = np.zeros((9, 9))
    array[2, 3] = array[8, 8] = np.nan
    for call in (lambda: tm.peaks(array), lambda: tm.peaks(from_array(array)).compute(tile=4)):
        with pytest.raises(InputError, match=r"2 of them are NaN.*where"):
            call()


@pytest.mark.parametrize("distance", [0, 1.5, True, -2])
def test_a_distance_is_a_number_of_pixels(distance: Any) -> None:
    with pytest.raises(InputError, match=f"1 or more; found {distance!r}"):
        tm.peaks(np.zeros((4, 4)), min_distance=distance)


@pytest.mark.parametrize("level", ["1", (1, 2), np.nan, {}])
@pytest.mark.parametrize("name", ["threshold_abs", "threshold_rel"])
def test_a_threshold_is_a_number(name: str, level: Any) -> None:
    with pytest.raises(InputError, match=f"{name} is a number"):
        tm.peaks(from_array(np.zeros((4, 4))), **{name: level})


def test_a_mask_has_no_peaks() -> None:
    with pytest.raises(InputError, match="Take its distance first"):
        tm.peaks(np.zeros((4, 4), bool))
