"""What a pass costs before it runs: bytes of memory per task, bytes read and written, processor time.

The bill is an upper estimate by the same walk that evaluation takes: arrays live from the kernel that makes them to the
last one that reads them. A kernel is billed as workspace what it says or twice its result, a survey what it says or 12
bytes a pixel where it labels, a stored tile its encoded copy, and a chunked source one chunk in decoding. A survey is
finished when no task of its pass runs any more, so what that takes stands beside the tasks, not upon them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tilemask.boxes import Box, Reach
from tilemask.image import Image, Step, Survey
from tilemask.image.region import Region
from tilemask.planning.cut import SCRATCH_NS_PER_BYTE, cost_of, scratch_bytes
from tilemask.planning.graph import boxes_needed, inputs_of
from tilemask.planning.passes import Pass
from tilemask.planning.regions import tiles_left

RESERVED_BYTES = 200 << 20
"""An idle worker with its libraries loaded."""
ENCODE_NS_PER_BYTE = 4.0


@dataclass(frozen=True, slots=True)
class Bill:
    """The cost of one pass; where a region of interest leaves out tiles, that of those it leaves."""

    tiles: int
    """Tiles that a region of interest leaves to do."""
    halo: Reach
    """How far the read boxes of the pass reach beyond the core, per axis and side."""
    task_bytes: int
    """Peak memory of one task."""
    finish_bytes: int
    """Peak memory of finishing the surveys, one after the other, when the tiles are done."""
    read_bytes: int
    """Decoded bytes read from sources and scratch, halos not counted twice."""
    scratch_bytes: int
    written_bytes: int
    """Bytes of the outputs before compression."""
    processor_seconds: float


def bill(current: Pass) -> Bill:
    """The bill of a pass, taken at a tile in the middle of the grid."""
    grid = current.grid
    index = tuple((n - 1) // 2 for n in grid.counts)
    core = grid.core(index)
    requests = [(i, core) for i in current.evaluated]
    needed = boxes_needed(requests, current.stored)
    tiles = tiles_left(current)
    share = tiles / max(len(grid), 1)
    pixels = math.ceil(math.prod(grid.shape) * share)
    read = [i for i in needed if i in current.stored or not isinstance(i.step, Step | Region)]
    scratch = math.ceil(sum(scratch_bytes(k.image) for k in current.keeps) * share)
    written = sum(w.image.pixel_bytes for w in current.writes) * pixels
    nanoseconds = cost_of(current.evaluated, current.stored) * pixels + scratch * SCRATCH_NS_PER_BYTE / 2
    nanoseconds += written * ENCODE_NS_PER_BYTE
    nanoseconds += sum(v.step.cost for v in current.surveys if isinstance(v.step, Survey)) * pixels
    return Bill(
        tiles=tiles,
        halo=_halo(current, core, needed),
        task_bytes=_peak(current, core, needed),
        finish_bytes=_finishing(current),
        read_bytes=math.ceil(sum(math.prod(i.spatial_shape) * i.pixel_bytes for i in read) * share),
        scratch_bytes=scratch,
        written_bytes=written,
        processor_seconds=nanoseconds / 1e9,
    )


def _halo(current: Pass, core: Box, needed: dict[Image, Box]) -> Reach:
    """The largest reach of a read box beyond the core, of images on the pass's own grid; not clipped."""
    reach = tuple((0, 0) for _ in core.start)
    boxes = dict.fromkeys(current.evaluated, core)
    for image in needed:
        box = boxes.get(image)
        if box is None:
            continue
        if image.spatial_shape == current.grid.shape:
            reach = tuple(
                (max(lo, c - a), max(hi, b - d))
                for (lo, hi), a, b, c, d in zip(reach, box.start, box.stop, core.start, core.stop, strict=True)
            )
        if image in current.stored or not isinstance(image.step, Step):
            continue
        for source in inputs_of(image):
            asked = box.magnify(image.step.scale).shift(image.step.offset).grow(image.step.reach)
            boxes[source] = asked.hull(boxes[source]) if source in boxes else asked
    return reach


def _peak(current: Pass, core: Box, needed: dict[Image, Box]) -> int:
    size = {image: box.size * image.pixel_bytes for image, box in needed.items()}
    readers = dict.fromkeys(needed, 0)
    for image in needed:
        if image not in current.stored:
            for source in inputs_of(image):
                readers[source] += 1
    for image in current.evaluated:
        readers[image] += 1
    live = peak = 0
    for image in reversed(needed):
        if image in current.stored or not isinstance(image.step, Step):
            chunks = getattr(image.step, "chunks", None)
            workspace = 0 if chunks is None else 2 * math.prod(chunks) * image.pixel_bytes
        else:
            workspace = _workspace(image, image.step, needed)
        live += size[image]
        peak = max(peak, live + workspace)
        if image not in current.stored:
            for source in inputs_of(image):
                readers[source] -= 1
                if not readers[source]:
                    live -= size[source]
    surveys = [v.step for v in current.surveys if isinstance(v.step, Survey)]
    labelling = sum(int(core.size * (12 * s.noted if s.workspace is None else s.workspace)) for s in surveys)
    encoding = sum(2 * core.size * w.image.pixel_bytes for w in current.writes)
    return max(peak, live + labelling, live + encoding)


def _finishing(current: Pass) -> int:
    """What the survey takes that takes most; with one tile there is no seam."""
    surveys = [v.step for v in current.surveys if isinstance(v.step, Survey)]
    needs = [s.finish_bytes for s in surveys if s.finish_bytes is not None]
    tile, seams = math.prod(current.grid.tile), current.grid.seam_pixels
    return max((int(n.fixed + n.tile_pixel * tile + n.seam_pixel * seams) for n in needs), default=0)


def _workspace(image: Image, step: Step, needed: dict[Image, Box]) -> int:
    """What a kernel needs beside its inputs and its result."""
    window = max(needed[i].size for i in step.images)
    if step.growth is not None:
        idle = step.growth.whole and window < math.prod(step.images[0].spatial_shape)
        return 0 if idle else int(window * step.growth.pixel_bytes)
    if step.workspace is None:
        return 2 * needed[image].size * image.pixel_bytes
    if step.cells is not None:
        sides = (c + lo + hi for c, (lo, hi) in zip(step.cells, step.reach, strict=True))
        window = min(window, math.prod(sides))
    return int(window * step.workspace)
