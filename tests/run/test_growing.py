"""Kernels whose reach depends on the pixels, and kernels on cells of their own."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import tilemask as tm
from tilemask.boxes import Box, Grid
from tilemask.errors import TileError
from tilemask.image import Growth, Image, Stream, Unproven, Window, from_array, map_tiles, reduce_tiles
from tilemask.planning.cut import cut
from tilemask.run.memory import compute
from tilemask.testing import example_image


def sizes_of(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The reference: each pixel of an object says how many pixels the object has."""
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return sizes[labels]


def grow_sizes(
    mask: NDArray[np.bool_], *, window: Window, generous: int = 0
) -> tuple[NDArray[np.int64], list[Unproven]]:
    """The same on a window: an object that touches an artificial edge may go on beyond it."""
    labels, count = ndimage.label(mask)
    open_ = np.zeros(count + 1, bool)
    for axis in range(mask.ndim):
        lines = np.moveaxis(labels, axis, 0)
        if window.box.start[axis] > 0:
            open_[lines[: 1 if not generous else 0]] = True
        if window.box.stop[axis] < window.shape[axis]:
            open_[lines[-1:]] = True
    open_[0] = False
    core = window.core.within(window.box)
    unproven = []
    for number, found in enumerate(ndimage.find_objects(labels[core], count), 1):
        if found is not None and open_[number]:
            start = tuple(s.start + o for s, o in zip(found, window.core.start, strict=True))
            stop = tuple(s.stop + o for s, o in zip(found, window.core.start, strict=True))
            unproven.append(Unproven(Box(start, stop), 1, f"the object at {start}", "Cut it."))
    return sizes_of(mask)[core], unproven


def object_sizes(mask: Any, *, generous: int = 0, beyond: Any = None) -> Any:
    return map_tiles(
        grow_sizes, mask, reach=1, dtype=np.int64, grows=Growth(16.0, beyond), user=False, generous=generous
    )


def pictures(ndim: int) -> list[NDArray[np.bool_]]:
    rng = np.random.default_rng(5)
    shapes = {2: [(1, 1), (5, 3), (23, 31), (40, 27)], 3: [(3, 4, 5), (7, 12, 9)]}[ndim]
    return [example_image(rng, number, shape, "bool") for shape in shapes for number in range(7)]


@pytest.mark.parametrize("ndim", [2, 3])
def test_growing_gives_the_pixels_of_the_whole_image(ndim: int) -> None:
    rng = np.random.default_rng(1)
    for mask in pictures(ndim):
        tile = tuple(int(rng.integers(1, n + 1)) for n in mask.shape)
        np.testing.assert_array_equal(object_sizes(from_array(mask)).compute(tile=tile), sizes_of(mask))
        np.testing.assert_array_equal(object_sizes(mask), sizes_of(mask))


def test_a_certificate_that_proves_too_much_fails() -> None:
    wrong = [
        not np.array_equal(object_sizes(from_array(m), generous=1).compute(tile=5), sizes_of(m)) for m in pictures(2)
    ]
    assert any(wrong)


def test_growing_reads_a_long_chain_once() -> None:
    rows = np.random.default_rng(0).random((40, 50)).astype(np.float32)
    image = from_array(rows)
    mask = tm.gaussian(image, sigma=1) > tm.otsu(image)
    lazy = object_sizes(mask)
    passes = cut({"sizes": lazy}, (8, 8))
    assert [i.dtype for p in passes for i in (k.image for k in p.keeps)] == [np.dtype(bool)]
    whole = tm.gaussian(rows, sigma=1) > tm.otsu(rows)
    np.testing.assert_array_equal(lazy.compute(tile=8), sizes_of(whole))


def test_pixelwise_steps_over_what_is_kept_are_done_again() -> None:
    image = from_array(np.zeros((20, 20), np.float64))
    first = object_sizes(image > 0)
    second = object_sizes(-first > 3)
    kept = [k.image for p in cut({"a": second}, (8, 8)) for k in p.keeps]
    assert kept == [second.step.images[0]]  # a mask of -first: a bit a pixel instead of eight bytes
    third = map_tiles(grow_sizes, -first, reach=1, dtype=np.int64, grows=Growth(1.0))
    assert [k.image for p in cut({"a": third}, (8, 8)) for k in p.keeps] == [first]


def test_growing_works_on_objects_bound_to_tiles() -> None:
    for mask in pictures(2):
        filled = tm.fill_holes(from_array(mask))
        np.testing.assert_array_equal(object_sizes(filled).compute(tile=4), sizes_of(tm.fill_holes(mask)))


def test_an_object_beyond_the_memory_is_named() -> None:
    mask = np.ones((64, 64), bool)
    with pytest.raises(TileError, match=r"the object at .* reaches beyond .* Give a larger memory=.* Cut it\."):
        _limited(object_sizes(from_array(mask)), 3000)


def test_beyond_the_memory_the_bounded_method_is_taken() -> None:
    asked: list[Window] = []

    def beyond(read: Any, window: Window, *, generous: int) -> NDArray[np.int64]:
        asked.append(window)
        assert read(window.core)[0].shape == window.core.shape
        return np.full(window.core.shape, 64 * 64, np.int64)

    result = _limited(object_sizes(from_array(np.ones((64, 64), bool)), beyond=beyond), 3000)
    assert (result == 64 * 64).all()
    assert asked


def _limited(image: Image, growth_bytes: float) -> NDArray[Any]:
    from tilemask.run import memory

    with memory._engine({"image": image}, 8, None) as engine:
        engine.growth_bytes = growth_bytes
        engine.run()
        return memory._assemble(engine, image)


def test_what_is_left_unproven_on_the_whole_image_is_an_error() -> None:
    def never(mask: NDArray[np.bool_], *, window: Window) -> tuple[NDArray[np.bool_], list[Unproven]]:
        return mask[window.core.within(window.box)], [Unproven(window.core, 1)]

    with pytest.raises(TileError, match="must prove every pixel"):
        map_tiles(never, from_array(np.ones((9, 9), bool)), grows=Growth(1.0)).compute(tile=4)


def centred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """A function of all that it is shown, so that it tells what that was."""
    return image - image.mean()


@pytest.mark.parametrize("reach", [0, 2])
def test_cells_do_not_depend_on_tiles(reach: int) -> None:
    array = np.random.default_rng(3).random((33, 29))
    expected = np.empty_like(array)
    grid = Grid(array.shape, (10, 8))
    for number in range(len(grid)):
        cell = grid.core(grid.index(number))
        seen = cell.grow(((reach, reach),) * 2).clip(array.shape)
        expected[cell.slices] = centred(array[seen.slices])[cell.within(seen)]
    made = partial(map_tiles, centred, reach=reach, cells=(10, 8))
    np.testing.assert_array_equal(made(array), expected)
    for tile in (1, 7, 16, 33):
        np.testing.assert_array_equal(made(from_array(array)).compute(tile=tile), expected)


def test_a_stream_is_gathered_from_its_pieces() -> None:
    array = np.arange(35).reshape(5, 7)
    firsts = reduce_tiles(
        lambda rows: ([len(rows)], rows.ravel()[:1]),
        from_array(array),
        combine=lambda a, b: a + b,
        finish=lambda part, read_note, grid: (read_note(n) for n in range(len(grid))),
        pieces=Stream("firsts", lambda pieces: np.concatenate(list(pieces))),
    )
    assert compute({"firsts": firsts}, tile=(2, 4))["firsts"].tolist() == [0, 4, 14, 18, 28, 32]
