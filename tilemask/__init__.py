"""Write the mask as if the image fitted in memory; tilemask runs it on an image of any size and gives the same pixels.

Names are loaded when they are first used, so that importing tilemask costs little more than importing NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "tilemask.image": ("Image", "Value", "from_array", "map_tiles", "operation", "reduce_tiles", "where"),
    "tilemask.read": ("open_image",),
    "tilemask.operations.filters": ("gaussian", "median"),
    "tilemask.operations.morphology": ("closing", "dilation", "erosion", "opening", "white_tophat"),
    "tilemask.operations.thresholds": (
        "isodata",
        "li",
        "otsu",
        "percentile",
        "threshold_mean",
        "triangle",
        "yen",
    ),
    "tilemask.operations.objects": ("fill_holes", "hysteresis", "label", "remove_small_objects"),
    "tilemask.operations.compose": ("cutout", "downsample", "overlay"),
    "tilemask.planning": ("Plan",),
    "tilemask.report.result": ("overview",),
    "tilemask.run.store": ("plan", "save", "verify"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tilemask' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
