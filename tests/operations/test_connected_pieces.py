"""Small pieces join a neighbour as in scikit-image, whatever the clusters, sizes and tiles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.measure
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.segmentation._slic import _enforce_label_connectivity_cython

import tilemask as tm
from tests.operations.pieces_by_hand import joined_by_hand
from tilemask.operations import connected_pieces
from tilemask.operations.connected_pieces import join_small_pieces


def reference(clusters: NDArray[Any], min_size: int, max_size: int) -> NDArray[Any]:
    """The step of scikit-image."""
    volume = np.ascontiguousarray(clusters.reshape((1,) * (3 - clusters.ndim) + clusters.shape), np.intp)
    return np.asarray(_enforce_label_connectivity_cython(volume, min_size, max_size, 1)).reshape(clusters.shape)


def tiled(clusters: NDArray[Any], min_size: int, max_size: int, tile: Any, reach: int = 2) -> NDArray[Any]:
    image = tm.from_array(clusters)
    made = join_small_pieces(image, min_size=min_size, max_size=max_size, reach=(reach,) * clusters.ndim)
    found = made.compute(tile=tile)
    assert isinstance(found, np.ndarray)
    return found


@st.composite
def clusters(draw: st.DrawFn, background: bool) -> tuple[NDArray[np.int32], int, int, tuple[int, ...]]:
    """Random clusters in cells of random sizes, sizes to join and to cut at, and a tile."""
    ndim = draw(st.sampled_from((2, 3)))
    shape = tuple(draw(st.integers(1, 40 if ndim == 2 else 12)) for _ in range(ndim))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    cells = rng.integers(0 if background else 1, draw(st.integers(2, 9)), shape, np.int32)
    side = draw(st.integers(1, 5))
    cells = cells[np.ix_(*(np.arange(n) // side for n in shape))]
    noise = rng.random(shape) < draw(st.sampled_from((0, 0.1, 0.5)))
    cells = np.where(noise, rng.integers(0 if background else 1, 4, shape, np.int32), cells)
    min_size = draw(st.integers(0, 30))
    max_size = draw(st.integers(max(min_size, 1), 90))
    tile = tuple(draw(st.integers(1, n + 3)) for n in shape)
    return cells, min_size, max_size, tile


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(clusters(background=False))
def test_pieces_join_as_in_the_reference(drawn: Any) -> None:
    cells, min_size, max_size, tile = drawn
    expected = reference(cells, min_size, max_size)
    np.testing.assert_array_equal(joined_by_hand(cells, min_size, max_size), expected)
    np.testing.assert_array_equal(tiled(cells, min_size, max_size, cells.shape), expected)
    np.testing.assert_array_equal(tiled(cells, min_size, max_size, tile), expected)


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(clusters(background=True))
def test_a_piece_without_a_neighbour_has_its_own_number(drawn: Any) -> None:
    cells, min_size, max_size, tile = drawn
    expected = joined_by_hand(cells, min_size, max_size)
    np.testing.assert_array_equal(tiled(cells, min_size, max_size, tile), expected)
    pieces = skimage.measure.label(expected, background=0, connectivity=1)
    if pieces.max() > expected.max():  # only the piece at the first pixel may be apart from the next one
        assert expected[(0,) * cells.ndim] == 1
        assert pieces.max() == expected.max() + 1


def test_a_piece_above_the_size_is_cut_where_the_flood_stops() -> None:
    one = np.ones((5, 5), np.int32)
    assert tiled(one, 3, 9, (2, 3)).tolist() == [
        [1, 1, 1, 1, 2],
        [1, 1, 1, 2, 2],
        [1, 1, 2, 2, 2],
        [3, 3, 3, 2, 2],
        [3, 3, 3, 3, 2],
    ]


def test_small_pieces_before_the_first_large_one_have_its_number() -> None:
    cells = np.array([[1, 2, 3, 3, 3], [4, 4, 5, 3, 3]], np.int32)
    assert tiled(cells, 3, 9, (1, 2)).tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert tiled(cells, 2, 9, (1, 2)).tolist() == [[1, 1, 1, 1, 1], [2, 2, 1, 1, 1]]


def spiral(side: int) -> NDArray[np.int32]:
    """Two clusters, one wound through the other, so that a piece leaves every window."""
    rows, columns = np.indices((side, side))
    ring = np.minimum.reduce((rows, columns, side - 1 - rows, side - 1 - columns))
    wound = ring % 2
    wound[rows == columns + 1] ^= 1
    return (wound + 1).astype(np.int32)


def test_a_piece_that_winds_through_all_tiles_is_proven() -> None:
    cells = spiral(48)
    for sizes in ((20, 4000), (400, 900), (3, 60)):
        np.testing.assert_array_equal(tiled(cells, *sizes, (7, 9)), reference(cells, *sizes))


@pytest.mark.parametrize("part", ["on_faces", "join_small"])
def test_control_what_leaves_a_window_must_be_asked_for_again(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    cells = rng.integers(1, 4, (40, 40), np.int32)[np.ix_(np.arange(40) // 2, np.arange(40) // 2)]
    right = reference(cells, 9, 60)
    np.testing.assert_array_equal(tiled(cells, 9, 60, (8, 8)), right)
    original = getattr(connected_pieces, part)

    def careless(*arguments: Any) -> Any:
        found = original(*arguments)
        return np.zeros_like(found) if part == "on_faces" else (found[0], np.zeros_like(found[1]))

    monkeypatch.setattr(connected_pieces, part, careless)
    assert (tiled(cells, 9, 60, (8, 8)) != right).any()
