"""Filters: what they refuse, what they leave alone, channels."""

from __future__ import annotations

import numpy as np
import pytest

import tilemask as tm
from tilemask.errors import InputError
from tilemask.image import Step


@pytest.mark.parametrize("array", [np.ones((4, 4), np.int32), np.ones((4, 4), bool), np.ones((3, 4, 4), np.uint16)])
def test_gaussian_asks_for_a_cast(array: np.ndarray) -> None:
    with pytest.raises(InputError, match=rf"found {array.dtype} z?yx. Cast first"):
        tm.gaussian(array, sigma=1)


@pytest.mark.parametrize("sigma", [-1, np.nan, np.inf, "2", (1, 2, 3), True])
def test_gaussian_refuses_a_sigma(sigma: object) -> None:
    with pytest.raises(InputError, match="sigma"):
        tm.gaussian(np.ones((4, 4), np.float32), sigma=sigma)


def test_reach_must_be_known_now() -> None:
    image = tm.from_array(np.ones((4, 4), np.float32))
    with pytest.raises(InputError, match="must be known now"):
        tm.gaussian(image, sigma=tm.threshold_mean(image))
    with pytest.raises(InputError, match="must be known now"):
        tm.median(image, radius=tm.threshold_mean(image))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_channels_do_not_mix(dtype: str, channels: int) -> None:
    array = np.random.default_rng(channels).integers(0, 255, (12, 9, channels)).astype(dtype)
    for call in (
        lambda a, **k: tm.gaussian(a, sigma=(1, 2), **k),
        tm.median,
        lambda a, **k: tm.median(a, radius=2, **k),
    ):
        apart = np.stack([call(array[..., c]) for c in range(channels)], axis=-1)
        np.testing.assert_array_equal(call(array, channel_axis=-1), apart)
        np.testing.assert_array_equal(call(np.moveaxis(array, -1, 0), channel_axis=0), np.moveaxis(apart, -1, 0))


def test_reach_follows_sigma_and_truncate() -> None:
    made = tm.gaussian(tm.from_array(np.ones((4, 4), np.uint8)), sigma=(0, 1.5), truncate=3)
    assert isinstance(made.step, Step)
    assert made.step.reach == ((0, 0), (5, 5))


def test_median_of_a_footprint_with_even_sides_leans_forward() -> None:
    image = np.array([[5, 1, 3, 9]], np.uint8)
    np.testing.assert_array_equal(tm.median(image, footprint=np.ones((1, 2), bool)), [[5, 5, 3, 9]])


@pytest.mark.parametrize("footprint", [np.zeros((3, 3), bool), np.ones(3, bool), np.ones((3, 3, 3), bool), "disk"])
def test_median_refuses_a_footprint(footprint: object) -> None:
    with pytest.raises(InputError, match="footprint"):
        tm.median(np.ones((4, 4)), footprint=footprint)


def test_median_takes_one_neighbourhood() -> None:
    with pytest.raises(InputError, match="not both"):
        tm.median(np.ones((4, 4)), radius=1, footprint=np.ones((3, 3), bool))
