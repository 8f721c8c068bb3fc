"""The rounds of superpixels: give pixels to the nearest centre, then move each centre to the mean of its pixels.

Both depend on nothing but the table of centres and the pixel itself, so a round is a survey without a halo, and nothing
but the table is kept between rounds. Values are whole numbers of a small unit: sums of them are exact, whatever the
order of tiles, and a mean is one division. Distances are formed in float64 from coordinates in the whole image.

A tile is done in boxes of 2^18 pixels: what is held beside the result is bounded, and few windows of centres are cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Box, Grid
from tilemask.image import Place

Part = dict[str, list[NDArray[np.int64]]]

_SIDE = {2: 512, 3: 64}


class Seeds(NamedTuple):
    """The regular grid that the centres start from, numbered in raster order."""

    shape: tuple[int, ...]
    start: tuple[int, ...]
    step: tuple[int, ...]
    reach: tuple[int, ...]
    """A centre competes for the pixels up to so far from it, per axis."""

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(len(range(a, n, s)) for a, n, s in zip(self.start, self.shape, self.step, strict=True))


class Rule(NamedTuple):
    """What decides which centre is nearest."""

    seeds: Seeds
    place_weight: float
    """Of squared distances in pixels."""
    unit: float
    """What one unit of a value weighs, before squaring."""


def first_centres(seeds: Seeds, channels: int) -> NDArray[np.float64]:
    """The table of centres before the first round: coordinates, then values, which are 0."""
    places = np.indices(seeds.counts).reshape(len(seeds.shape), -1).T * seeds.step + seeds.start
    return np.concatenate((places, np.zeros((len(places), channels))), axis=1).astype(np.float64)


def add_up_clusters(
    values: NDArray[np.int32],
    where: NDArray[np.bool_] | None = None,
    *,
    place: Place,
    centres: NDArray[np.float64],
    rule: Rule,
) -> Part:
    """Per centre that a tile has pixels of: their number and the sums of their coordinates and values."""
    labels, rows = [], []
    for box, ids, nearest in _nearest(values, place.core.start, centres, rule):
        local = box.within(place.core)
        numbers = nearest if where is None else np.where(where[local], nearest, len(ids))
        bins = len(ids) + 1  # the last one is for pixels that do not count
        inside = values[local].reshape(nearest.size, -1)
        columns = [np.bincount(numbers.ravel(), minlength=bins), *_coordinate_sums(numbers, box, bins)]
        columns += [np.bincount(numbers.ravel(), weights=v, minlength=bins) for v in inside.T]
        present = np.flatnonzero(columns[0][:-1])
        labels.append(ids[present])
        rows.append(np.stack(columns, axis=1)[present].astype(np.int64))
    return _joined({"labels": labels, "sums": rows})


def combine_clusters(a: Part, b: Part) -> Part:
    """Runs of sorted labels, each at least twice as long as the next, so that joining many parts stays cheap."""
    labels, sums = [*a["labels"], *b["labels"]], [*a["sums"], *b["sums"]]
    order = sorted(range(len(labels)), key=lambda run: -len(labels[run]))
    labels, sums = [labels[n] for n in order], [sums[n] for n in order]
    while len(labels) > 1 and len(labels[-2]) < 2 * len(labels[-1]):
        last = _joined({"labels": labels[-2:], "sums": sums[-2:]})
        labels[-2:], sums[-2:] = last["labels"], last["sums"]
    return {"labels": labels, "sums": sums}


def moved_centres(part: Part, count: int) -> NDArray[np.float64]:
    """The table of centres after a round; a centre without pixels is NaN and takes part no more."""
    whole = _joined(part)
    (labels,), (sums,) = whole["labels"], whole["sums"]
    table = np.full((count, sums.shape[1] - 1), np.nan)
    table[labels] = sums[:, 1:] / sums[:, :1]
    return table


def number_clusters(
    values: NDArray[np.int32],
    where: NDArray[np.bool_] | None = None,
    *,
    origin: NDArray[np.int64],
    centres: NDArray[np.float64],
    rule: Rule,
    target: str,
) -> NDArray[Any]:
    """Each pixel's centre, counted from 1; 0 for pixels that do not count."""
    start = tuple(origin.tolist())
    labels = np.zeros(values.shape[: len(start)], target)
    for box, ids, nearest in _nearest(values, start, centres, rule):
        local = box.shift([-s for s in start]).slices
        np.copyto(labels[local], (ids + 1)[nearest], where=True if where is None else where[local])
    return labels


