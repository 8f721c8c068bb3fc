"""The same bytes wherever tasks run, whatever the tile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from distributed import Client

import tilemask as tm
from tests.run.cases import CASES, contents, records, smooth_labels, stored
from tests.run.processes import Cluster

TILES = dict.fromkeys(CASES, (64, 37)) | {"smooth_labels": (64, 37, (50, 21))}


@pytest.fixture(scope="module")
def expected(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What threads store, by case and tile."""
    found = {}
    for name, make in CASES.items():
        for tile in TILES[name]:
            path = tmp_path_factory.mktemp("threads") / "out.ome.zarr"
            run = tm.save(make(tm.open_image(source)), path, tile=tile, quiet=True)
            found[name, tile] = contents(path), records(path), run.values
    return found


def _cases() -> list:
    return [pytest.param(name, tile, id=f"{name}-{tile}") for name in CASES for tile in TILES[name]]


def _compare(name: str, tile: object, source: Path, folder: Path, client: object, expected: dict) -> None:
    path = folder / "out.ome.zarr"
    run = tm.save(CASES[name](tm.open_image(source)), path, tile=tile, client=client, quiet=True)
    assert contents(path) == expected[name, tile][0]
    assert records(path) == expected[name, tile][1]
    assert run.values == expected[name, tile][2]
    assert tm.verify(path) == []


@pytest.mark.parametrize(("name", "tile"), _cases())
def test_threads_store_what_one_tile_computes(name: str, tile: object, source: Path, tmp_path: Path) -> None:
    image = tm.open_image(source)
    whole = {n: o.compute(tile=image.shape) for n, o in CASES[name](image).items()}
    path = tmp_path / "out.ome.zarr"
    run = tm.save(CASES[name](image), path, tile=tile, quiet=True)
    for output, pixels in whole.items():
        if output in run.values:
            assert run.values[output] == pixels
        else:
            np.testing.assert_array_equal(tm.open_image(path, label=output).compute(), pixels)


@pytest.mark.parametrize(("name", "tile"), _cases())
def test_a_cluster_at_an_address(
    name: str, tile: object, source: Path, tmp_path: Path, cluster: Cluster, expected: dict
) -> None:
    _compare(name, tile, source, tmp_path, cluster.address, expected)


def test_a_client_of_the_user_stays_open(source: Path, tmp_path: Path, cluster: Cluster, expected: dict) -> None:
    with Client(cluster.address) as client:
        for name in ("several", "bound_with_halo"):
            _compare(name, 37, source, tmp_path / name, client, expected)
        assert client.status == "running"
        assert not [n for n in client.run(lambda dask_worker: list(dask_worker.plugins)) if "tilemask" in n]


@pytest.mark.parametrize("name", ["smooth_labels", "own_function"])
def test_worker_processes_of_this_machine(name: str, source: Path, tmp_path: Path, expected: dict) -> None:
    _compare(name, 37, source, tmp_path, 2, expected)


def test_volumes(tmp_path: Path, cluster: Cluster) -> None:
    image = tm.open_image(stored(tmp_path, (20, 70, 60)), axes="zyx").astype("float32")
    for n, client in enumerate((None, cluster.address)):
        tm.save(smooth_labels(image), tmp_path / str(n) / "o.zarr", tile=(7, 33, 60), client=client, quiet=True)
    assert contents(tmp_path / "0" / "o.zarr") == contents(tmp_path / "1" / "o.zarr")
    whole = smooth_labels(image)["cells"].compute(tile=image.shape)
    np.testing.assert_array_equal(tm.open_image(tmp_path / "0" / "o.zarr", label="cells").compute(), whole)


def test_compute_on_a_cluster(source: Path, cluster: Cluster) -> None:
    image = smooth_labels(tm.open_image(source))["cells"]
    np.testing.assert_array_equal(image.compute(tile=37, client=cluster.address), image.compute())
