"""Cutouts, overlays and smaller images: pictures typed out."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.transform import downscale_local_mean

import tilemask as tm
from tilemask.errors import InputError


def test_cutout_keeps_the_dtype() -> None:
    image = np.arange(6, dtype=np.uint16).reshape(2, 3)
    inside = np.array([[True, False, True], [False, True, False]])
    result = tm.cutout(image, inside, background=9)
    assert result.dtype == np.uint16
    np.testing.assert_array_equal(result, [[0, 9, 2], [9, 4, 9]])


@pytest.mark.parametrize("background", [-1, 256, 0.5, np.nan, "0"])
def test_cutout_refuses_what_does_not_fit(background: object) -> None:
    with pytest.raises(InputError, match="does not fit into uint8"):
        tm.cutout(np.ones((2, 2), np.uint8), np.ones((2, 2), bool), background=background)


def test_cutout_of_channels_with_a_value() -> None:
    array = np.random.default_rng(0).random((5, 6, 3))
    inside = array[..., 0] > 0.5
    image = tm.from_array(array, channel_axis=-1)
    made = tm.cutout(image, tm.from_array(inside), background=tm.percentile(image, 10)).compute(tile=2)
    np.testing.assert_array_equal(made, np.where(inside[..., None], array, np.percentile(array, 10)))


def test_overlay_of_a_mask() -> None:
    image = np.array([[0, 50, 100, 50, 0]] * 5, np.uint8)
    inside = np.zeros((5, 5), bool)
    inside[1:4, 1:4] = True
    result = tm.overlay(image, inside, color=(255, 0, 0), alpha=0.5, low=0, high=100)
    assert result.shape == (5, 5, 3)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result[0, 2], [255, 255, 255])  # outside: the image, stretched
    np.testing.assert_array_equal(result[1, 2], [255, 0, 0])  # outline
    np.testing.assert_array_equal(result[2, 2], [255, 128, 128])  # inside, half and half


def test_overlay_gives_each_label_its_colour() -> None:
    labels = np.array([[1, 2, 258]], np.int32)
    picture = tm.overlay(np.zeros((1, 3), np.uint8), labels, low=0, high=1)
    assert not np.array_equal(picture[0, 0], picture[0, 1])
    np.testing.assert_array_equal(picture[0, 1], picture[0, 2])  # 256 colours come round again


def test_overlay_keeps_rgb_as_it_is_and_shows_nan_black() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    nothing = np.zeros((4, 5), bool)
    image = tm.from_array(rgb, channel_axis=-1)
    np.testing.assert_array_equal(tm.overlay(image, tm.from_array(nothing)).compute(tile=2), rgb)
    grey = np.array([[np.nan, 0.0, 1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(tm.overlay(grey, nothing[:1])[0, 0], [0, 0, 0])


@pytest.mark.parametrize("wrong", [{"color": (1, 2)}, {"color": (0, 0, 256)}, {"alpha": 2}, {"low": "0"}])
def test_overlay_refusals(wrong: dict) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        tm.overlay(np.ones((3, 3)), np.ones((3, 3), bool), **wrong)


def test_downsample_does_not_darken_the_border() -> None:
    image = np.array([[1, 3, 10], [5, 7, 20], [100, 102, 200]], np.uint8)
    np.testing.assert_array_equal(tm.downsample(image, factor=2), [[4, 15], [101, 200]])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_downsample_rounds_the_exact_mean_to_even(dtype: str) -> None:
    limits = np.iinfo(dtype)
    array = np.random.default_rng(0).integers(limits.min, limits.max, (7, 11), dtype=dtype, endpoint=True)
    array[:2, :2] = limits.max
    result = tm.downsample(array, factor=(2, 3))
    for i in range(4):
        for j in range(4):
            block = [int(v) for v in array[2 * i : 2 * i + 2, 3 * j : 3 * j + 3].ravel()]
            whole, rest = divmod(sum(block), len(block))
            up = 2 * rest > len(block) or (2 * rest == len(block) and whole % 2)
            assert int(result[i, j]) == whole + bool(up)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_downsample_equals_scikit_image_on_whole_blocks(dtype: str) -> None:
    array = np.random.default_rng(0).integers(0, 255, (12, 8)).astype(dtype)
    expected = downscale_local_mean(array, (3, 2))
    np.testing.assert_array_equal(
        tm.downsample(array, factor=(3, 2)), np.rint(expected) if dtype == "uint8" else expected
    )


def test_downsample_of_masks_and_labels_takes_the_first_pixel() -> None:
    labels = np.array([[1, 9, 2], [9, 9, 9], [3, 9, 4]], np.int32)
    np.testing.assert_array_equal(tm.downsample(labels, factor=2, labels=True), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(tm.downsample(labels == 9, factor=2), np.zeros((2, 2), bool))


def test_downsample_grows_the_pixel() -> None:
    image = tm.from_array(np.ones((5, 7), np.uint8), pixel_size=(0.5, 0.25), unit="micrometer")
    smaller = tm.downsample(image, factor=(2, 4))
    assert smaller.shape == (3, 2)
    assert smaller.pixel_size == (1.0, 1.0)
    with pytest.raises(InputError, match="1 or more"):
        tm.downsample(image, factor=0)
    with pytest.raises(InputError, match="one per spatial axis"):
        tm.downsample(image, factor=(2, 2, 2))
