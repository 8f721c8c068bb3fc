"""Resolution levels, typed out."""

from __future__ import annotations

import pytest

from tilemask.planning.pyramid import SMALLEST, level_shapes


def test_an_image_that_fits_on_a_screen_has_one_level() -> None:
    assert level_shapes((1024, 700)) == [((1024, 700), (1, 1))]


def test_rows_and_columns_are_halved_upwards() -> None:
    assert level_shapes((2049, 3000)) == [
        ((2049, 3000), (1, 1)),
        ((1025, 1500), (2, 2)),
        ((513, 750), (4, 4)),
    ]


def test_no_pyramid_is_one_level() -> None:
    assert level_shapes((5000, 5000), full=False) == [((5000, 5000), (1, 1))]


def test_flat_voxels_become_cubes_before_planes_are_halved() -> None:
    assert level_shapes((40, 4100, 4100), (2.0, 0.5, 0.5)) == [
        ((40, 4100, 4100), (1, 1, 1)),
        ((40, 2050, 2050), (1, 2, 2)),
        ((40, 1025, 1025), (1, 4, 4)),
        ((20, 513, 513), (2, 8, 8)),
    ]


def test_voxels_without_a_size_are_cubes() -> None:
    assert level_shapes((40, 1500, 1500))[1] == ((20, 750, 750), (2, 2, 2))


def test_an_axis_of_one_pixel_is_left_alone() -> None:
    assert level_shapes((1, 1, 3000)) == [
        ((1, 1, 3000), (1, 1, 1)),
        ((1, 1, 1500), (1, 1, 2)),
        ((1, 1, 750), (1, 1, 4)),
    ]


@pytest.mark.parametrize("shape", [(100_000, 80_000), (33, 1025, 1)])
def test_the_last_level_is_the_first_that_is_small(shape: tuple[int, ...]) -> None:
    *above, last = (s for s, _ in level_shapes(shape))
    assert max(last[-2:]) <= SMALLEST
    assert all(max(s[-2:]) > SMALLEST for s in above)
