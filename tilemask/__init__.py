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
    from tilemask.operations.approximate import grabcut as grabcut
    from tilemask.operations.approximate import random_walker as random_walker
    from tilemask.operations.boundaries import find_boundaries as find_boundaries
    from tilemask.operations.compose import cutout as cutout
    from tilemask.operations.compose import downsample as downsample
    from tilemask.operations.compose import overlay as overlay
    from tilemask.operations.distance import distance as distance
    from tilemask.operations.dropped import dropped_markers as dropped_markers
    from tilemask.operations.expansion import expand_labels as expand_labels
    from tilemask.operations.extrema import local_maxima as local_maxima
    from tilemask.operations.extrema import local_minima as local_minima
    from tilemask.operations.filters import gaussian as gaussian
    from tilemask.operations.filters import median as median
    from tilemask.operations.flood import flood as flood
    from tilemask.operations.flood import flood_fill as flood_fill
    from tilemask.operations.forest import watershed_forest as watershed_forest
    from tilemask.operations.holes import fill_label_holes as fill_label_holes
    from tilemask.operations.holes import remove_small_holes as remove_small_holes
    from tilemask.operations.hulls import convex_hull_object as convex_hull_object
    from tilemask.operations.isolines import find_contours as find_contours
    from tilemask.operations.joining import join_segmentations as join_segmentations
    from tilemask.operations.measure import measure as measure
    from tilemask.operations.morphology import closing as closing
    from tilemask.operations.morphology import dilation as dilation
    from tilemask.operations.morphology import erosion as erosion
    from tilemask.operations.morphology import opening as opening
    from tilemask.operations.morphology import white_tophat as white_tophat
    from tilemask.operations.objects import fill_holes as fill_holes
    from tilemask.operations.objects import hysteresis as hysteresis
    from tilemask.operations.objects import label as label
    from tilemask.operations.objects import remove_small_objects as remove_small_objects
    from tilemask.operations.outlines import contours as contours
    from tilemask.operations.outlines import polygons as polygons
    from tilemask.operations.outlines import rasterize as rasterize
    from tilemask.operations.peaks import peaks as peaks
    from tilemask.operations.reconstruction import h_maxima as h_maxima
    from tilemask.operations.reconstruction import h_minima as h_minima
    from tilemask.operations.reconstruction import reconstruction as reconstruction
    from tilemask.operations.region import within as within
    from tilemask.operations.select import clear_border as clear_border
    from tilemask.operations.select import keep_largest as keep_largest
    from tilemask.operations.select import relabel_sequential as relabel_sequential
    from tilemask.operations.select import select as select
    from tilemask.operations.skeletons import medial_axis as medial_axis
    from tilemask.operations.skeletons import skeletonize as skeletonize
    from tilemask.operations.skeletons import thin as thin
    from tilemask.operations.smoothing import smooth_labels as smooth_labels
    from tilemask.operations.snakes import inverse_gaussian_gradient as inverse_gaussian_gradient
    from tilemask.operations.snakes import morphological_chan_vese as morphological_chan_vese
    from tilemask.operations.snakes import (
        morphological_geodesic_active_contour as morphological_geodesic_active_contour,
    )
    from tilemask.operations.superpixels import slic as slic
    from tilemask.operations.thresholds import isodata as isodata
    from tilemask.operations.thresholds import li as li
    from tilemask.operations.thresholds import otsu as otsu
    from tilemask.operations.thresholds import percentile as percentile
    from tilemask.operations.thresholds import threshold_mean as threshold_mean
    from tilemask.operations.thresholds import triangle as triangle
    from tilemask.operations.thresholds import yen as yen
    from tilemask.operations.watershed import watershed as watershed
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
    "tilemask.operations.measure": ("measure",),
    "tilemask.operations.select": ("clear_border", "keep_largest", "relabel_sequential", "select"),
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
    "tilemask.operations.watershed": ("watershed",),
    "tilemask.operations.dropped": ("dropped_markers",),
    "tilemask.operations.objects": ("fill_holes", "hysteresis", "label", "remove_small_objects"),
    "tilemask.operations.isolines": ("find_contours",),
    "tilemask.operations.outlines": ("contours", "polygons", "rasterize"),
    "tilemask.operations.region": ("within",),
    "tilemask.operations.compose": ("cutout", "downsample", "overlay"),
    "tilemask.operations.distance": ("distance",),
    "tilemask.operations.extrema": ("local_maxima", "local_minima"),
    "tilemask.operations.peaks": ("peaks",),
    "tilemask.operations.snakes": (
        "inverse_gaussian_gradient",
        "morphological_chan_vese",
        "morphological_geodesic_active_contour",
    ),
    "tilemask.operations.flood": ("flood", "flood_fill"),
    "tilemask.operations.forest": ("watershed_forest",),
    "tilemask.operations.reconstruction": ("h_maxima", "h_minima", "reconstruction"),
    "tilemask.operations.boundaries": ("find_boundaries",),
    "tilemask.operations.expansion": ("expand_labels",),
    "tilemask.operations.holes": ("fill_label_holes", "remove_small_holes"),
    "tilemask.operations.hulls": ("convex_hull_object",),
    "tilemask.operations.joining": ("join_segmentations",),
    "tilemask.operations.skeletons": ("medial_axis", "skeletonize", "thin"),
    "tilemask.operations.smoothing": ("smooth_labels",),
    "tilemask.operations.approximate": ("grabcut", "random_walker"),
    "tilemask.operations.superpixels": ("slic",),
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
        from tilemask.operations.refused import REFUSED, refusal

        if name in REFUSED:
            return refusal(name)
        raise AttributeError(f"module 'tilemask' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
