"""Chunks that a sparse source does not have: legal, read as fill value, and told.

Counted per array on the coordinator, a byte a chunk, because the same chunk is read for several tiles and passes, and
on several workers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def add_missing(found: dict[str, bytearray], more: Mapping[str, Sequence[int]]) -> None:
    """Mark the chunks that a task found missing; numbers ascend."""
    for name, numbers in more.items():
        marks = found.setdefault(name, bytearray())
        marks.extend(bytes(max(0, numbers[-1] + 1 - len(marks))))
        for number in numbers:
            marks[number] = 1


def count_missing(found: Mapping[str, bytearray], own: Iterable[Path]) -> dict[str, int]:
    """How many chunks the inputs did not have; what a region leaves out of the run's own outputs is not missing."""
    outputs = list(own)
    inputs = {n: marks for n, marks in found.items() if not any(Path(n).is_relative_to(o) for o in outputs)}
    return {name: marks.count(1) for name, marks in sorted(inputs.items())}


def told(missing: Mapping[str, int]) -> str:
    """Say which chunks were not there, for the end of a line."""
    return "".join(f", {n:,} missing chunks of {name} read as fill value" for name, n in missing.items())
