"""What a region of interest saves: reads, kernels and stored objects; and that resuming knows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

import tilemask as tm
from tests.run.cases import contents
from tilemask.boxes import Box, Grid
from tilemask.errors import ChangedPlanError, TileError
from tilemask.image import Image
from tilemask.read.cache import ChunkCache
from tilemask.read.chunked import ChunkedSource
from tilemask.run.journal import read_lines
from tilemask.run.outputs import state_folder

SHAPE, TILE, HALO = (1100, 1300), 100, 8
Loaded = list[tuple[tuple[int, ...], tuple[int, ...]]]


def tissue() -> NDArray[np.uint8]:
    """Two bright, speckled islands on dark, noisy glass."""
    rng = np.random.default_rng(7)
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    islands = ((rows - 250) ** 2 + (columns - 300) ** 2 < 150**2) | ((rows - 900) ** 2 + (columns - 1000) ** 2 < 90**2)
    speckles = ndimage.gaussian_filter(rng.random(SHAPE), 3)
    spread = (speckles - speckles.min()) / np.ptp(speckles)
    return np.rint(np.where(islands, 120 + 120 * spread, 20 * rng.random(SHAPE))).astype(np.uint8)


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pyramid of two levels."""
    path = tmp_path_factory.mktemp("roi") / "slide.ome.zarr"
    tm.save(tm.from_array(tissue()), path, tile=TILE, quiet=True)
    return path


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """Shape of the image and index of every chunk that is decoded."""
    found: Loaded = []
    load = ChunkedSource._load

    def watch(self: ChunkedSource, index: tuple[int, ...], cache: ChunkCache) -> NDArray[Any]:
        found.append((self.shape, index))
        return load(self, index, cache)

    monkeypatch.setattr(ChunkedSource, "_load", watch)
    return found


def tissue_mask(slide: Path) -> NDArray[np.bool_]:
    """The workflow's first step, at the low level."""
    smooth = tm.gaussian(tm.open_image(slide, level=1), sigma=2)
    return (smooth > tm.otsu(smooth)).compute()


def cells(image: Any) -> Any:
    smooth = tm.gaussian(image, sigma=2)
    return tm.label(tm.fill_holes(smooth > tm.otsu(smooth)))


def touched(roi: NDArray[np.bool_], tile: int = TILE) -> set[tuple[int, ...]]:
    """Indices of the tiles that hold a pixel of the region."""
    inside = tm.within(np.ones(SHAPE, np.bool_), roi)
    grid = Grid(SHAPE, (tile, tile))
    return {index for index in grid.walk() if inside[grid.core(index).slices].any()}


def test_a_mask_of_a_low_level_steers_work_at_full_resolution(slide: Path, tmp_path: Path, loaded: Loaded) -> None:
    roi = tissue_mask(slide)
    loaded.clear()
    found = cells(tm.open_image(slide, roi=roi))
    plan = tm.plan(found, tile=TILE)
    left = touched(roi)
    assert not loaded, "a plan reads no pixels"
    assert all(b.tiles == len(left) for b, p in zip(plan.bills, plan.passes, strict=True) if p.grid.shape == SHAPE)
    assert f"{len(left)} of {len(Grid(SHAPE, (TILE, TILE)))}" in str(plan)
    tm.save(found, tmp_path / "cells.ome.zarr", tile=TILE, quiet=True)

    grid = Grid(SHAPE, (TILE, TILE))
    chunks = {
        chunk for index in left for chunk in grid.touching(grid.core(index).grow(((HALO, HALO),) * 2).clip(SHAPE))
    }
    assert {index for shape, index in loaded if shape == SHAPE} == chunks
    assert len(chunks) < len(grid) / 2

    smooth, inside = tm.gaussian(tissue(), sigma=2), tm.within(np.ones(SHAPE, np.bool_), roi)
    mask = (smooth > tm.otsu(smooth, where=inside)) & inside
    right = measure.label(ndimage.binary_fill_holes(mask) & inside)
    stored = tm.open_image(tmp_path / "cells.ome.zarr")
    np.testing.assert_array_equal(stored.compute(), right)
    np.testing.assert_array_equal(tm.open_image(tmp_path / "cells.ome.zarr", level=1).compute(), right[::2, ::2])


