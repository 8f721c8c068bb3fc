"""Bad input: an exit code and one message that says what was asked, what was found and what to do."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

import tilemask as tm
from tests.cli.commands import NUCLEI, tilemask

OUT = "out.ome.zarr"

REFUSED = {
    "missing input": (("run", NUCLEI, "gone.tif", OUT), "gone.tif does not exist"),
    "not an image": (("run", NUCLEI, "faulty.py", OUT), "is not an image that can be opened"),
    "channel": (("run", NUCLEI, "image.tif", OUT, "--channel", "3"), "channel"),
    "level": (("run", NUCLEI, "slide.ome.zarr", OUT, "--level", "7"), "level=7 was asked for"),
    "label": (("run", NUCLEI, "slide.ome.zarr", OUT, "--label", "cells"), "label='cells' was asked for"),
    "dtype": (("run", NUCLEI, "image.tif", OUT, "--dtype", "flot"), "'flot' is not a dtype"),
    "address": (("run", NUCLEI, "image.tif", "s3://b/out.ome.zarr"), "'s3://b/out.ome.zarr' is not a local path"),
    "address to verify": (("verify", "s3://bucket/out.ome.zarr"), "is not a local path"),
    "another format": (("run", NUCLEI, "image.tif", "mask.tif"), "Name it mask.ome.zarr"),
    "memory": (("run", NUCLEI, "image.tif", OUT, "--tile", "96", "--memory", "10MB"), "the limit is 10 MB"),
    "memory text": (("run", NUCLEI, "image.tif", OUT, "--memory", "much"), "found 'much'"),
    "tile text": (("run", NUCLEI, "image.tif", OUT, "--tile", "32x32"), "found '32x32'"),
    "tile axes": (("run", NUCLEI, "image.tif", OUT, "--tile", "1,32,32"), "one per spatial axis"),
    "image into its input": (("run", "faulty.py:raising", "slide.ome.zarr", "slide.ome.zarr"), "(slide) would lie in"),
    "output is input": (("run", NUCLEI, "plain.zarr", "plain.zarr"), "plain.zarr exists and is not a Zarr group"),
    "output in input": (("run", NUCLEI, "plain.zarr", "plain.zarr/out.ome.zarr"), "would lie in, or over, the input"),
    "output is a file": (("run", NUCLEI, "image.tif", "image.tif"), "is a file"),
    "workflow": (("run", "gone.py", "image.tif", OUT), "the workflow gone.py does not exist"),
    "returns nothing": (("run", "faulty.py:nothing", "image.tif", OUT), "nothing returned NoneType"),
    "two places to run": (("run", NUCLEI, "image.tif", OUT, "--workers", "2", "--client", "tcp://a:1"), "one of them"),
    "plan of a missing input": (("plan", NUCLEI, "gone.tif", OUT), "gone.tif does not exist"),
    "verify nothing": (("verify", "faulty.py"), "has no record of a run beside it"),
    "replay nothing": (("replay", "nowhere"), "is not a saved failure"),
    "info of nothing": (("info", "gone.tif"), "gone.tif does not exist"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_refused_with_2_and_a_message(folder, invoke, arguments, message):
    image = tm.open_image("image.tif")
    tm.save({"image": image}, "slide.ome.zarr", tile=32, quiet=True)
    zarr.create_array("plain.zarr", data=image.compute())
    done = invoke(*arguments)
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (folder / OUT).exists()


def test_another_plan_is_refused_with_what_differs(folder, invoke):
    command = ("run", NUCLEI, "image.tif", OUT, "--tile", "32", "-q")
    assert invoke(*command).exit_code == 0
    other = invoke(*command, "--sigma", "3")
    assert other.exit_code == 2
    assert "different plan" in other.stderr
    assert "sigma" in other.stderr
    assert invoke(*command, "--sigma", "3", "--overwrite").exit_code == 0


FAULTS = {
    "raises": ("raising", "raise_once raised ValueError: a pixel of 255", "ValueError: a pixel of 255"),
    "wrong shape": ("narrow", "shape (32, 32), dtype uint8; it returned an array of shape (32, 31)", None),
    "wrong dtype": ("wide", "it returned an array of shape (32, 32), dtype uint32", "(32, 32), dtype uint32"),
    "mutates": ("mutating", "a function must not change its inputs: copy first", None),
}  # fmt: skip


@pytest.mark.parametrize(("name", "message", "replayed"), FAULTS.values(), ids=FAULTS)
def test_a_fault_of_the_workflow_ends_with_3(folder, invoke, name, message, replayed):
    _mark_one_tile(folder)
    done = invoke("run", f"faulty.py:{name}", "image.ome.zarr", OUT, "--tile", "32", "-q")
    assert done.exit_code == 3, done.output
    assert message in done.stderr
    assert "Nothing is committed" in done.stderr
    bundle = done.stderr.partition("tilemask replay ")[2].partition("\n")[0]
    assert Path(bundle).is_dir()
    if replayed:
        again = invoke("replay", bundle)
        assert again.exit_code in (2, 3)
        assert replayed in again.stderr


def test_one_failed_tile_and_the_others_done(folder, invoke):
    _mark_one_tile(folder)
    command = ("run", "faulty.py:raising", "image.ome.zarr", OUT, "--tile", "32", "-q")
    done = invoke(*command)
    assert "1 of 9 tiles failed" in done.stderr
    assert "8 are done" in done.stderr
    assert "incomplete" in invoke("info", OUT).stdout
    bundle = Path(done.stderr.partition("tilemask replay ")[2].partition("\n")[0])
    assert json.loads((bundle / "failure.json").read_text())["core"] == "[32:64, 32:64]"
    (folder / "faulty.py").write_text((folder / "faulty.py").read_text().replace("== 255", "== 254"))
    mended = tilemask("replay", bundle, folder=folder)
    assert mended.returncode == 0, mended.stderr
    assert "passes now" in mended.stdout


def _mark_one_tile(folder: Path) -> None:
    pixels = tm.open_image("image.tif").compute()
    pixels[40, 40] = 255
    np.save(folder / "pixels.npy", pixels)
    tm.save({"image": tm.from_array(pixels)}, "image.ome.zarr", tile=32, quiet=True)


def test_a_tile_that_takes_too_long_has_failed(folder):
    given = ("--seconds", "600", "--tile-seconds", "1", "--tile", "16", "-q")
    done = tilemask("run", "faulty.py:slow", "image.tif", "out.ome.zarr", *given, folder=folder)
    assert done.returncode == 3, done.stderr
    assert "slowly took longer than 1 s (tile_seconds=, --tile-seconds)" in done.stderr
    assert "every tile tried so far failed, so the rest was not tried" in done.stderr
    assert "tilemask replay" in done.stderr


def test_a_folder_that_cannot_be_made_ends_with_5(folder, invoke):
    done = invoke("run", NUCLEI, "image.tif", "/proc/out.ome.zarr")
    assert done.exit_code == 5
    assert done.stderr.startswith("tilemask: /proc cannot be written")


def test_channels_are_chosen_on_the_command_line_too(folder, invoke):
    tifffile.imwrite("colours.tif", np.zeros((40, 50, 3), np.uint8), photometric="rgb")
    done = invoke("run", NUCLEI, "colours.tif", OUT)
    assert done.exit_code == 2
    assert "(--channel 0)" in done.stderr
