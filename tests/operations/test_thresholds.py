"""Global levels: NaN, nodata, empty selections, constants; what is rounded stays close to its reference."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import skimage.filters

import tilemask as tm
from tilemask.errors import InputError

HISTOGRAM = ("otsu", "yen", "isodata", "triangle", "li")
ALL = {**{n: getattr(tm, n) for n in (*HISTOGRAM, "threshold_mean")}, "percentile": partial(tm.percentile, q=30)}


def both(call, array, **arguments):  # type: ignore[no-untyped-def]
    """The message of the error that eager and lazy call raise alike."""
    with pytest.raises(InputError) as eager:
        call(array, **arguments)
    lazy = {n: tm.from_array(a) if isinstance(a, np.ndarray) else a for n, a in arguments.items()}
    made = call(tm.from_array(array), **lazy)
    with pytest.raises(InputError) as tiled:
        made.compute(tile=(3, 4))
    assert str(eager.value) == str(tiled.value)
    return str(eager.value)


@pytest.fixture
def ramp() -> np.ndarray:
    return np.linspace(0, 1, 80, dtype=np.float32).reshape(8, 10) ** 2


@pytest.mark.parametrize("name", ALL)
def test_nan_is_counted(name: str, ramp: np.ndarray) -> None:
    ramp[3, :4] = np.nan
    assert "4 NaN of 80 values" in both(ALL[name], ramp)


@pytest.mark.parametrize("name", HISTOGRAM)
def test_infinity_is_counted(name: str, ramp: np.ndarray) -> None:
    ramp[3, :3] = np.inf
    ramp[2, 2] = np.nan
    assert "1 NaN and 3 infinite of 80 values" in both(ALL[name], ramp)


@pytest.mark.parametrize("name", ALL)
def test_nan_never_counts_with_where_or_nodata(name: str, ramp: np.ndarray) -> None:
    ramp[3, :4] = np.nan
    valid = ~np.isnan(ramp)
    expected = ALL[name](ramp[valid].reshape(4, 19))
    assert ALL[name](ramp, where=np.ones_like(valid)) == expected
    assert ALL[name](tm.from_array(ramp), nodata=-1).compute(tile=(3, 4)) == expected


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
@pytest.mark.parametrize("name", ALL)
def test_nodata_is_left_out(name: str, dtype: str) -> None:
    array = np.random.default_rng(0).integers(1, 200, (20, 30)).astype(dtype)
    expected = ALL[name](array[5:])
    array[:5] = 0
    lazy = ALL[name](tm.from_array(array), nodata=0).compute(tile=(7, 11))
    assert ALL[name](array, nodata=0) == lazy == expected
    assert type(lazy) is type(expected)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float64"])
@pytest.mark.parametrize("name", ALL)
def test_nothing_left(name: str, dtype: str) -> None:
    message = both(ALL[name], np.ones((6, 6), dtype), where=np.zeros((6, 6), bool))
    assert "no pixel is left" in message


def test_isodata_of_constant_floats() -> None:
    assert "every value of the image is 2.5" in both(tm.isodata, np.full((6, 6), 2.5))


def test_range_of_wide_integers() -> None:
    array = np.array([[0, 1 << 24]], np.int64)
    assert "from 0 to 16777216" in both(tm.otsu, array)
    assert tm.percentile(array, 50) == 1 << 23
    huge = np.full((2, 2), 2**63 + 5, np.uint64)
    assert "9223372036854775813" in both(tm.otsu, huge)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_bins_that_cannot_be_laid() -> None:
    assert "cannot lay 256 bins" in both(tm.otsu, np.array([[-3e38, 3e38]], np.float32))


@pytest.mark.parametrize("name", ["otsu", "percentile"])
def test_masks_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="mask"):
        ALL[name](np.ones((3, 3), bool))


@pytest.mark.parametrize("q", [-1, 100.5, np.nan, "50", None, True])
def test_percentages(q: object) -> None:
    with pytest.raises(InputError, match="from 0 to 100"):
        tm.percentile(np.ones((3, 3)), q)


def test_percentage_as_value() -> None:
    array = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    image = tm.from_array(array)
    q = tm.threshold_mean(image) * 100
    assert tm.percentile(image, q).compute(tile=4) == np.percentile(
        array, float(np.float32(tm.threshold_mean(array) * 100))
    )


def test_where_must_fit() -> None:
    with pytest.raises(InputError, match=r"\(3, 3\); found \(3, 4\)"):
        tm.otsu(np.ones((3, 3)), where=np.ones((3, 4), bool))
    with pytest.raises(InputError, match="works on a mask"):
        tm.otsu(np.ones((3, 3)), where=np.ones((3, 3)))
    with pytest.raises(InputError, match="nodata"):
        tm.otsu(np.ones((3, 3)), nodata="none")


def test_channels_count_together() -> None:
    array = np.random.default_rng(0).integers(0, 255, (9, 8, 3)).astype(np.uint8)
    image = tm.from_array(array, channel_axis=-1)
    inside = np.random.default_rng(1).random((9, 8)) > 0.5
    assert tm.otsu(image).compute(tile=3) == skimage.filters.threshold_otsu(array.ravel())
    selected = tm.otsu(image, where=tm.from_array(inside)).compute(tile=3)
    assert selected == skimage.filters.threshold_otsu(array[inside])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_li_of_floats_is_close(dtype: str) -> None:
    rng = np.random.default_rng(3)
    array = np.concatenate((rng.normal(2, 0.5, 3000), rng.normal(9, 2, 1000))).reshape(50, 80).astype(dtype)
    ours, theirs = tm.li(array), skimage.filters.threshold_li(array)
    assert ours.dtype == theirs.dtype
    assert abs(float(ours) - float(theirs)) < 3 * np.ptp(array) / 65536


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1.0, 1e300])
def test_mean_of_floats_is_rounded_once(scale: float) -> None:
    rng = np.random.default_rng(0)
    array = (rng.random((30, 40)) - 0.5) * scale * 10.0 ** rng.integers(-6, 6, (30, 40))
    assert tm.threshold_mean(array) == pytest.approx(math.fsum(array.ravel()) / array.size, rel=3e-16, abs=5e-324)


def test_mean_of_infinities() -> None:
    assert tm.threshold_mean(np.array([[1, np.inf]])) == np.inf
    assert tm.threshold_mean(np.array([[1, -np.inf]])) == -np.inf
    assert np.isnan(tm.threshold_mean(np.array([[np.inf, -np.inf]])))


def test_mean_of_integers_that_overflow() -> None:
    top = np.iinfo(np.uint64).max
    assert tm.threshold_mean(np.full((3, 5), top, np.uint64)) == float(top)
    assert tm.threshold_mean(np.full((3, 5), -(2**63), np.int64)) == -(2.0**63)