def objects(path: Path, level: int) -> set[tuple[int, ...]]:
    """Indices of the objects of a level."""
    keys = [k.split("/") for k in contents(path)]
    return {tuple(map(int, k[-2:])) for k in keys if str(level) in k[:-2] and k[-3] == "c"}


def test_objects_are_stored_for_touched_tiles_alone(slide: Path, tmp_path: Path) -> None:
    roi = tissue_mask(slide)
    path = tmp_path / "cells.ome.zarr"
    run = tm.save(cells(tm.open_image(slide, roi=roi)), path, tile=TILE, quiet=True)
    assert objects(path, 0) == touched(roi)
    assert objects(path, 1) == touched(roi, 2 * TILE)
    lines = [line for j in state_folder(path).glob("*/journal.jsonl") for line in read_lines(j) if "tile" in line]
    assert len(lines) == run.tiles_done
    assert sum(not line["objects"] for line in lines) > run.tiles_done / 2
    assert tm.verify(path) == []
    again = tm.save(cells(tm.open_image(slide, roi=roi)), path, tile=TILE, quiet=True)
    assert again.tiles_done == 0


def test_grey_images_are_averaged_with_background_in_lower_levels(slide: Path, tmp_path: Path) -> None:
    roi = tissue_mask(slide)
    image = tm.open_image(slide, roi=roi)
    tm.save(tm.gaussian(image, sigma=2), tmp_path / "grey.ome.zarr", tile=TILE, quiet=True)
    right = np.where(tm.within(np.ones(SHAPE, np.bool_), roi), tm.gaussian(tissue(), sigma=2), np.uint8(0))
    for level, expected in enumerate((right, tm.downsample(right, factor=2))):
        found = tm.open_image(tmp_path / "grey.ome.zarr", level=level).compute()
        np.testing.assert_array_equal(found, expected)


def test_another_region_is_another_plan(slide: Path, tmp_path: Path) -> None:
    roi = tissue_mask(slide)
    path = tmp_path / "mask.ome.zarr"
    tm.save(tm.open_image(slide, roi=roi) > 90, path, tile=TILE, pyramid=False, quiet=True)
    with pytest.raises(ChangedPlanError, match="within"):
        tm.save(tm.open_image(slide, roi=~roi) > 90, path, tile=TILE, pyramid=False, quiet=True)


def test_a_run_that_failed_goes_on_with_its_region(slide: Path, tmp_path: Path, loaded: Loaded) -> None:
    roi, trap = tissue_mask(slide), tmp_path / "trap"
    trap.touch()

    def masks(image: Image) -> Image:
        return tm.fill_holes(tm.map_tiles(careful, image, dtype=bool, reach=1, trap=str(trap)))

    path = tmp_path / "mask.ome.zarr"
    with pytest.raises(TileError, match="careful raised"):
        tm.save(masks(tm.open_image(slide, roi=roi)), path, tile=TILE, pyramid=False, quiet=True)
    trap.unlink()
    loaded.clear()
    run = tm.save(masks(tm.open_image(slide, roi=roi)), path, tile=TILE, pyramid=False, quiet=True)
    assert run.tiles_before > 0
    expected = ndimage.binary_fill_holes(careful(tissue(), trap=str(trap)) & tm.within(np.ones(SHAPE, bool), roi))
    np.testing.assert_array_equal(tm.open_image(path).compute(), expected & tm.within(np.ones(SHAPE, bool), roi))


def careful(array: NDArray[Any], *, trap: str) -> NDArray[np.bool_]:
    """Fails where the second island is bright, while the trap is set."""
    if Path(trap).exists() and array.max() > 216:
        raise ValueError("too bright")
    return ndimage.maximum_filter(array, 3) > 150


