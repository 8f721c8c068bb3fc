"""The tile that is chosen, the band that tiles are walked in, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilemask as tm
from tilemask.errors import InputError
from tilemask.planning.tiles import LARGEST_BAND, choose_band, choose_tile, largest_shape


class Chunked:
    """A source of which only the layout is asked."""

    def __init__(self, shape: tuple[int, ...], chunks: tuple[int, ...]) -> None:
        self.shape, self.chunks, self.dtype = shape, chunks, np.dtype(np.uint16)

    def read(self, box: Any, cache: Any) -> Any:
        raise AssertionError("a plan reads no pixels")

    def identity(self) -> dict[str, Any]:
        return {}


def image(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tm.Image:
    return tm.Image(shape, np.dtype(np.uint16), {2: "yx", 3: "zyx"}[len(shape)], Chunked(shape, chunks))


@pytest.mark.parametrize(
    ("tile", "chunks", "chosen"),
    [
        (512, None, (512, 512)),
        ((64, 100), (512, 512), (64, 100)),
        (None, None, (2048, 2048)),
        (None, (512, 1024), (2048, 2048)),
        (None, (600, 5000), (1800, 5000)),
        (None, (100_000, 1), (2048, 2048)),
    ],
)
def test_the_tile_of_a_plane(tile: Any, chunks: Any, chosen: tuple[int, ...]) -> None:
    assert choose_tile(tile, (9000, 9000), chunks) == chosen


def test_the_tile_of_a_volume() -> None:
    assert choose_tile(None, (900, 900, 900), None) == (64, 256, 256)
    assert choose_tile(None, (900, 900, 900), (1, 300, 128)) == (64, 300, 256)


@pytest.mark.parametrize("tile", [0, -3, (5,), (5, 5, 5), (4.0, 4), "55"])
def test_a_wrong_tile_is_refused(tile: Any) -> None:
    with pytest.raises(InputError, match="tile="):
        choose_tile(tile, (90, 90), None)


def test_a_band_is_as_tall_as_the_cache_allows() -> None:
    cache = 192 << 20
    assert choose_band((2048, 2048), [image((9000, 9000), (512, 512))], cache) == LARGEST_BAND
    assert choose_band((256, 256), [image((9000, 9000), (4096, 4096))], cache) == 5
    assert choose_band((2048, 2048), [image((90_000, 90_000), (8192, 8192))], cache) == 1


def test_the_image_with_the_largest_chunks_decides() -> None:
    both = [image((9000, 9000), (512, 512)), image((9000, 9000), (4096, 4096))]
    assert choose_band((256, 256), both, 192 << 20) == choose_band((256, 256), both[::-1], 192 << 20) == 5


def test_the_largest_image_is_found_behind_values() -> None:
    large, small = tm.from_array(np.ones((20, 30))), tm.from_array(np.ones((5, 5)))
    assert largest_shape({"mask": small > tm.otsu(large)}) == (20, 30)


def test_planes_and_volumes_are_not_computed_together() -> None:
    plane, volume = tm.from_array(np.ones((9, 9))), tm.from_array(np.ones((3, 9, 9)))
    with pytest.raises(InputError, match=r"planes and volumes.*compute\(\)"):
        (plane > tm.threshold_mean(volume)).compute(tile=4)


def test_a_value_of_no_image_is_refused() -> None:
    with pytest.raises(InputError, match="nothing to compute"):
        largest_shape({})
