"""Names of scikit-image that are refused with a reason."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.morphology
import skimage.restoration
import skimage.segmentation

import tilemask as tm
from tilemask.errors import InputError
from tilemask.operations.refused import REFUSED


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_name_says_why_and_what_to_use(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name} was called; tilemask has no {name}: .*(Use|Unwrap) "):
        getattr(tm, name)(np.zeros((5, 5)), sigma=2)
    homes = (skimage.segmentation, skimage.restoration, skimage.morphology)
    assert any(hasattr(home, name) for home in homes)
    assert name not in dir(tm)


def test_a_refused_name_is_not_an_operation() -> None:
    assert not set(REFUSED) & set(tm.__all__)


def test_other_names_are_missing() -> None:
    with pytest.raises(AttributeError, match="no attribute 'felzenszwalbs'"):
        tm.felzenszwalbs  # noqa: B018
