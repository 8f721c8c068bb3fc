"""Write the mask as if the image fitted in memory; tilemask runs it on an image of any size and gives the same pixels.

Names are loaded when they are first used, so that importing tilemask costs little more than importing NumPy. Editors
and type checkers cannot see what a name will be, so it is told to them once more; a test compares the two lists.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tilemask import errors as errors
    from tilemask import testing as testing
    from tilemask.image import Image as Image
    from tilemask.image import Value as Value
    from tilemask.image import from_array as from_array
    from tilemask.image import map_tiles as map_tiles
    from tilemask.image import operation as operation
    from tilemask.image import reduce_tiles as reduce_tiles
    from tilemask.image import where as where
    from tilemask.operations.compose import cutout as cutout
    from tilemask.operations.compose import downsample as downsample
    from tilemask.operations.compose import overlay as overlay
    from tilemask.operations.filters import gaussian as gaussian
    from tilemask.operations.filters import median as median
    from tilemask.operations.morphology import closing as closing
    from tilemask.operations.morphology import dilation as dilation
    from tilemask.operations.morphology import erosion as erosion
    from tilemask.operations.morphology import opening as opening
    from tilemask.operations.morphology import white_tophat as white_tophat
    from tilemask.operations.objects import fill_holes as fill_holes
    from tilemask.operations.objects import hysteresis as hysteresis
    from tilemask.operations.objects import label as label
    from tilemask.operations.objects import remove_small_objects as remove_small_objects
    from tilemask.operations.thresholds import isodata as isodata
    from tilemask.operations.thresholds import li as li
    from tilemask.operations.thresholds import otsu as otsu
    from tilemask.operations.thresholds import percentile as percentile
    from tilemask.operations.thresholds import threshold_mean as threshold_mean
    from tilemask.operations.thresholds import triangle as triangle
    from tilemask.operations.thresholds import yen as yen
    from tilemask.planning import Plan as Plan
    from tilemask.read import open_image as open_image
    from tilemask.report.result import Overview as Overview
    from tilemask.report.result import overview as overview
    from tilemask.run.store import Run as Run
    from tilemask.run.store import plan as plan
    from tilemask.run.store import save as save
    from tilemask.run.store import verify as verify

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
    "tilemask.report.result": ("Overview", "overview"),
    "tilemask.run.store": ("Run", "plan", "save", "verify"),
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ("errors", "testing")

__all__ = ["__version__", *_MODULES, *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"tilemask.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'tilemask' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
