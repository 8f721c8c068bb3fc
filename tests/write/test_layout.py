"""Levels, write units and chunks: integers, checked by their laws and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.write.stores import output
from tilemask.errors import InputError
from tilemask.write.layout import OutputSpec, chunk_side, make_level, pyramid


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
    for level in pyramid(shape, (side,) * len(shape)):
        for n, tile, chunk in zip(level.shape, level.tile, level.chunk, strict=True):
            assert tile % chunk == 0
            assert tile <= side
            assert tile == side or tile >= n, "a clipped write unit covers its axis"


def test_levels_halve_rounding_up_until_they_fit_on_a_screen() -> None:
    levels = pyramid((5001, 3000), (2048, 2048), (0.5, 0.5))
    assert [level.shape for level in levels] == [(5001, 3000), (2501, 1500), (1251, 750), (626, 375)]
    assert [level.scale for level in levels] == [(0.5, 0.5), (1, 1), (2, 2), (4, 4)]
    assert [level.translation for level in levels] == [(0, 0), (0.25, 0.25), (0.75, 0.75), (1.75, 1.75)]
    assert levels[-1].tile == (626, 375)
    assert len(pyramid((5001, 3000), (2048, 2048), full=False)) == 1
    assert len(pyramid((1024, 10), (2048, 2048))) == 1


def test_planes_wait_until_voxels_are_cubes() -> None:
    levels = pyramid((40, 9000, 9000), (8, 512, 512), (2.0, 0.5, 0.5))
    assert [level.factor for level in levels] == [(1, 1, 1), (1, 2, 2), (1, 4, 4), (2, 8, 8), (4, 16, 16)]
    alike = pyramid((40, 2048, 2048), (8, 512, 512))
    assert [level.factor for level in alike] == [(1, 1, 1), (2, 2, 2)]


def test_an_axis_of_one_pixel_is_left_alone() -> None:
    assert [level.shape for level in pyramid((1, 4000), (512, 512))] == [(1, 4000), (1, 2000), (1, 1000)]
    assert pyramid((1, 4000), (512, 512))[-1].factor == (1, 4)


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
