"""What a row of the exactness suite says about one operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """One operation with fixed parameters, and the call that says what is right."""

    operation: str
    """Name under which the operation is declared."""
    call: Callable[..., Any]
    """Takes one image or array per entry of `dtypes` rows; returns what the operation returns."""
    reference: Callable[..., Any] | None
    """Takes the same arrays; None where the eager kernel is the definition (class canonical or rounded)."""
    dtypes: tuple[str, ...] | tuple[tuple[str, ...], ...]
    """Input dtypes to try: one name per single-input run, a tuple of names per run with several inputs."""
    ndim: tuple[int, ...] = (2, 3)
    parameters: str = ""
    """Shown in the test id."""
    finite: bool = False
    """True where NaN and infinite pixels are refused (tested elsewhere)."""
    may_raise: bool = False
    """True where the operation raises `InputError`/`ValueError` on degenerate images (constant): eager and lazy must
    agree."""

    @property
    def id(self) -> str:
        return f"{self.operation}({self.parameters})"
