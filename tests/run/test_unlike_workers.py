"""Clusters that cannot be trusted are refused before the first tile; what listens, listens on the loopback."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from distributed import Client

import tilemask as tm
from tests.run.cases import own_function, slow_mask
from tests.run.processes import Cluster, runs, until
from tilemask.errors import ClusterError, InputError
from tilemask.run import checks, workers


def test_nobody_answers(source: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    for client in (address, "nonsense://x"):
        with pytest.raises(ClusterError, match="no scheduler answers") as told:
            tm.save(own_function(tm.open_image(source)), tmp_path / "out.ome.zarr", client=client, quiet=True)
        assert told.value.exit_code == 4
    assert not list(tmp_path.iterdir())


def test_somebody_takes_the_connection_and_says_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no scheduler answers"):
            tm.save(own_function(tm.open_image(source)), tmp_path / "out.ome.zarr", client=address, quiet=True)
    assert not list(tmp_path.iterdir())


def test_a_scheduler_that_was_frozen_before(
    source: Path, tmp_path: Path, start_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "CONNECT_SECONDS", 1.0)
    cluster = start_cluster(1)
    assert cluster.scheduler is not None
    os.kill(cluster.scheduler.pid, signal.SIGSTOP)
    with pytest.raises(ClusterError, match="no scheduler answers"):
        tm.save(own_function(tm.open_image(source)), tmp_path / "o.zarr", client=cluster.address, quiet=True)


@pytest.mark.parametrize("client", [0, -1, 2.5, object()])
def test_no_client(client: object, source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="client="):
        tm.save(own_function(tm.open_image(source)), tmp_path / "out.ome.zarr", client=client, quiet=True)


def test_other_versions_on_a_worker(source: Path, tmp_path: Path, start_cluster: Callable[..., Cluster]) -> None:
    fake = tmp_path / "packages" / "scipy-0.9.0.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: scipy\nVersion: 0.9.0\n")
    cluster = start_cluster(1, environment={"PYTHONPATH": str(fake.parent)})
    ours = importlib.metadata.version("scipy")
    with pytest.raises(ClusterError, match=rf"scipy is 0.9.0, here {ours}(?s:.)*Install the same versions"):
        tm.save(own_function(tm.open_image(source)), tmp_path / "out.ome.zarr", client=cluster.address, quiet=True)


def test_a_worker_that_sees_nothing(source: Path, tmp_path: Path, cluster: Cluster) -> None:
    with Client(cluster.address) as client:
        with pytest.raises(ClusterError, match=r"does not see .*elsewhere\.zarr"):
            checks.check_workers(client, tmp_path, [str(tmp_path / "elsewhere.zarr")])
        asked = {"versions": checks.versions(), "sees": False, "writes": False, "missing": []}
        assert "does not see" in next(checks._problems("w", asked, checks.versions(), tmp_path))
    assert not list(tmp_path.iterdir())


def test_large_arrays_are_not_sent(tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilemask.run.outputs.SHIPPED_BYTES", 100)
    import numpy as np

    with pytest.raises(InputError, match="would have to be sent to every worker"):
        tm.save(tm.from_array(np.zeros((20, 20))) > 1, tmp_path / "o.zarr", client=cluster.address, quiet=True)


def test_a_frozen_scheduler_is_given_up(
    source: Path, tmp_path: Path, start_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ANSWER_SECONDS", 2.0)
    cluster = start_cluster(1)
    with Client(cluster.address) as client:
        os.kill(cluster.scheduler.pid, signal.SIGSTOP)
        began = time.monotonic()
        with pytest.raises(ClusterError, match="does not answer"):
            tm.save(slow_mask(tm.open_image(source), tmp_path / "log"), tmp_path / "o.zarr", client=client, quiet=True)
        assert time.monotonic() - began < 28  # asked without end, or for the usual time, it would be more
        os.kill(cluster.scheduler.pid, signal.SIGCONT)


def test_worker_processes_listen_on_the_loopback_and_end() -> None:
    here = psutil.Process()
    others = here.children(recursive=True)
    with workers.local_workers(2):
        family = [p for p in here.children(recursive=True) if p not in others]
        listening = {
            c.laddr.ip for p in (here, *family) for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN
        }
        assert len(family) >= 2
    assert listening == {"127.0.0.1"}
    until(lambda: not any(map(runs, family)), 30)


def test_tasks_of_a_run_that_was_replaced_stop(tmp_path: Path) -> None:
    """A killed client leaves tasks behind; here the output meanwhile belongs to another plan."""
    from tilemask.run.cluster import JobPlugin

    owner = tmp_path / "owner"
    plugin = JobPlugin(b"", 0, owner, "mine")
    assert plugin.stopped()
    owner.write_text("mine")
    assert not plugin.stopped()
    owner.write_text("another's")
    assert plugin.stopped()
