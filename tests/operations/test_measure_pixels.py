"""What is measured on the pixels of objects: means, medians and weighted moments of every type, rounded once."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import tilemask as tm
from tests.operations.measured import same
from tilemask.image import from_array
from tilemask.stitch import medians


@pytest.mark.parametrize(
    "values", [(1e300, -1e300, 1.0), (1e16, 1.0, -1e16), (np.nan, 1.0, 2.0), (np.inf, -np.inf, 1.0)]
)
def test_means_of_floats_are_exact(values: tuple[float, ...]) -> None:
    image = np.resize(np.array(values), (6, 7))
    labels = np.ones((6, 7), np.uint8)
    with np.errstate(all="ignore"):
        found = tm.measure(from_array(labels), from_array(image), properties=("intensity_mean",)).compute(tile=(2, 3))
        if np.isfinite(image).all():
            expected = float(sum(map(Fraction, image.ravel().tolist())) / image.size)
        else:
            expected = float("nan")
    np.testing.assert_array_equal(found["intensity_mean"], [expected])


def weighted_moments(labels: NDArray[Any], image: NDArray[Any]) -> tuple[list[Fraction], list[Fraction]]:
    """Moments of label 1 about the corner of its box and about its centre of mass, in whole numbers."""
    places = np.argwhere(labels == 1)
    places = (places - places.min(axis=0)).tolist()
    weights = [Fraction(float(w)) for w in image[labels == 1]]
    orders = list(np.ndindex((4,) * labels.ndim))
    centre = [sum(w * p[a] for w, p in zip(weights, places, strict=True)) / sum(weights) for a in range(labels.ndim)]

    def about(point: Any) -> list[Fraction]:
        return [
            sum(
                (
                    w * math.prod((x - c) ** k for x, c, k in zip(p, point, order, strict=True))
                    for w, p in zip(weights, places, strict=True)
                ),
                Fraction(0),
            )
            for order in orders
        ]

    return about([0] * labels.ndim), about(centre)


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize(
    ("dtype", "least", "most"),
    [
        ("float32", -3, 3),
        ("float64", -300, 200),
        ("float64", -1070, 0),
        ("int32", 0, 30),
        ("uint32", 0, 31),
        ("int16", 0, 14),
    ],
)
def test_weights_of_every_type_are_rounded_once(ndim: int, dtype: str, least: int, most: int) -> None:
    rng = np.random.default_rng(most + ndim)
    shape = (13, 17) if ndim == 2 else (5, 6, 7)
    labels = (rng.random(shape) < 0.6).astype(np.uint8)
    labels[(0,) * ndim] = 1
    image = (np.ldexp(rng.random(shape), rng.integers(least, most + 1, shape))).astype(dtype)
    if image.dtype.kind != "u":
        image[rng.random(shape) < 0.4] *= -1
    wanted = ("moments_weighted", "moments_weighted_central")
    found = tm.measure(from_array(labels), from_array(image), properties=wanted).compute(tile=(4, 5, 3)[:ndim])
    for name, exact in zip(wanted, weighted_moments(labels, image), strict=True):
        columns = [found["-".join((name, *map(str, order)))][0] for order in np.ndindex((4,) * ndim)]
        assert columns == [as_float(e) for e in exact], name
    assert same(found, tm.measure(labels, image, properties=wanted))


def as_float(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact.numerator)


def test_weights_that_cancel_are_not_taken_for_small() -> None:
    """A sum of weights near 0 beside moments that leave 64 bits when they are multiplied."""
    labels = np.ones((2, 100), np.uint8)
    image = np.where(np.arange(200).reshape(2, 100) % 100 < 50, -30_000, 30_000).astype(np.int16)
    image[0, 0] += 1
    found = tm.measure(labels, image, properties=("moments_weighted_central",))
    exact = weighted_moments(labels, image)[1]
    assert found.iloc[0].tolist() == [float(e) for e in exact]


def test_the_sign_of_a_zero_does_not_depend_on_how_large_other_objects_are() -> None:
    labels = np.zeros((3, 70_000), np.int32)
    labels[0, 0] = 1
    image = np.full(labels.shape, -5, np.int16)
    alone = tm.measure(labels, image, properties=("centroid_weighted_local",))
    labels[1:] = 2
    beside = tm.measure(labels, image, properties=("centroid_weighted_local", "moments_weighted_central"))
    assert np.signbit(alone.iloc[0]).tolist() == np.signbit(beside.iloc[0, :2]).tolist() == [True, True]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_objects_with_unknown_weights_have_none_of_their_moments(value: float) -> None:
    labels = np.array([[1, 1, 0, 2], [1, 0, 0, 2]])
    image = np.ones((2, 4, 2), np.float32)
    image[1, 0, 1] = value
    wanted = ("moments_weighted", "centroid_weighted", "moments_weighted_central")
    found = tm.measure(from_array(labels), from_array(image, channel_axis=-1), properties=wanted).compute(tile=1)
    for name in found:
        assert np.isnan(found[name][0]) == (name[-1] == "1"), name
    assert found["centroid_weighted-1-1"][1] == 3


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int16", "uint16", "int32", "uint64", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("held", [4, 40, 1 << 20])
def test_medians_of_objects_of_any_size(monkeypatch: pytest.MonkeyPatch, dtype: str, held: int) -> None:
    monkeypatch.setattr(medians, "VALUES_AT_ONCE", held)
    rng = np.random.default_rng(held)
    labels = rng.integers(0, 3, (14, 19)) * rng.integers(1, 4, (14, 19))
    labels[:3] = np.arange(3 * 19).reshape(3, 19) % 40
    image = rng.normal(0, 900, (14, 19, 2))
    image = (np.abs(image) if np.dtype(dtype).kind == "u" else image).astype(dtype)
    if image.dtype.kind == "f":
        image[rng.random(image.shape) < 0.003] = np.nan
        image[rng.random(image.shape) < 0.3] = np.inf
        image[rng.random(image.shape) < 0.3] = -np.inf
        image[rng.random(image.shape) < 0.2] = np.finfo(dtype).max
    value = tm.measure(from_array(labels), from_array(image, channel_axis=-1), properties=("intensity_median",))
    with np.errstate(all="ignore"):
        found = value.compute(tile=(5, 7)).to_numpy()
        expected = [np.median(image[labels == k], axis=0) for k in np.unique(labels[labels > 0])]
    np.testing.assert_array_equal(found, np.array(expected, np.float64))
