"""Every row of the suite, and the shapes in which pytest takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.exactness import (
    cleaning,
    composed,
    distances,
    enclosed,
    local,
    measures,
    objects,
    outlines,
    reconstructions,
    regions,
    surveys,
    watersheds,
)
from tests.exactness.case import Case
from tests.exactness.strategies import runs

CASES: list[Case] = [
    *local.CASES,
    *surveys.CASES,
    *composed.CASES,
    *distances.CASES,
    *enclosed.CASES,
    *measures.CASES,
    *objects.CASES,
    *cleaning.CASES,
    *outlines.CASES,
    *reconstructions.CASES,
    *regions.CASES,
    *watersheds.CASES,
]


def rows(cases: Iterable[Case]) -> list[Any]:
    """One pytest parameter per case, dtypes and number of axes."""
    return [
        pytest.param(case, dtypes, ndim, id=f"{case.id}-{'-'.join(dtypes)}-{ndim}d")
        for case in cases
        for dtypes, ndim in runs(case)
    ]
