"""Levels, write units and chunks: integers, checked by their laws and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.write.stores import output
from tilemask.errors import InputError
from tilemask.write.layout import OutputSpec, chunk_side, make_level


@pytest.mark.parametrize(
    ("side", "ndim", "chunk"),
    [
        (2048, 2, 1024),
        (1024, 2, 1024),
        (1000, 2, 1000),
        (1500, 2, 750),
        (4096, 2, 1024),
        (2053, 2, 2053),
        (1, 2, 1),
        (16, 3, 16),
        (512, 3, 256),
        (300, 3, 150),
    ],
)
def test_a_chunk_is_the_largest_small_divisor_of_the_tile(side: int, ndim: int, chunk: int) -> None:
    assert chunk_side(side, ndim) == chunk


@given(st.lists(st.integers(1, 9000), min_size=2, max_size=3), st.integers(1, 3000))
def test_write_units_are_whole_chunks_and_walk_the_same_grid_as_the_tiles(shape: list[int], side: int) -> None:
    ones = (1,) * len(shape)
    level = make_level(shape, ones, (side,) * len(shape), ones, ones)
    for n, tile, chunk in zip(level.shape, level.tile, level.chunk, strict=True):
        assert tile % chunk == 0
        assert tile <= side
        assert tile == side or tile >= n, "a clipped write unit covers its axis"


def test_a_level_smaller_than_a_tile_is_one_small_shard() -> None:
    level = make_level((626, 375), (8, 8), (2048, 2048), (4.0, 4.0), (1.75, 1.75))
    assert level.tile == level.chunk == (626, 375)
    assert make_level((1500, 375), (4, 4), (2048, 2048), (2.0, 2.0), (0.75, 0.75)).tile == (2048, 375)


@pytest.mark.parametrize("name", ["a", "nuclei", "CD3-positive_2.1", "0", "x" * 64])
def test_plain_names_are_taken(name: str) -> None:
    assert output(name).name == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "a\\b", "../x", "a..b", "x" * 65, "naïve", "a b", "a\n"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of an output"):
        output(name)


@pytest.mark.parametrize(
    ("kind", "dtype"), [("mask", "uint8"), ("label", "float32"), ("label", "bool"), ("image", "bool")]
)
def test_a_kind_takes_its_dtypes_only(kind: str, dtype: str) -> None:
    with pytest.raises(InputError, match=f"is a {kind} and needs .* found {dtype}"):
        output(kind=kind, dtype=dtype)


def test_channels_need_an_axis() -> None:
    level = make_level((9, 9), (1, 1), (8, 8), (1, 1), (0, 0))
    with pytest.raises(InputError, match="axes 'yxc' but channels=None"):
        OutputSpec("a", "image", "yxc", np.dtype("u1"), (level,))
