"""Stopping a run from outside: in order, with the exit code of the signal, and the next run goes on."""

import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.commands import start, tilemask

COMMAND = ("run", "faulty.py:slow", "image.tif", "out.ome.zarr", "--tile", "16", "-q")
TILES = 30


def wait_for_tiles(folder: Path, process: subprocess.Popen[str], count: int = 2) -> None:
    """Wait until some tiles are stored."""
    deadline = time.monotonic() + 60
    while len(list(folder.glob("out.ome.zarr/labels/slow/0/c/*/*"))) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_goes_on(folder, number, code):
    process = start(*COMMAND, "--seconds", "0.3", folder=folder)
    wait_for_tiles(folder, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "run the same command again to go on" in err
    assert "Traceback" not in err
    done = tilemask(*COMMAND, "--seconds", "0.3", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "were done before" in done.stdout
    assert f" {TILES} tiles" not in done.stdout


def test_a_locked_output_is_refused_with_6(folder):
    state = folder / "out.ome.zarr.tilemask"
    state.mkdir()
    with (state / "lock.json").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = tilemask(*COMMAND, "--seconds", "0", folder=folder)
    assert refused.returncode == 6, refused.stderr
    assert "another run is writing out.ome.zarr" in refused.stderr


def test_a_cluster_that_does_not_answer_is_4(folder):
    refused = tilemask(*COMMAND, "--client", "tcp://127.0.0.1:9", folder=folder)
    assert refused.returncode == 4, refused.stderr
    assert "no scheduler answers at 'tcp://127.0.0.1:9'" in refused.stderr


def test_an_output_that_cannot_be_written_is_5(folder):
    refused = tilemask(*COMMAND[:3], "/proc/nowhere/out.ome.zarr", *COMMAND[4:], folder=folder)
    assert refused.returncode == 5, refused.stderr
    assert "cannot be written" in refused.stderr


def test_progress_goes_to_stderr_unless_quiet(folder):
    shown = tilemask(*COMMAND[:-1], "--seconds", "0", folder=folder)
    assert shown.returncode == 0
    assert "pass 1/1" in shown.stderr
    assert "pass 1/1" not in shown.stdout
    quiet = tilemask(*COMMAND, "--seconds", "0.01", "--overwrite", folder=folder)
    assert quiet.stderr == ""


def test_ctrl_c_in_a_terminal_reaches_workers_too_and_the_run_goes_on(folder):
    command = (*COMMAND, "--seconds", "0.3", "--workers", "2")
    process = start(*command, folder=folder, own_group=True)
    wait_for_tiles(folder, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    done = tilemask(*COMMAND, "--seconds", "0.3", folder=folder)
    assert done.returncode == 0, done.stderr
    assert "were done before" in done.stdout
