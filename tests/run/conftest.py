"""A source on disk, and clusters of real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.run.cases import stored
from tests.run.processes import Cluster


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stored(tmp_path_factory.mktemp("source"))


@pytest.fixture
def start_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    """Start clusters that end with the test."""
    started: list[Cluster] = []

    def start(workers: int = 2, **options: object) -> Cluster:
        folder = tmp_path / f"cluster-{len(started)}"
        folder.mkdir()
        started.append(Cluster(folder, **options))
        return started[-1].start(workers)

    yield start
    for cluster in started:
        cluster.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all tests that leave it whole; a worker has two threads."""
    one = Cluster(tmp_path_factory.mktemp("cluster"), threads=2).start(2)
    yield one
    one.stop()
