"""Whatever is given for a parameter, an operation works or says what it takes: nothing is raised from below."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tilemask.errors import InputError
from tilemask.image import OPERATIONS

GREY = np.random.default_rng(0).integers(0, 255, (7, 8)).astype(np.uint8)
MASK = GREY > 120
LABELS = tm.label(MASK).astype(np.int32)
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [5, 0], [5, 5], [0, 5], [0, 0]]]}
WRONG = {
    "None": None,
    "nan": float("nan"),
    "inf": float("inf"),
    "negative": -1,
    "zero": 0,
    "fraction": 2.5,
    "true": True,
    "huge": 10**30,
    "beyond floats": 10**400,
    "almost beyond floats": 1e308,
    "a word": "x",
    "a list": [1],
    "a dict": {},
    "an object": object(),
    "two numbers": np.array([1, 2]),
    "no axes": np.array(3),
}
NAMED = {"mask": MASK, "where": MASK, "labels": LABELS, "markers": LABELS, "init_level_set": MASK, "like": GREY}
NEEDED: dict[str, Any] = {
    "distance": 2,
    "factor": 2,
    "h": 3,
    "high": 90,
    "level": 99.5,
    "low": 50,
    "new_value": 1,
    "num_iter": 2,
    "polygons": SQUARE,
    "q": 50,
    "roi": MASK,
    "seed_point": (3, 4),
    "sigma": 1,
}
CALLS: dict[str, dict[str, Any]] = {
    "flood": {"image": GREY},
    "grabcut": {
        "image": np.stack([GREY] * 3, -1),
        "region": MASK.astype(np.uint8) * 2,
        "halo": 2,
        "channel_axis": -1,
        "window": 8,
    },
    "inverse_gaussian_gradient": {"image": GREY.astype(np.float32)},
    "join_segmentations": {"a": LABELS, "b": LABELS},
    "morphological_geodesic_active_contour": {"gimage": GREY.astype(np.float32), "balloon": 1},
    "random_walker": {"halo": 2, "window": 8},
    "select": {"where": "area > 2"},
}
"""What an operation takes where the names of its parameters do not tell."""


def _operations() -> list[str]:
    for name in tm.__all__:  # they are declared when they are first looked at
        getattr(tm, name)
    return sorted(OPERATIONS)


def _call(name: str, parameters: dict[str, inspect.Parameter]) -> dict[str, Any]:
    """Arguments that the operation takes."""
    needed = [p.name for p in parameters.values() if p.default is p.empty]
    return {n: NAMED.get(n, NEEDED.get(n, GREY)) for n in needed} | CALLS.get(name, {})


@pytest.mark.parametrize("name", _operations())
def test_a_wrong_parameter_is_refused_in_our_words(name: str) -> None:
    function = OPERATIONS[name].function
    parameters = dict(inspect.signature(function).parameters)
    right = _call(name, parameters)
    function(**right)
    for parameter in parameters:
        for what, value in WRONG.items():
            try:
                function(**right | {parameter: value})
            except InputError:
                continue
            except Exception as error:
                pytest.fail(f"{name}({parameter}={what}): {type(error).__name__}: {error}")


def test_an_entry_of_an_array_is_what_it_says() -> None:
    expected = tm.gaussian(GREY, sigma=1.5)
    assert np.array_equal(tm.gaussian(GREY, sigma=np.array(1.5)), expected)
    with pytest.raises(InputError, match=r"opening: radius takes one number or word; found an array of shape \(2,\)"):
        tm.opening(MASK, radius=np.array([1, 2]))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: tm.opening(MASK, radius=10**30), "opening: radius is 4,095 at most; found 10000"),
        (lambda: tm.opening(MASK[None], radius=203), "opening: radius is 202 at most; found 203"),
        (lambda: tm.gaussian(GREY, sigma=float("inf")), "sigma must be a number, 0 or more, at most 65,536; found inf"),
        (lambda: tm.gaussian(GREY, sigma=30_000), r"at most 65,536; found 4\.0 \* 30000\.0"),
        (lambda: tm.morphological_chan_vese(GREY, num_iter=10**6), "num_iter is 10,000 at most; found 1000000"),
        (lambda: tm.peaks(GREY, threshold_rel=-1), "in uint8, which -1 does not fit into"),
    ],
)
def test_what_would_not_fit_is_refused_with_its_bound(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call()


@pytest.mark.parametrize("h", [200, 200.0])
@pytest.mark.parametrize("name", ["h_maxima", "h_minima"])
def test_a_height_may_be_more_than_half_of_a_signed_range(name: str, h: float) -> None:
    array = np.array([[-128, 100, -128], [-128, 127, -128]], np.int8)
    image = array if name == "h_maxima" else ~array
    expected = getattr(tm, name)(image.astype(np.int16), h=h)
    assert expected.any()
    assert np.array_equal(getattr(tm, name)(image, h=h), expected)
