"""Overview pictures: every kind of image can be drawn, colours and lengths are right."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from skimage import data
from skimage.measure import label

from tilemask.errors import InputError
from tilemask.report.colours import BACKGROUND, FOREGROUND, colour_table, image_colours, label_colours
from tilemask.report.overview import overview, panel_size, scale_bar


def drawn(path: Path) -> np.ndarray:
    return np.asarray(Picture.open(path).convert("RGB"))


def test_a_real_image_with_mask_and_labels(tmp_path: Path) -> None:
    coins = data.coins()
    mask = coins > 107
    overview(
        coins,
        {"coins": mask, "objects": label(mask)},
        tmp_path / "overview.png",
        pixel_size=(0.5, 0.5),
        unit="micrometer",
    )
    picture = drawn(tmp_path / "overview.png")
    rows, columns = panel_size(coins.shape)
    assert picture.shape == (2 * 28 + 2 * (34 + rows) + 18, 2 * 28 + 3 * columns + 2 * 18, 3)
    assert (picture[:20] == 255).all()
    assert (picture[:, :20] == 255).all()
    panel = picture[28 + 34 : 28 + 34 + rows, 28 + columns + 18 : 28 + 2 * columns + 18]
    assert (panel == FOREGROUND).all(-1).mean() == pytest.approx(mask.mean(), abs=0.01)
    outlines = picture[28 + 34 : 28 + 34 + rows, 28 + 2 * (columns + 18) :][:, :columns]
    assert 0.001 < (outlines == FOREGROUND).all(-1).mean() < mask.mean()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize(
    ("shape", "axes"), [((40, 50), "yx"), ((5, 40, 50), "zyx"), ((40, 50, 3), "yxc"), ((5, 40, 50, 2), "zyxc")]
)
def test_every_kind_of_image_is_drawn(tmp_path: Path, dtype: str, shape: tuple[int, ...], axes: str) -> None:
    image = (np.random.default_rng(0).random(shape) * 200).astype(dtype)
    spatial = shape[: len(axes.removesuffix("c"))]
    overview(image, {"mask": np.ones(spatial, bool)}, tmp_path / "o.png", axes=axes)
    assert drawn(tmp_path / "o.png").shape[0] == 2 * 28 + 34 + 12 * 40


def test_contrast_is_robust_and_nan_is_black() -> None:
    plane = np.linspace(100, 200, 10_000).reshape(100, 100)
    plane[0, 0], plane[50, 50] = 1e9, np.nan
    grey = image_colours(plane, channels=False)
    assert grey[50, 50].tolist() == [0, 0, 0]
    assert grey[0, 1, 0] == 0
    assert grey[99, 99, 0] == 255
    assert abs(int(grey[49, 99, 0]) - 127) < 3
    assert image_colours(np.full((4, 4), np.nan), channels=False).max() == 0
    assert image_colours(np.full((4, 4), 7), channels=False).max() == 0


def test_a_plane_of_nearly_one_value_shows_the_others() -> None:
    plane = np.zeros((100, 100))
    plane[3, 3] = 5
    assert image_colours(plane, channels=False)[3, 3, 0] == 255


def test_colour_images_of_eight_bits_stay_as_they_are() -> None:
    image = data.astronaut()
    np.testing.assert_array_equal(image_colours(image, channels=True), image)


def test_colours_belong_to_numbers_and_neighbours_differ() -> None:
    table = colour_table().astype(int)
    assert table.shape == (1024, 3)
    assert np.abs(np.diff(table[1:], axis=0)).sum(1).min() > 60
    labels = np.array([[0, 1, 1023, 1024, 2047]])
    colours = label_colours(labels)
    assert colours[0, 0].tolist() == list(BACKGROUND)
    assert colours[0, 3].tolist() == colours[0, 1].tolist()
    assert (label_colours(labels.astype(np.uint16)) == colours).all()
    assert label_colours(np.array([[False, True]]))[0].tolist() == [list(BACKGROUND), list(FOREGROUND)]


@pytest.mark.parametrize(
    ("pixel", "unit", "columns", "expected"),
    [
        (0.5, "micrometer", 640, (100, "50 um")),
        (10.0, "meter", 500, (100, "1 km")),
        (25.0, "micrometer", 640, (80, "2 mm")),
        (1.0, "nanometer", 10, (2, "2 nm")),
        (0.001, "nanometer", 10, (2, "0.002 nm")),
    ],
)
def test_scale_bars_have_round_lengths(pixel: float, unit: str, columns: int, expected: tuple[int, str]) -> None:
    assert scale_bar(pixel, unit, columns) == expected


@pytest.mark.parametrize(
    ("shape", "size"),
    [((1000, 500), (640, 320)), ((100, 50), (600, 300)), ((400, 200), (640, 320)), ((641, 1), (640, 1))],
)
def test_panels_fit_on_a_screen(shape: tuple[int, int], size: tuple[int, int]) -> None:
    assert panel_size(shape) == size


def test_masks_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shape of the image, \(40, 50\); found {'m': \(40, 49\)}"):
        overview(np.zeros((40, 50)), {"m": np.zeros((40, 49), bool)}, tmp_path / "o.png")
    with pytest.raises(InputError, match="found none"):
        overview(np.zeros((40, 50)), {}, tmp_path / "o.png")


def test_long_names_are_shortened(tmp_path: Path) -> None:
    overview(np.zeros((64, 64)), {"x" * 64: np.zeros((64, 64), bool)}, tmp_path / "o.png")
    assert (drawn(tmp_path / "o.png")[:, -20:] == 255).all()
