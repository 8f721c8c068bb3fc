"""What random graphs are made of beside filters and levels: distances, floods, and whatever works on objects.

Windows of kernels that grow begin at a few pixels here (`near`), so that they grow in images of this size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import tilemask as tm
from tests.exactness.graph_calls import labelled, morphology, named
from tests.exactness.graph_nodes import (
    Call,
    Maker,
    is_flat,
    is_flat_like,
    is_grey,
    is_grown,
    is_grown_objects,
    is_labels_like,
    is_mask,
    is_mask_like,
    is_named,
    is_number,
    is_objects,
    is_plane,
    is_plane_of_names,
    is_whole_number,
)
from tilemask.image import Image, Value

SMALL = {
    "tilemask.operations.distance.REACH": {2: 2, 3: 1},
    "tilemask.operations.distance.CELL": {2: 7, 3: 4},
    "tilemask.operations.far.PIECE": {2: 5, 3: 3},
    "tilemask.operations.peaks.REACH": 1,
    "tilemask.operations.watershed.REACH": {2: 1, 3: 1},
    "tilemask.operations.watershed.STRIP": {2: 3, 3: 2},
    "tilemask.operations.skeletons._REACH": 2,
    "tilemask.operations.thinning._CELL": 7,
}


@contextmanager
def near() -> Iterator[None]:
    """Let windows begin at one or two pixels, and what is done piece by piece have small pieces."""
    with ExitStack() as stack:
        for name, value in SMALL.items():
            stack.enter_context(patch(name, value))
        yield


# Distances and extrema


def measured_to(draw: st.DrawFn, mask: Image) -> Call:
    options = draw(st.sampled_from(({}, {"metric": "chessboard"}, {"metric": "taxicab"}, {"pixel_size": 0.5})))
    return named("distance", tm.distance, **options)


def peaked(draw: st.DrawFn, image: Image) -> Call:
    threshold = draw(st.sampled_from(({}, {"threshold_abs": 40}, {"threshold_rel": 0.4})))
    return named("peaks", tm.peaks, min_distance=draw(st.integers(1, 4)), **threshold)


def peaked_above(draw: st.DrawFn, image: Image, level: Value) -> Call:
    return Call("peaks({}, threshold_abs={})", lambda i, v: tm.peaks(i, min_distance=2, threshold_abs=v))


def extreme(draw: st.DrawFn, image: Image) -> Call:
    name = draw(st.sampled_from(("local_maxima", "local_minima")))
    connectivity = draw(st.integers(1, len(image.spatial_axes)))
    return named(name, getattr(tm, name), connectivity=connectivity, allow_borders=draw(st.booleans()))


def standing_out(draw: st.DrawFn, image: Image) -> Call:
    name = draw(st.sampled_from(("h_maxima", "h_minima")))
    return named(name, getattr(tm, name), h=draw(st.sampled_from((1, 12.5, 60))))


def standing_out_by(draw: st.DrawFn, image: Image, height: Value) -> Call:
    return Call("h_maxima({}, h=1 + abs({}))", lambda i, v: tm.h_maxima(i, h=1 + abs(v)))


# Floods


def divided(draw: st.DrawFn, elevation: Image, markers: Image) -> Call:
    return flooded_by(draw, "watershed", elevation, masked=False)


def divided_inside(draw: st.DrawFn, elevation: Image, markers: Image, mask: Image) -> Call:
    return flooded_by(draw, "watershed", elevation, masked=True)


def joined_by_forest(draw: st.DrawFn, elevation: Image, markers: Image) -> Call:
    return flooded_by(draw, "watershed_forest", elevation, masked=False)


def flooded_by(draw: st.DrawFn, name: str, elevation: Image, *, masked: bool) -> Call:
    """Markers are labels up to 40, and background."""
    function = getattr(tm, name)
    options = {"connectivity": draw(st.integers(1, len(elevation.spatial_axes)))}
    if name == "watershed":
        options["compactness"] = draw(st.sampled_from((0, 0, 30.0)))

    def run(image: Any, markers: Any, *mask: Any) -> Any:
        few = tm.where((markers > 0) & (markers < 40), markers, 0)
        return function(image, few, mask=mask[0] if mask else None, **options)

    shown = ", mask={}" if masked else ""
    said = ", ".join(f"{n}={o}" for n, o in options.items())
    return Call(f"{name}({{}}, {{}} to 40{shown}, {said})", run)


def divided_from_minima(draw: st.DrawFn, elevation: Image, mask: Image) -> Call:
    return Call("watershed({}, mask={})", lambda i, m: tm.watershed(i, mask=m))


def rebuilt(draw: st.DrawFn, seed: Image, limit: Image) -> Call:
    method = draw(st.sampled_from(("dilation", "erosion")))

    def run(a: Any, b: Any) -> Any:
        seeds = tm.map_tiles(cut_to_limit, a, b, dtype=np.result_type(a.dtype, b.dtype), method=method)
        return tm.reconstruction(seeds, b, method=method)

    return Call(f"reconstruction({{}} cut to, {{}}, {method=})", run)


def cut_to_limit(seed: NDArray[Any], limit: NDArray[Any], *, method: str) -> NDArray[Any]:
    return np.asarray((np.minimum if method == "dilation" else np.maximum)(seed, limit))


def flooded(draw: st.DrawFn, image: Image) -> Call:
    at = tuple(draw(st.integers(0, n - 1)) for n in image.spatial_shape)
    tolerance = draw(st.sampled_from((None, 0, 60))) if image.dtype != bool else None
    name = draw(st.sampled_from(("flood", "flood_fill")))
    value = {"new_value": 1} if name == "flood_fill" else {}
    return named(name, getattr(tm, name), seed_point=at, tolerance=tolerance, **value)


# Labels


def grown_labels(draw: st.DrawFn, labels: Image) -> Call:
    return named("expand_labels", tm.expand_labels, distance=draw(st.sampled_from((1, 2.5, 4))))


def bounded(draw: st.DrawFn, labels: Image) -> Call:
    mode = draw(st.sampled_from(("thick", "inner", "outer")))
    return named("find_boundaries", tm.find_boundaries, mode=mode, connectivity=draw(st.integers(1, labels.ndim)))


def smoothed(draw: st.DrawFn, labels: Image) -> Call:
    return named("smooth_labels", tm.smooth_labels, radius=draw(st.integers(0, 2)))


def filled_each(draw: st.DrawFn, labels: Image) -> Call:
    return named("fill_label_holes", tm.fill_label_holes)


def joined(draw: st.DrawFn, a: Image, b: Image) -> Call:
    return Call("join_segmentations({}, {})", tm.join_segmentations)


CHOICES = ("area > 4", "perimeter > 8 or euler_number < 0", "extent >= 0.5 and area > 2", "solidity < 0.9")
CHOICES_3D = ("area > 4", "extent >= 0.5 and area > 2", "euler_number < 1")


def chosen_objects(draw: st.DrawFn, labels: Image) -> Call:
    return named("select", tm.select, where=draw(st.sampled_from(CHOICES if labels.ndim == 2 else CHOICES_3D)))


def chosen_by_pixels(draw: st.DrawFn, labels: Image, image: Image) -> Call:
    where = draw(st.sampled_from(("intensity_max > 100", "intensity_min < 20 and area > 3")))
    return Call(f"select({{}}, {{}}, {where=})", lambda a, i: tm.select(a, i, where=where))


def largest(draw: st.DrawFn, labels: Image) -> Call:
    return named("keep_largest", tm.keep_largest, count=draw(st.integers(1, 3)))


def largest_by(draw: st.DrawFn, labels: Image, count: Value) -> Call:
    return Call("keep_largest({}, count=1 + abs({}) % 5)", lambda i, v: tm.keep_largest(i, count=1 + abs(v) % 5))


def numbered(draw: st.DrawFn, labels: Image) -> Call:
    return named("relabel_sequential", tm.relabel_sequential)


def cleared(draw: st.DrawFn, labels: Image) -> Call:
    return named("clear_border", tm.clear_border, buffer_size=draw(st.integers(0, 2)))


# Masks


def thinned(draw: st.DrawFn, mask: Image) -> Call:
    if mask.ndim == 2 and draw(st.booleans()):
        return named("thin", tm.thin, max_num_iter=draw(st.sampled_from((None, 1, 3))))
    return named("skeletonize", tm.skeletonize)


def hulled(draw: st.DrawFn, mask: Image) -> Call:
    return named("convex_hull_object", tm.convex_hull_object, connectivity=draw(st.integers(1, mask.ndim)))


def without_small_holes(draw: st.DrawFn, mask: Image) -> Call:
    return named("remove_small_holes", tm.remove_small_holes, max_size=draw(st.sampled_from((0, 2, 9))))


# Values


def measured(draw: st.DrawFn, labels: Image, image: Image) -> Call:
    """A table, which nothing else takes."""
    names = ("label", "area", "bbox", "centroid", "inertia_tensor", "intensity_mean", "intensity_std", "intensity_max")
    return Call("measure({}, {})", lambda a, i: tm.measure(a, i, properties=names))


def shaped(draw: st.DrawFn, labels: Image) -> Call:
    flat = ("perimeter", "perimeter_crofton", "area_convex", "feret_diameter_max") if labels.ndim == 2 else ()
    names = ("label", "area", "euler_number", *flat)
    return Call(f"measure({{}}, {names=})", lambda a: tm.measure(a, properties=names))


def outlined(draw: st.DrawFn, labels: Image) -> Call:
    return named("polygons", tm.polygons, connectivity=draw(st.integers(1, 2)))


def isolines(draw: st.DrawFn, image: Image, level: Value) -> Call:
    return Call("find_contours({}, {})", tm.find_contours)


OBJECT_CALLS: dict[str, Maker] = {
    "distance": Maker((is_mask,), measured_to, 3),
    "peaks": Maker((is_grey,), peaked, 2),
    "peaks above value": Maker((is_grey, is_number), peaked_above),
    "local extrema": Maker((is_flat,), extreme),
    "h extrema": Maker((is_grey,), standing_out),
    "h extrema by value": Maker((is_grey, is_whole_number), standing_out_by),
    "watershed": Maker((is_flat, is_labels_like), divided),
    "watershed in a mask": Maker((is_flat, is_labels_like, is_mask_like), divided_inside, 3),
    "watershed of minima": Maker((is_flat, is_mask_like), divided_from_minima),
    "watershed_forest": Maker((is_flat, is_labels_like), joined_by_forest),
    "reconstruction": Maker((is_flat, is_flat_like), rebuilt),
    "flood": Maker((is_flat,), flooded),
    "expand_labels": Maker((is_objects,), grown_labels, 2),
    "find_boundaries": Maker((is_objects,), bounded, 2),
    "smooth_labels": Maker((is_named,), smoothed),
    "fill_label_holes": Maker((is_named,), filled_each),
    "join_segmentations": Maker((is_named, is_labels_like), joined),
    "select": Maker((is_named,), chosen_objects, 2),
    "select by pixels": Maker((is_named, is_flat_like), chosen_by_pixels),
    "keep_largest": Maker((is_objects,), largest),
    "keep_largest by value": Maker((is_objects, is_whole_number), largest_by),
    "relabel_sequential": Maker((is_named,), numbered, 2),
    "clear_border": Maker((is_objects,), cleared),
    "skeletons": Maker((is_mask,), thinned),
    "hulls": Maker((is_mask,), hulled),
    "remove_small_holes": Maker((is_mask,), without_small_holes),
    "measure": Maker((is_named, is_flat_like), measured),
    "shapes": Maker((is_named,), shaped),
    "polygons": Maker((is_plane_of_names,), outlined),
    "find_contours": Maker((is_plane, is_number), isolines),
    "label of what grew": Maker((is_grown_objects,), labelled, 3),
    "morphology of what grew": Maker((is_grown,), morphology, 2),
}
