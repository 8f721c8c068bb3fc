"""Operators, slicing and conversion follow NumPy, lazily, on any tile grid."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilemask as tm
from tilemask.errors import InputError, TileError

DTYPES = ["bool", "uint8", "int16", "uint16", "int32", "float32", "float64"]
BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod, operator.pow]
COMPARE = [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne]
LOGIC = [operator.and_, operator.or_, operator.xor]


def sample(dtype: str, seed: int, shape: tuple[int, ...] = (13, 9)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if np.dtype(dtype).kind == "f":
        array = rng.normal(0, 3, shape).astype(dtype)
        array.flat[:3] = [np.nan, np.inf, 0]
        return array
    return rng.integers(0, 5, shape).astype(dtype)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(BINARY + COMPARE + LOGIC),
    st.sampled_from(DTYPES),
    st.one_of(st.sampled_from(DTYPES), st.sampled_from([2, 1.5, True, np.uint8(3), np.float64(0.5)])),
    st.tuples(st.integers(1, 14), st.integers(1, 10)),
    st.booleans(),
)
def test_operators_equal_numpy(function, left, right, tile, swapped) -> None:
    a = sample(left, 1)
    b = sample(right, 2) if isinstance(right, str) else right
    lazy_b = tm.from_array(b) if isinstance(b, np.ndarray) else b
    pair, lazy = ((b, a), (lazy_b, tm.from_array(a))) if swapped else ((a, b), (tm.from_array(a), lazy_b))
    with np.errstate(all="ignore"):
        try:
            expected = function(*pair)
        except (TypeError, ValueError):
            with pytest.raises((InputError, TileError)):
                function(*lazy).compute(tile=tile)
            return
        result = function(*lazy).compute(tile=tile)
    assert same(result, expected)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_unary_operators_equal_numpy(dtype: str) -> None:
    a = sample(dtype, 3)
    image = tm.from_array(a)
    assert same((-image).compute(tile=4), -a)
    assert same(abs(image).compute(tile=4), abs(a))
    mask = a > 1
    assert same((~tm.from_array(mask)).compute(tile=4), ~mask)


def test_masks_are_inverted_and_numbers_keep_their_type() -> None:
    a = sample("uint16", 4)
    assert (tm.from_array(a) - 1).dtype == np.uint16
    assert (tm.from_array(a) / 2).dtype == np.float64
    assert same((tm.from_array(a) - 1).compute(tile=3), a - 1)


@pytest.mark.parametrize("tile", [1, 4, (2, 100), None])
def test_where_equals_numpy(tile) -> None:
    a, b = sample("uint16", 5), sample("float32", 6)
    mask = a > 2
    image = tm.where(tm.from_array(mask), tm.from_array(a), tm.from_array(b))
    assert same(image.compute(tile=tile), np.where(mask, a, b))
    assert same(tm.where(tm.from_array(mask), tm.from_array(a), 0).compute(tile=tile), np.where(mask, a, np.uint16(0)))
    assert same(tm.where(mask, a, b), np.where(mask, a, b))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_a_slice_is_a_region_of_the_global_result(data) -> None:
    a = sample("uint16", 7, (17, 23))
    image = tm.from_array(a)
    labels = tm.label(image > tm.otsu(image))
    y0 = data.draw(st.integers(0, 16))
    x0 = data.draw(st.integers(0, 22))
    y1, x1 = data.draw(st.integers(y0 + 1, 17)), data.draw(st.integers(x0 + 1, 23))
    tile = data.draw(st.integers(1, 25))
    whole = tm.label(a > tm.otsu(a))
    assert same(labels[y0:y1, x0:x1].compute(tile=tile), whole[y0:y1, x0:x1])
    assert same(
        tm.erosion(labels[y0:y1, x0:x1] > 0, radius=1).compute(tile=tile), tm.erosion(whole[y0:y1, x0:x1] > 0, radius=1)
    )


def test_channels_are_selected_by_number() -> None:
    a = np.random.default_rng(8).integers(0, 255, (11, 12, 3)).astype(np.uint8)
    image = tm.from_array(a, channel_axis=-1)
    assert image.axes == "yxc"
    assert image.channels == 3
    assert same(image[..., 1].compute(tile=5), a[..., 1])
    assert same(image[2:7, :, -1].compute(tile=5), a[2:7, :, -1])
    assert same((image > tm.from_array(a[..., 0])).compute(tile=5), a > a[..., :1])


def test_operations_take_arrays_with_a_channel_axis() -> None:
    a = np.random.default_rng(9).integers(0, 255, (3, 20, 21)).astype(np.uint8)
    result = tm.gaussian(a, sigma=1, channel_axis=0)
    assert result.shape == a.shape
    assert same(result[1], tm.gaussian(a[1], sigma=1))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (np.array([[1.0, np.nan]]), "uint8", "1 pixels are NaN or infinite and do not fit into uint8"),
        (np.array([[1, 300]]), "uint8", "values from 1 to 300 do not fit into uint8"),
        (np.array([[-1, 3]]), "uint16", "values from -1 to 3 do not fit into uint16"),
    ],
)
def test_values_that_do_not_fit_are_refused(source, target, message) -> None:
    with pytest.raises(TileError, match=message):
        tm.from_array(source).astype(target).compute(tile=1 if target == "x" else None)


def test_conversions_that_fit_equal_numpy() -> None:
    a = sample("uint8", 10)
    assert same(tm.from_array(a).astype("float32").compute(tile=3), a.astype(np.float32))
    assert same(tm.from_array(a.astype(float)).astype("uint8").compute(tile=3), a)
    assert same(tm.from_array(a > 1).astype("uint8").compute(tile=3), (a > 1).astype(np.uint8))


def test_values_can_be_computed_with() -> None:
    a = sample("uint16", 11)
    image = tm.from_array(a)
    level = (tm.otsu(image) + tm.threshold_mean(image)) / 2
    assert level.compute(tile=4) == (tm.otsu(a) + tm.threshold_mean(a)) / 2
    assert same((image * 2 > level).compute(tile=4), a * 2 > (tm.otsu(a) + tm.threshold_mean(a)) / 2)
    assert same((tm.otsu(image) < image).compute(tile=4), tm.otsu(a) < a)


def test_arrays_and_numpy_scalars_mix_with_images() -> None:
    a = sample("uint16", 12)
    image = tm.from_array(a)
    assert same((a + image).compute(tile=4), a + a)
    assert same((image - a).compute(tile=4), a - a)
    assert same((np.float32(2) * image).compute(tile=4), np.float32(2) * a)


@pytest.mark.parametrize("function", [np.sqrt, np.isnan, np.isfinite, np.floor, np.sign, np.square])
def test_numpy_functions_of_one_image(function) -> None:
    pixels = sample("float32", 1)
    with np.errstate(all="ignore"):
        assert same(function(tm.from_array(pixels)).compute(tile=(4, 3)), function(pixels))


@pytest.mark.parametrize("function", [np.minimum, np.maximum, np.fmax, np.logical_and, np.add, np.less])
def test_numpy_functions_of_two(function) -> None:
    left, right = sample("float32", 1), sample("float32", 2)
    assert same(function(tm.from_array(left), right).compute(tile=5), function(left, right))
    assert same(function(left, tm.from_array(right)).compute(tile=5), function(left, right))
    assert same(function(tm.from_array(left), np.float32(1)).compute(tile=5), function(left, np.float32(1)))


def test_the_pixels_that_are_numbers_can_be_chosen() -> None:
    pixels = sample("float32", 1)
    image = tm.from_array(pixels)
    assert tm.percentile(image, 50, where=np.isfinite(image)).compute() == np.percentile(
        pixels[np.isfinite(pixels)], 50
    )


@pytest.mark.parametrize(
    ("call", "message"),
    {
        "last bit": (lambda i: np.exp(i), r"numpy\.exp was called on <Image .*map_tiles\(numpy\.exp"),
        "whole image": (lambda i: np.sum(i), r"numpy\.add\.reduce was called.*such as tilemask\.percentile"),
        "in place": (lambda i: np.add(np.ones((13, 9)), i, out=np.ones((13, 9))), r"numpy\.add was called with out="),
        "half float": (lambda i: np.sqrt(i > 3), "has dtype float16"),
        "a level as int": (lambda i: int(tm.otsu(i)), "not computed yet"),
        "a level as text": (lambda i: f"{tm.otsu(i):.1f}", "not computed yet"),
        "no dtype": (lambda i: i.astype("flot"), "astype: 'flot' is not a dtype"),
        "complex": (lambda i: i.astype("complex64"), "has dtype complex64"),
        "half an index": (lambda i: i[1.5:], "takes a slice with step 1"),
    }.values(),
)  # fmt: skip
def test_what_is_left_to_others_is_refused(call, message) -> None:
    with pytest.raises(InputError, match=message):
        call(tm.from_array(sample("uint16", 1)))


def test_a_value_prints_as_what_it_is() -> None:
    assert f"{tm.otsu(tm.from_array(sample('uint16', 1)))}" == "<Value otsu_level int64>"
