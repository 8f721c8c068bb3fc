"""The window of tasks, scratch and what travels, on small pieces."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tilemask as tm
from tilemask.errors import ClusterError
from tilemask.planning import cut
from tilemask.run import engine as engine_module
from tilemask.run.engine import Engine
from tilemask.run.ledger import NoLedger
from tilemask.run.pools import ThreadPool
from tilemask.run.progress import Silent
from tilemask.run.scratch import FolderScratch, MemoryScratch, pack, unpack

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | arrays.arrays(st.sampled_from(["u1", "i8", "f4", "?", "u8"]), arrays.array_shapes(min_dims=0, min_side=0)),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.integers(-9, 9), inner),
    max_leaves=8,
)


def alike(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(alike, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(v, b[k]) for k, v in a.items())
    return type(a) is type(b) and a == b


@given(plain)
def test_what_is_packed_comes_back(thing: Any) -> None:
    assert alike(thing, unpack(pack(thing)))


def test_scalars_keep_their_type() -> None:
    for scalar in (np.float32(1.5), np.int64(-3), np.bool_(True), np.uint8(7)):
        back = unpack(pack(scalar))
        assert type(back) is type(scalar)
        assert back == scalar


def test_other_things_are_not_packed() -> None:
    with pytest.raises(TypeError, match=r"plain data; found builtins\.set"):
        pack({"a": {1, 2}})


def test_arrays_in_a_folder_come_back(tmp_path: Path) -> None:
    scratch = FolderScratch(tmp_path)
    for array in (np.arange(12).reshape(3, 4)[:, ::2], np.zeros((1, 1, 3), bool), np.array([[np.nan]], "f4")):
        scratch.put("a", 1234, array)
        np.testing.assert_array_equal(scratch.get("a", 1234, array.shape, array.dtype), array)
    assert scratch.count("a") == 1
    scratch.release("a")
    scratch.release("never")
    assert scratch.count("a") == 0
    assert not list(tmp_path.iterdir())


class Watched(ThreadPool):
    """Counts the tasks in flight."""

    most = 0

    def submit(self, positions: Any) -> None:
        super().submit(positions)
        self.most = max(self.most, self.pending)


def run(image: tm.Image, pool: ThreadPool) -> Engine:
    passes = cut({"image": image}, (8, 8), write=False)
    made = Engine(passes, pool, MemoryScratch(), NoLedger(), Silent())
    try:
        made.run()
    finally:
        pool.close()
    return made


@pytest.mark.parametrize("threads", [1, 3])
def test_no_more_than_two_tasks_a_thread_are_in_flight(threads: int) -> None:
    pool = Watched(threads, 0)
    done = run(tm.from_array(np.zeros((80, 80), np.uint8)) > 3, pool)
    assert pool.most == engine_module.WINDOW * threads
    assert done.done_now == 100


def test_tasks_that_come_back_undone_are_not_taken_for_done() -> None:
    pool = ThreadPool(2, 0)
    pool.stop()
    with pytest.raises(ClusterError, match="came back undone"):
        run(tm.from_array(np.zeros((80, 80), np.uint8)) > 3, pool)


def test_threads_are_gone_after_an_error() -> None:
    def fails(array: Any) -> Any:
        raise ValueError

    with pytest.raises(tm.errors.TileError):
        run(tm.map_tiles(fails, tm.from_array(np.zeros((80, 80), np.uint8))), ThreadPool(4, 0))
    assert not [t for t in threading.enumerate() if t.name == "tilemask"]


def test_a_merge_that_breaks_leaves_no_state() -> None:
    """Half a merge counts tiles whose parts are not in it; it must not be saved."""
    saved = []

    class Ledger(NoLedger):
        def interrupted(self, *state: Any) -> None:
            saved.append(state)

    def combine(a: int, b: int) -> int:
        raise MemoryError

    image = tm.from_array(np.zeros((80, 80), np.uint8))
    value = tm.reduce_tiles(np.sum, image, combine=combine, finish=int)
    passes = cut({"value": value}, (8, 8), write=False)
    pool = ThreadPool(1, 0)
    with pytest.raises(MemoryError):
        Engine(passes, pool, MemoryScratch(), Ledger(), Silent()).run()
    pool.close()
    assert saved == []


def test_the_window_waits_for_slow_tasks() -> None:
    def nap(array: Any) -> Any:
        time.sleep(0.01)
        return array

    pool = Watched(2, 0)
    run(tm.map_tiles(nap, tm.from_array(np.zeros((40, 40), np.uint8))), pool)
    assert pool.most == 4
