"""Every row of the suite, and the shapes in which pytest takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.exactness import composed, local, objects, surveys
from tests.exactness.case import Case
from tests.exactness.strategies import runs

CASES: list[Case] = [*local.CASES, *surveys.CASES, *composed.CASES, *objects.CASES]


def rows(cases: Iterable[Case]) -> list[Any]:
    """One pytest parameter per case, dtypes and number of axes."""
    return [
        pytest.param(case, dtypes, ndim, id=f"{case.id}-{'-'.join(dtypes)}-{ndim}d")
        for case in cases
        for dtypes, ndim in runs(case)
    ]
