"""What made the pixels, as an output says it of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tilemask.planning import Plan
from tilemask.run.checks import versions


def _recorded(value: Any) -> dict[str, Any]:
    """A number as JSON, with its NumPy type where it has one."""
    return {"dtype": value.dtype.str if isinstance(value, np.generic) else None, "value": np.asarray(value).item()}


def provenance_of(made: Plan, values: Mapping[str, Any]) -> dict[str, Any]:
    """What made the pixels: an allow-list, so that no secret can slip in."""
    numbers = {n: _recorded(v) for n, v in values.items() if np.ndim(v) == 0}
    return {
        "tile": list(made.tile),
        "steps": made.identity["steps"],
        "inputs": made.identity["inputs"],
        "versions": versions(),
        "values": numbers,
    }