def _nearest(
    values: NDArray[np.int32], origin: tuple[int, ...], centres: NDArray[np.float64], rule: Rule
) -> Iterator[tuple[Box, NDArray[np.int64], NDArray[np.int32]]]:
    """Boxes of a tile, in the whole image: the centres that occur there, and which of them each pixel is given to."""
    ndim = len(origin)
    planes = values if values.ndim > ndim else values[..., np.newaxis]
    tile = Box(origin, tuple(o + n for o, n in zip(origin, planes.shape, strict=False)))
    scaled = centres * ([1.0] * ndim + [rule.unit] * (centres.shape[1] - ndim))
    known = np.flatnonzero(np.isfinite(centres[:, 0]))
    low, high = _extents(centres[known, :ndim], rule.seeds)
    near = _touching(low, high, tile)
    known, low, high = known[near], low[near], high[near]
    grid = Grid(tile.shape, (_SIDE[ndim],) * ndim)
    for index in grid.walk():
        local = grid.core(index)
        box = local.shift(origin)
        some = _touching(low, high, box)
        pixels = np.ascontiguousarray(np.moveaxis(planes[local.slices], -1, 0)) * rule.unit
        found = _compete(pixels, box, scaled[known[some]], (low[some], high[some]), rule)
        yield (box, *_with_seeds(found, known[some], box, rule.seeds))


def _extents(places: NDArray[np.float64], seeds: Seeds) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and last-plus-one pixel that each centre competes for, truncated as scikit-image truncates."""
    reach = np.array(seeds.reach)
    low = np.maximum(places - reach, 0).astype(np.int64)
    return low, np.minimum(places + reach + 1, seeds.shape).astype(np.int64)


def _touching(low: NDArray[np.int64], high: NDArray[np.int64], box: Box) -> NDArray[np.intp]:
    return np.flatnonzero(((low < box.stop) & (high > box.start)).all(axis=1))


def _compete(
    pixels: NDArray[np.floating],
    box: Box,
    centres: NDArray[np.float64],
    extents: tuple[NDArray[np.int64], NDArray[np.int64]],
    rule: Rule,
) -> NDArray[np.int32]:
    """Which centre is nearest to each pixel, the first of several; -1 where none competes."""
    best = np.full(box.shape, np.inf)
    nearest = np.full(box.shape, -1, np.int32)
    low = np.maximum(extents[0], box.start) - box.start
    high = np.minimum(extents[1], box.stop) - box.start
    lines = [np.arange(a, b, dtype=np.float64) for a, b in zip(box.start, box.stop, strict=True)]
    for number, (centre, first, last) in enumerate(zip(centres, low.tolist(), high.tolist(), strict=True)):
        area = tuple(map(slice, first, last))
        away = pixels[(slice(None), *area)] - centre[box.ndim :].reshape(-1, *[1] * box.ndim)
        away *= away
        distance = _place_distance(centre, lines, area)
        distance *= rule.place_weight
        distance += np.add.reduce(away, axis=0)
        nearer = distance < best[area]
        np.copyto(best[area], distance, where=nearer)
        np.copyto(nearest[area], number, where=nearer)
    return nearest


def _place_distance(
    centre: NDArray[np.float64], lines: list[NDArray[np.float64]], area: tuple[slice, ...]
) -> NDArray[np.float64]:
    """Squared distances in pixels, planes first, then rows, then columns."""
    total: Any = 0.0
    for axis, (line, span) in enumerate(zip(lines, area, strict=True)):
        away = centre[axis] - line[span]
        total = total + (away * away).reshape([-1 if a == axis else 1 for a in range(len(lines))])
    return total


def _with_seeds(
    nearest: NDArray[np.int32], ids: NDArray[np.int64], box: Box, seeds: Seeds
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Give pixels that no centre competes for to the seed in whose cell of the first grid they lie."""
    alone = np.nonzero(nearest < 0)
    if not len(alone[0]):
        return ids, nearest
    label = np.zeros(len(alone[0]), np.int64)
    for axis, count in enumerate(seeds.counts):
        cell = (alone[axis] + box.start[axis] - seeds.start[axis] + seeds.step[axis] // 2) // seeds.step[axis]
        label = label * count + np.clip(cell, 0, count - 1)
    every = np.union1d(ids, label)
    nearest = np.append(np.searchsorted(every, ids), -1)[nearest].astype(np.int32)
    nearest[alone] = np.searchsorted(every, label)
    return every, nearest


def _coordinate_sums(nearest: NDArray[np.int32], box: Box, count: int) -> Iterator[NDArray[Any]]:
    """Per centre and axis, the sum of coordinates in the whole image; exact, since a box holds few pixels."""
    for axis, (first, last) in enumerate(zip(box.start, box.stop, strict=True)):
        lines = np.moveaxis(nearest, axis, 0)
        weights = np.repeat(np.arange(first, last, dtype=np.float64), lines[0].size)
        yield np.bincount(lines.ravel(), weights=weights, minlength=count)


def _joined(part: Part) -> Part:
    """One run of labels, each once."""
    labels, sums = np.concatenate(part["labels"]), np.concatenate(part["sums"])
    every, at = np.unique(labels, return_inverse=True)
    total = np.zeros((len(every), sums.shape[1]), np.int64)
    np.add.at(total, at, sums)
    return {"labels": [every], "sums": [total]}