def test_worker_processes_get_the_region(slide: Path, tmp_path: Path) -> None:
    roi = tissue_mask(slide)
    made = cells(tm.open_image(slide, roi=roi))
    tm.save(made, tmp_path / "cells.ome.zarr", tile=TILE, client=1, quiet=True)
    np.testing.assert_array_equal(tm.open_image(tmp_path / "cells.ome.zarr").compute(), made.compute())


def test_a_stored_mask_and_labels_are_regions_by_their_path(slide: Path, tmp_path: Path) -> None:
    roi = tissue_mask(slide)
    tm.save(tm.label(tm.from_array(roi)), tmp_path / "tissue.ome.zarr", quiet=True)
    expected = tm.open_image(slide, roi=roi).compute()
    np.testing.assert_array_equal(tm.open_image(slide, roi=tmp_path / "tissue.ome.zarr").compute(), expected)
    lazy = tm.open_image(slide, level=1) > 60
    np.testing.assert_array_equal(
        tm.open_image(slide, roi=lazy).compute(), tm.open_image(slide, roi=lazy.compute()).compute()
    )


def test_a_large_mask_stays_where_it_is_stored(
    slide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loaded: Loaded
) -> None:
    roi = np.kron(tissue_mask(slide), np.ones((2, 2), bool))[: SHAPE[0], : SHAPE[1]]
    tm.save(tm.from_array(roi), tmp_path / "tissue.ome.zarr", tile=64, quiet=True)
    expected = tm.open_image(slide, roi=roi)
    monkeypatch.setattr("tilemask.read.roi.HELD_PIXELS", 1000)
    monkeypatch.setattr("tilemask.read.roi.CELLS", 500)
    image = tm.open_image(slide, roi=tmp_path / "tissue.ome.zarr")
    loaded.clear()
    tm.plan(image > 90, tile=TILE)
    assert not loaded
    np.testing.assert_array_equal(cells(image).compute(tile=TILE), cells(expected).compute(tile=300))
    with pytest.raises(tm.errors.InputError, match="Save it first"):
        tm.open_image(slide, roi=tm.from_array(roi) & True)


def test_dask_tiles_outside_are_not_read(slide: Path, loaded: Loaded) -> None:
    roi = tissue_mask(slide)
    mask = tm.open_image(slide, roi=roi) > 100
    array = mask.to_dask(tile=TILE)
    loaded.clear()
    inside = tm.within(np.ones(SHAPE, np.bool_), roi)
    np.testing.assert_array_equal(array.compute(), (tissue() > 100) & inside)
    assert {i for s, i in loaded if s == SHAPE} == touched(roi)


def test_an_empty_region_reads_nothing(slide: Path, tmp_path: Path, loaded: Loaded) -> None:
    image = tm.open_image(slide, roi=np.zeros((11, 13), bool))
    tm.save(tm.label(image > 9), tmp_path / "none.ome.zarr", tile=TILE, quiet=True)
    assert not loaded
    assert objects(tmp_path / "none.ome.zarr", 0) == set()
    assert not tm.open_image(tmp_path / "none.ome.zarr").compute().any()
    with pytest.raises(tm.errors.InputError, match="no pixel is left"):
        tm.otsu(image).compute()


def test_a_box_is_cut_exactly() -> None:
    roi = np.random.default_rng(1).random((13, 17)) > 0.5
    region = tm.open_image(np.zeros((50, 66), np.uint8), roi=roi).region
    assert region is not None
    full = np.kron(roi, np.ones((4, 4), bool))[:50, :66]
    for start in ((0, 0), (3, 5), (47, 60)):
        for side in (1, 2, 7, 50):
            box = Box(start, tuple(a + side for a in start)).clip((50, 66))
            part = full[box.slices]
            ends = [[np.array([e]) for e in corner] for corner in (box.start, box.stop)]
            assert bool(region.holds_some(*ends).item()) == part.any()
            assert region.holds_all(box) == part.all()
