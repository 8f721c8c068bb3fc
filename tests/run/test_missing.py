"""Sparse sources: what is missing is fill value, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import zarr

import tilemask as tm


@pytest.fixture
def sparse(tmp_path: Path) -> Path:
    """25 chunks, of which 4 are there."""
    path = tmp_path / "sparse.zarr"
    array = zarr.create_array(path, shape=(100, 100), chunks=(20, 20), dtype="u1", fill_value=9)
    array[20:60, 20:60] = 200
    return path


@pytest.mark.parametrize("client", [None, 1])
def test_missing_chunks_are_counted_once_and_named(sparse: Path, tmp_path: Path, client: int | None) -> None:
    smooth = tm.gaussian(tm.open_image(sparse), sigma=2)
    run = tm.save(tm.label(smooth > 100), tmp_path / "out.ome.zarr", tile=30, client=client, quiet=True)
    assert run.missing == {str(sparse): 21}
    assert str(run).endswith(f", 21 missing chunks of {sparse} read as fill value")


def test_a_whole_source_has_nothing_to_tell(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "a.zarr", data=np.ones((40, 40), np.uint8), chunks=(20, 20))
    run = tm.save(tm.open_image(tmp_path / "a.zarr") > 0, tmp_path / "out.ome.zarr", quiet=True)
    assert run.missing == {}
    assert "missing" not in str(run)


def test_what_a_region_leaves_out_is_not_missing(tmp_path: Path) -> None:
    roi = np.zeros((13, 12), bool)
    roi[:3] = True
    image = tm.open_image(np.full((1300, 1200), 7, np.uint8), roi=roi)
    run = tm.save(image > 0, tmp_path / "out.ome.zarr", tile=100, quiet=True)
    assert run.missing == {}
    assert tm.open_image(tmp_path / "out.ome.zarr", level=1).compute().sum() == 150 * 600


def test_chunks_outside_the_region_are_not_looked_for(sparse: Path, tmp_path: Path) -> None:
    roi = np.zeros((10, 10), bool)
    roi[:4, :4] = True
    run = tm.save(tm.open_image(sparse, roi=roi) > 100, tmp_path / "out.ome.zarr", tile=20, quiet=True)
    assert run.missing == {str(sparse): 3}
