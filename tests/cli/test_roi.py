"""`--roi` of `run` and `plan`."""

import numpy as np
import pytest
import zarr

import tilemask as tm

BRIGHT = """
import tilemask as tm


def bright(image, *, above: int = 100):
    return {"bright": tm.label(image > above)}
"""


@pytest.fixture
def tissue(folder):
    """A workflow, and a mask at an eighth of the resolution, of the upper square alone."""
    (folder / "bright.py").write_text(BRIGHT)
    mask = np.zeros((12, 10), np.uint8)
    mask[:7] = 1
    zarr.create_array(folder / "tissue.zarr", data=mask, chunks=(6, 5))


def test_objects_outside_the_region_are_background(tissue, folder, invoke):
    done = invoke("run", "bright.py", "image.tif", "out.ome.zarr", "--roi", "tissue.zarr", "--tile", "32", "--quiet")
    assert done.exit_code == 0, done.stderr
    assert (folder / "out.overview.png").exists()
    labels = tm.open_image("out.ome.zarr").compute()
    assert labels[:56].max() == 1
    assert not labels[56:].any()


def test_the_plan_counts_the_tiles_that_are_left(tissue, invoke):
    planned = invoke("plan", "bright.py", "image.tif", "out.ome.zarr", "--tile", "32", "--roi", "tissue.zarr")
    assert planned.exit_code == 0, planned.stderr
    assert "6 of 9" in planned.stdout


def test_a_region_of_another_image_is_refused(tissue, invoke):
    zarr.create_array("other.zarr", data=np.ones((50, 10), np.uint8))
    refused = invoke("plan", "bright.py", "image.tif", "out.ome.zarr", "--roi", "other.zarr")
    assert refused.exit_code == 2
    assert "no level of an image of shape (96, 80)" in refused.stderr
