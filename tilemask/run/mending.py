"""What a journal holds as done and must be done again, since its data are gone.

Objects of outputs are compared with the journal, which has their sizes and checksums. Of scratch, the size of what a
tile keeps follows from its shape, and a note, record or piece carries its own checksum: presence is looked at here, the
rest where they are read. A tile that has lost something is done again alone, and what it tells a survey is left out,
which has it already. Only what a finished survey leaves is made of all tiles, so for that the whole pass is repeated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from tilemask.image import Image, Survey, Value
from tilemask.planning import Pass
from tilemask.planning.graph import boxes_needed
from tilemask.planning.passes import Keep
from tilemask.planning.regions import is_blank
from tilemask.run.engine import mended, notes_of, remains_of
from tilemask.run.journal import Journal
from tilemask.run.scratch import FolderScratch, kept_bytes
from tilemask.write.objects import Problem


def take_back(
    journal: Journal,
    passes: Sequence[Pass],
    scratch: FolderScratch,
    lost: Sequence[Problem],
    streams: Set[Value],
) -> None:
    """Mark in the journal what must be done again.

    That is a tile whose object is missing or whose note is, and the survey of a stream that is still to be written and
    has not all of its pieces. If a pass that runs reads scratch that was let go when the pass had ended, or that
    somebody has deleted, what made it is done again too, and so on back.
    """
    journal.distrust({p.key for p in lost})
    for current in passes:
        _forget_without(streams, current, journal, scratch)
        if journal.finished(current) is None:
            for value in filter(_is_noted, current.surveys):
                done = (number for number, ready in enumerate(journal.done_before(current)) if ready)
                journal.mend(current, scratch.lost(notes_of(current, value), done))
    for current in reversed(passes):
        if journal.finished(current) is None or journal.mending(current) is not None:
            for earlier in passes[: current.number]:
                for keep in earlier.keeps:
                    if keep.name in current.stored.values():
                        read = _read_of(keep.image, earlier, current, journal)
                        journal.mend(earlier, _lost_tiles(keep, earlier, read, scratch))
                _forget_without(set(current.values), earlier, journal, scratch)


def _forget_without(read: Set[Value], current: Pass, journal: Journal, scratch: FolderScratch) -> None:
    """Forget a finished pass if records or pieces are gone of its surveys that are read."""
    counts = journal.finished(current)
    if counts is None:  # it goes on with the tiles that it has; records come at its end
        return
    left = [(v, count) for v, count in zip(current.surveys, counts, strict=True) if v in read and _is_noted(v)]
    if any(scratch.count(remains_of(current, v)) != count for v, count in left):
        journal.forget(current)


def _is_noted(value: Value) -> bool:
    return isinstance(value.step, Survey) and value.step.noted


def _read_of(image: Image, earlier: Pass, current: Pass, journal: Journal) -> Iterator[int]:
    """The tiles of an image that an earlier pass has kept and done, and that this one will read, in rising order."""
    done, lost = journal.done_before(earlier), journal.mending(current)
    # A kernel that grows may read any tile.
    if journal.finished(current) is not None and not current.growth_bytes and lost is not None and 0 in lost:
        read = bytearray(len(done))
        for core in (current.grid.core(current.grid.index(n)) for n, gone in enumerate(lost) if gone):
            needed = boxes_needed([(i, core) for i in mended(current).evaluated], current.stored)
            for index in earlier.grid.touching(needed[image]) if image in needed else ():
                read[earlier.grid.number(index)] = 1
        return (number for number, pair in enumerate(zip(done, read, strict=True)) if all(pair))
    return (number for number, ready in enumerate(done) if ready)


def _lost_tiles(keep: Keep, current: Pass, numbers: Iterator[int], scratch: FolderScratch) -> Iterator[int]:
    """Those of the tiles whose pixels are not there as they were kept."""
    image, grid = keep.image, current.grid

    def nbytes(number: int) -> int:
        core = grid.core(grid.index(number))
        return 0 if is_blank(image, core) else kept_bytes(core.shape + image.shape[core.ndim :], image.dtype)

    return scratch.lost(keep.name, numbers, nbytes)
