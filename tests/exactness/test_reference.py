"""Whole arrays: an operation equals the scikit-image, SciPy, OpenCV or NumPy call that it names."""

from __future__ import annotations

import warnings

import pytest

from tests.exactness.case import Case
from tests.exactness.strategies import fixed_examples
from tests.exactness.table import CASES, rows
from tilemask.errors import InputError, TileError
from tilemask.testing import first_difference


@pytest.mark.parametrize(("case", "dtypes", "ndim"), rows(case for case in CASES if case.reference is not None))
def test_equals_reference(case: Case, dtypes: tuple[str, ...], ndim: int) -> None:
    assert case.reference is not None
    for arrays in fixed_examples(case, dtypes, ndim):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                expected = case.reference(*(a.copy() for a in arrays))
            except (ValueError, IndexError):
                assert case.may_raise, f"the reference raises on shape {arrays[0].shape}"
                with pytest.raises((InputError, TileError)):
                    case.call(*arrays)
                continue
        where = first_difference(expected, case.call(*arrays))
        assert where is None, f"shape {arrays[0].shape}: {where} (reference first)"
