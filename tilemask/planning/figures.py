"""Figures as people read them, in plans and messages."""

from __future__ import annotations


def human_bytes(count: int) -> str:
    """A byte count for people: 1.5 GB."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000 or unit == "TB":
            return f"{size:.3g} {unit}" if unit != "B" else f"{count} B"
        size /= 1000
    raise AssertionError


def human_seconds(seconds: float) -> str:
    """A duration for people: 3 min."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
