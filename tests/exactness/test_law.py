"""The law of the house: an operation on an array equals the same operation on tiles, bit for bit, for every tile
grid."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tilemask.operations
from tests.exactness.case import Case
from tests.exactness.strategies import examples
from tests.exactness.table import CASES, rows
from tilemask.errors import InputError, TilemaskError
from tilemask.image import OPERATIONS, from_array
from tilemask.testing import first_difference


def outcome(compute: Any) -> Any:
    """A result, or the error that came instead."""
    try:
        return compute()
    except (TilemaskError, ValueError) as error:
        return error


@pytest.mark.parametrize(("case", "dtypes", "ndim"), rows(CASES))
def test_tiles_equal_whole(case: Case, dtypes: tuple[str, ...], ndim: int) -> None:
    @settings(max_examples=12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arrays, tile = data.draw(examples(case, dtypes, ndim))
        eager = outcome(lambda: case.call(*arrays))
        lazy = outcome(lambda: case.call(*map(from_array, arrays)).compute(tile=tile))
        if isinstance(eager, Exception) or isinstance(lazy, Exception):
            assert case.may_raise, f"{eager!r}, {lazy!r}"
            assert type(eager) is type(lazy), f"{eager!r}, {lazy!r}"
            if isinstance(eager, InputError):  # a TileError names the tiles, which are others
                assert str(eager) == str(lazy)
            return
        where = first_difference(eager, lazy)
        assert where is None, f"shape {arrays[0].shape}, tile {tile}: {where}"

    check()


def test_every_operation_has_a_row() -> None:
    for module in iter_modules(tilemask.operations.__path__):
        import_module(f"tilemask.operations.{module.name}")
    ours = {name for name, declared in OPERATIONS.items() if declared.function.__module__.startswith("tilemask.")}
    assert ours == {case.operation for case in CASES}


def test_exact_operations_have_a_reference() -> None:
    with_reference = {case.operation for case in CASES if case.reference is not None}
    exact = {name for name in {case.operation for case in CASES} if OPERATIONS[name].exactness == "exact"}
    assert exact <= with_reference
