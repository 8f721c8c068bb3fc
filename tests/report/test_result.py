"""The overview of a stored result: which resolution is shown, and that what it is drawn from is small."""

import numpy as np
import pytest

import tilemask as tm
from tilemask.errors import InputError
from tilemask.report.result import _reduced, resolutions, shown_factor


@pytest.mark.parametrize(
    ("shapes", "factor"),
    [
        ([(300, 200)], (1, 1)),
        ([(1024, 900)], (1, 1)),
        ([(3000, 5000)], (5, 5)),
        ([(4096, 4096), (2048, 2048), (1024, 1024)], (4, 4)),
        ([(4096, 4096), (2048, 2048), (1024, 1024), (512, 512), (256, 256)], (8, 8)),
        ([(40, 4096, 4096), (40, 2048, 2048), (20, 1024, 1024)], (2, 4, 4)),
    ],
)
def test_the_coarsest_level_that_fills_a_screen_is_shown(shapes, factor):
    assert shown_factor(shapes) == factor


def test_a_level_that_exists_is_read_and_the_rest_is_computed():
    pixels = np.random.default_rng(0).integers(0, 255, (64, 48), np.uint8)
    half = np.full((32, 24), 7, np.uint8)
    levels = [tm.from_array(pixels), tm.from_array(half)]
    assert (_reduced(levels, (2, 2), labels=False) == 7).all()
    assert (_reduced(levels, (8, 8), labels=False) == 7).all()
    np.testing.assert_array_equal(_reduced(levels, (1, 1), labels=False), pixels)
    np.testing.assert_array_equal(_reduced(levels[:1], (3, 3), labels=True), pixels[::3, ::3])


def test_one_plane_of_a_volume():
    volume = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)
    np.testing.assert_array_equal(_reduced([tm.from_array(volume)], (1, 1, 1), labels=True), volume[2:3])


def test_a_store_with_a_pyramid_beside_an_image_without(tmp_path):
    pixels = np.zeros((1200, 1101), np.uint8)
    pixels[300:900, 100:] = 200
    image = tm.from_array(pixels, pixel_size=(0.5, 0.5), unit="micrometer")
    tm.save({"big": image > 100}, tmp_path / "a.ome.zarr", tile=256, quiet=True)
    assert len(resolutions(lambda k: tm.open_image(tmp_path / "a.ome.zarr", level=k))) == 2
    drawn = tm.overview(tmp_path / "a.ome.zarr", image, picture=tmp_path / "a.png")
    assert drawn.path.stat().st_size > 1000
    assert drawn.shares == {"big": pytest.approx(0.5 * 1001 / 1101, abs=2e-3)}


def test_nothing_to_draw_without_a_mask_of_the_shape(tmp_path):
    image = tm.from_array(np.ones((40, 40), np.uint8))
    tm.save({"part": image[:20] > 0}, tmp_path / "a.ome.zarr", quiet=True)
    assert tm.overview(tmp_path / "a.ome.zarr", image, picture=tmp_path / "a.png") is None
    assert not (tmp_path / "a.png").exists()


def test_colour_and_a_volume(tmp_path):
    volume = tm.from_array(np.random.default_rng(1).integers(0, 255, (6, 40, 50, 3), np.uint8), channel_axis=3)
    tm.save({"bright": volume[..., 0] > 128}, tmp_path / "a.ome.zarr", quiet=True)
    assert tm.overview(tmp_path / "a.ome.zarr", volume, picture=tmp_path / "a.png") is not None


@pytest.mark.parametrize(
    ("store", "picture", "message"),
    [
        ("gone.ome.zarr", "a.png", "gone.ome.zarr does not exist"),
        ("gone.ome.zarr", "a.xyz", "needs a suffix that names its format, as in a.png"),
        ("gone.ome.zarr", "no/a.png", "its folder does not exist"),
    ],
)
def test_what_cannot_be_drawn_is_refused_first(tmp_path, store, picture, message):
    with pytest.raises(InputError, match=message):
        tm.overview(tmp_path / store, tm.from_array(np.zeros((4, 4))), picture=tmp_path / picture)
