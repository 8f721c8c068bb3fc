"""The two primitives, called by a user."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage as ndi

import tilemask as tm
from tilemask.errors import InputError, TileError

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 1000, (40, 50)).astype(np.uint16)


def box_max(image: np.ndarray, *, size: int) -> np.ndarray:
    return ndi.maximum_filter(image, size=size, mode="nearest")


def brightness(image: np.ndarray, *, above: float) -> int:
    return int(image[image > above].sum())


def test_a_function_becomes_an_operation() -> None:
    lazy = tm.map_tiles(box_max, tm.from_array(IMAGE), reach=3, size=7)
    eager = tm.map_tiles(box_max, IMAGE, reach=3, size=7)
    assert np.array_equal(eager, box_max(IMAGE, size=7))
    assert np.array_equal(lazy.compute(tile=8), eager)


def test_too_short_a_reach_shows() -> None:
    lazy = tm.map_tiles(box_max, tm.from_array(IMAGE), reach=2, size=7)
    assert not np.array_equal(lazy.compute(tile=8), box_max(IMAGE, size=7))


def test_a_function_of_several_images_with_a_value() -> None:
    def above(a: np.ndarray, b: np.ndarray, *, level: float) -> np.ndarray:
        return (a > level) & (b > level)

    image = tm.from_array(IMAGE)
    mask = tm.map_tiles(above, image, image, dtype=bool, level=tm.otsu(image))
    assert np.array_equal(mask.compute(tile=7), tm.otsu(IMAGE) < IMAGE)


def test_a_function_may_ask_where_its_pixels_lie() -> None:
    def ramp(image: np.ndarray, *, origin: np.ndarray) -> np.ndarray:
        return origin[0] + np.arange(len(image))[:, np.newaxis] + 0 * image.astype(int)

    rows = np.indices(IMAGE.shape)[0]
    assert np.array_equal(tm.map_tiles(ramp, IMAGE, dtype=int, places=True), rows)
    for reach in (0, 3):
        lazy = tm.map_tiles(ramp, tm.from_array(IMAGE), dtype=int, places=True, reach=reach)
        assert np.array_equal(lazy.compute(tile=7), rows)
    part = tm.map_tiles(ramp, tm.from_array(IMAGE)[10:], dtype=int, places=True)
    assert np.array_equal(part.compute(tile=9), rows[:-10])


def test_a_function_becomes_a_survey() -> None:
    lazy = tm.reduce_tiles(brightness, tm.from_array(IMAGE), combine=int.__add__, finish=int, dtype="int64", above=500)
    assert lazy.compute(tile=(3, 50)) == brightness(IMAGE, above=500)
    assert tm.reduce_tiles(brightness, IMAGE, combine=int.__add__, finish=int, above=500) == brightness(
        IMAGE, above=500
    )
    assert np.array_equal((tm.from_array(IMAGE) > lazy).compute(tile=9), brightness(IMAGE, above=500) < IMAGE)


def test_channels_may_appear_and_vanish() -> None:
    def stack(image: np.ndarray) -> np.ndarray:
        return np.stack([image, image + 1], axis=-1)

    two = tm.map_tiles(stack, tm.from_array(IMAGE), channels=2)
    assert two.axes == "yxc"
    assert np.array_equal(two.compute(tile=11), stack(IMAGE))
    one = tm.map_tiles(lambda a: a.max(axis=-1), two, channels=None)
    assert np.array_equal(one.compute(tile=11), IMAGE + 1)


def test_nothing_runs_before_it_is_asked_for() -> None:
    calls = []

    def watched(image: np.ndarray) -> np.ndarray:
        calls.append(image.shape)
        return image

    image = tm.map_tiles(watched, tm.from_array(IMAGE))
    mask = (image > 3) & (image < 900)
    tm.plan(mask[3:9])
    assert calls == []
    mask[3:9, 4:5].compute()
    assert calls == [(6, 1)]


def test_a_shared_input_is_evaluated_once_per_tile() -> None:
    calls = []

    def watched(image: np.ndarray) -> np.ndarray:
        calls.append(image.shape)
        return image

    image = tm.map_tiles(watched, tm.from_array(IMAGE))
    wide = tm.map_tiles(box_max, image, reach=3, size=7)
    (wide > image).compute(tile=20)
    assert len(calls) == 6


def wrong_shape(image: np.ndarray) -> np.ndarray:
    return image[1:]


def wrong_dtype(image: np.ndarray) -> np.ndarray:
    return image.astype(float)


def nothing(image: np.ndarray) -> None:
    return None


def changes_input(image: np.ndarray) -> np.ndarray:
    image += 1
    return image


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            wrong_shape,
            r"must return an array of shape \(40, 50\), dtype uint16; it returned an array of shape \(39, 50\)",
        ),
        (wrong_dtype, "dtype uint16; it returned an array of shape .* dtype float64"),
        (nothing, "it returned NoneType"),
        (changes_input, "a function must not change its inputs: copy first"),
    ],
)
def test_a_function_that_breaks_the_contract_is_named(function, message) -> None:
    before = IMAGE.copy()
    with pytest.raises(TileError, match=message) as raised:
        tm.map_tiles(function, IMAGE)
    assert function.__name__ in str(raised.value)
    assert np.array_equal(IMAGE, before)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda i: bool(i), "no single truth value"),
        (lambda i: np.asarray(i), r"Call .compute\(\)"),
        (lambda i: list(i), "slice a region"),
        (lambda i: i[::2], "step 1"),
        (lambda i: i[5:5], "is empty"),
        (lambda i: i[0:2, 0:2, 0], "3 indices"),
        (lambda i: i + "a", None),
        (lambda i: tm.label(i / 2), "mask"),
        (lambda i: tm.opening(i, radius=-1), "radius"),
        (lambda i: tm.map_tiles(box_max, i, reach=-1, size=3), "0 or more"),
        (lambda i: tm.map_tiles(box_max, i, reach=(1, 2, 3), size=3), "one entry per spatial axis"),
        (lambda i: i + tm.from_array(IMAGE[:5]), "one spatial shape"),
        (lambda i: tm.gaussian(i, sigma=1, channel_axis=0), "channel_axis= is for bare arrays"),
        (lambda i: i.compute(tile=0), "each 1 or more"),
        (lambda i: i.compute(tile=(4, 4, 4)), "one per spatial axis"),
        (lambda i: bool(tm.otsu(i)), "not computed yet"),
        (lambda i: tm.from_array(np.zeros((3, 3), complex)), "complex128"),
        (lambda i: tm.from_array(np.zeros(3)), "1 axes"),
        (lambda i: tm.gaussian("image.tif", sigma=1), "open_image"),
        (
            lambda i: tm.gaussian(None, sigma=1),
            "gaussian, image=: an image or a NumPy array is needed; found .*NoneType",
        ),
        (lambda i: tm.cutout(i, None), "cutout, mask=: an image or a NumPy array is needed"),
        (lambda i: tm.watershed(None), "watershed, elevation=: an image"),
    ],
)
def test_misuse_is_refused_with_advice(call, message) -> None:
    with pytest.raises((InputError, TypeError), match=message):
        call(tm.from_array(IMAGE))


@pytest.mark.parametrize(
    ("call", "message"),
    {
        "no function": (lambda i: tm.map_tiles(3, i), "takes a function and the images"),
        "no image": (lambda i: tm.map_tiles(box_max), "box_max needs at least one image"),
        "no image to survey": (lambda i: tm.reduce_tiles(brightness, combine=max, finish=int), "at least one image"),
        "a path": (lambda i: tm.map_tiles(box_max, "slide.tif"), "Open it with tilemask.open_image"),
        "half a pixel": (lambda i: tm.map_tiles(box_max, i, reach=1.5), "reach is a count of pixels"),
        "reach of words": (lambda i: tm.map_tiles(box_max, i, reach=(1, "2")), "reach is a count of pixels"),
        "channels of words": (lambda i: tm.map_tiles(box_max, i, channels="rgb"), "1 or more, or None for no channel"),
        "no channels": (lambda i: tm.map_tiles(box_max, i, channels=0), "found 0"),
        "no dtype": (lambda i: tm.map_tiles(box_max, i, dtype="boool"), "dtype= of box_max: 'boool' is not a dtype"),
        "no pixels": (lambda i: tm.map_tiles(box_max, i, dtype=object), "has dtype object"),
        "RGB beside a mask": (
            lambda i: tm.cutout(np.zeros((40, 50, 3), np.uint8), np.ones((40, 50), bool)),
            "cutout: images must have one spatial shape.*channel_axis=-1",
        ),
        "other shapes": (lambda i: tm.overlay(i, i[:9] > 3), r"overlay: .*\(40, 50\) and \(9, 50\)\. Slice or"),
    }.values(),
)  # fmt: skip
def test_what_cannot_be_is_refused_at_the_call(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(tm.from_array(IMAGE))


def test_a_call_that_is_wrong_in_python_shows_how_it_is_right() -> None:
    with pytest.raises(TypeError, match=r"gaussian: missing .*'sigma'; it is called as gaussian\(image, \*, sigma, "):
        tm.gaussian(tm.from_array(IMAGE))
