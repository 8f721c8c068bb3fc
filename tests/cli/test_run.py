"""`run`, `plan`, `verify`, `info` and `demo`, as a user meets them."""

import subprocess
import sys

import numpy as np
import pytest
from skimage.measure import label

import tilemask as tm
from tests.cli.commands import NUCLEI, tilemask

SMALL = ("--background", "0", "--sigma", "1", "--tile", "32", "--quiet")


def test_run_writes_labels_a_picture_and_one_line(folder, invoke):
    done = invoke("run", NUCLEI, "image.tif", "out.ome.zarr", *SMALL)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "nuclei (" in done.stdout
    assert "outlines.geojson" in done.stdout
    assert "out.overview.png" in done.stdout
    assert (folder / "out.overview.png").stat().st_size > 1000
    labels = tm.open_image("out.ome.zarr").compute()
    np.testing.assert_array_equal(labels, label(labels != 0))
    assert labels.max() == 2


def test_same_command_again_does_nothing(folder, invoke):
    invoke("run", NUCLEI, "image.tif", "out.ome.zarr", *SMALL)
    again = invoke("run", NUCLEI, "image.tif", "out.ome.zarr", *SMALL)
    assert again.exit_code == 0
    assert "0 tiles done" in again.stdout


def test_options_may_stand_before_the_workflow(folder, invoke):
    chosen = ("--background", "0", "--where", "area > 1000")
    done = invoke("run", "--tile", "32", "-q", NUCLEI, *chosen, "image.tif", "out.ome.zarr")
    assert done.exit_code == 0, done.stderr
    assert np.unique(tm.open_image("out.ome.zarr").compute()).tolist() == [0, 1]


def test_help_of_a_workflow_shows_its_options(folder):
    shown = tilemask("run", NUCLEI, "--help", folder=folder).stdout
    assert "Options of nuclei" in shown
    assert "--min-distance" in shown
    assert "Centres of objects lie further apart than so many pixels." in shown
    assert "Exit codes" in shown


def test_plan_prints_and_runs_nothing(folder, invoke):
    planned = invoke("plan", NUCLEI, "image.tif", "out.ome.zarr", "--tile", "32,40")
    assert planned.exit_code == 0, planned.stderr
    assert "tile 32 × 40" in planned.stdout
    assert sorted(p.name for p in folder.iterdir()) == ["faulty.py", "image.tif"]


def test_verify_finds_what_changed(folder, invoke):
    invoke("run", NUCLEI, "image.tif", "out.ome.zarr", *SMALL)
    assert invoke("verify", "out.ome.zarr").exit_code == 0
    stored = next(p for p in sorted((folder / "out.ome.zarr").rglob("c/0/0")))
    content = bytearray(stored.read_bytes())
    content[len(content) // 2] ^= 1
    stored.write_bytes(content)
    found = invoke("verify", "out.ome.zarr")
    assert found.exit_code == 1
    assert "c/0/0" in found.stdout
    assert "1 objects are not as written" in found.stderr


def test_info_tells_what_a_store_holds(folder, invoke):
    invoke("run", NUCLEI, "image.tif", "out.ome.zarr", *SMALL, "--pixel-size", "0.5", "--unit", "micrometer")
    told = invoke("info", "out.ome.zarr")
    assert told.exit_code == 0, told.stderr
    for part in (
        "label nuclei: yx 96 × 80 int32",
        "chunks 32 × 32",
        "0.5 × 0.5 micrometer",
        "complete",
        "value level: ",
    ):
        assert part in told.stdout
    assert "  image:" not in told.stdout
    assert "image: yx 96 × 80 uint8" in invoke("info", "image.tif").stdout


def test_labels_are_added_to_the_input_store(folder, invoke):
    tm.save({"image": tm.open_image("image.tif")}, "slide.ome.zarr", tile=32, quiet=True)
    done = invoke("run", NUCLEI, "slide.ome.zarr", "slide.ome.zarr", *SMALL)
    assert done.exit_code == 0, done.stderr
    told = invoke("info", "slide.ome.zarr").stdout
    assert "  image: yx 96 × 80 uint8" in told
    assert "  label nuclei: yx 96 × 80 int32" in told


def test_workflow_of_a_file_runs_in_worker_processes(folder):
    (folder / "inverse.py").write_text(
        "import numpy as np\nimport tilemask as tm\n\nLIMIT = 100\n\n"
        "def dark(image, *, invert: bool = False):\n"
        "    return {'dark': tm.map_tiles(below, image, dtype=bool, invert=invert)}\n\n"
        "def below(pixels, *, invert):\n    return (pixels < LIMIT) ^ invert\n"
    )
    done = tilemask("run", "inverse.py", "image.tif", "out.ome.zarr", "--workers", "1", "--invert", "-q", folder=folder)
    assert done.returncode == 0, done.stderr
    mask = tm.open_image(folder / "out.ome.zarr")
    assert mask.dtype == bool
    assert mask.compute().sum() == 40 * 40 + 20 * 20


def test_demo_runs_offline_and_again(folder):
    first = tilemask("demo", "shown", folder=folder)
    assert first.returncode == 0, first.stderr
    assert "galaxies.ome.zarr/tables/table.csv" in first.stdout
    assert "every object is as written" in first.stdout
    assert (folder / "shown" / "galaxies.overview.png").exists()
    again = tilemask("demo", "shown", folder=folder)
    assert again.returncode == 0, again.stderr
    assert "0 tiles done" in again.stdout


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom tilemask.cli.app import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print([m for m in ('zarr', 'dask', 'skimage', 'scipy', 'cv2', 'distributed') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(invoke):
    assert invoke("--version").stdout.strip() == f"tilemask {tm.__version__}"


@pytest.mark.parametrize("text", ["2GB", "2gb", "2000 MB", "2e0"])
def test_memory_is_read_with_its_unit(text):
    from tilemask.cli.request import parse_bytes
    from tilemask.errors import InputError

    if text == "2e0":
        with pytest.raises(InputError, match="--memory takes a number of bytes"):
            parse_bytes(text)
    else:
        assert parse_bytes(text) == 2_000_000_000
