"""Small outputs and the validators of others, shared by the tests of writing."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import ome_zarr.writer
import ome_zarr_models
import yaozarrs
import zarr
from napari_ome_zarr._reader import napari_get_reader
from ome_zarr.format import Format, FormatV05

from tilemask.boxes import Grid, whole
from tilemask.image import Image, Source
from tilemask.read.cache import ChunkCache
from tilemask.write.layout import Kind, Level, OutputSpec, make_level
from tilemask.write.objects import StoredObject
from tilemask.write.ome_zarr import commit, create
from tilemask.write.store import Writer

PLAN = "5f" * 32


def pixels(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Label-like pixels: mostly background, a few numbers."""
    random = np.random.default_rng(seed)
    return (random.integers(0, 900, shape) * (random.random(shape) < 0.3)).astype(np.int32)


def two_levels(shape: tuple[int, ...], tile: tuple[int, ...]) -> tuple[Level, ...]:
    """A pyramid of two levels at the size of a test."""
    half = tuple(-(-n // 2) for n in shape)
    ones, twos = (1,) * len(shape), (2,) * len(shape)
    return (
        make_level(shape, ones, tile, [0.5] * len(shape), [0.0] * len(shape)),
        make_level(half, twos, tile, [1.0] * len(shape), [0.25] * len(shape)),
    )


def output(
    name: str = "nuclei",
    kind: Kind = "label",
    shape: tuple[int, ...] = (90, 130),
    tile: tuple[int, ...] = (64, 64),
    dtype: Any = None,
    channels: int | None = None,
    levels: tuple[Level, ...] | None = None,
    **rest: Any,
) -> OutputSpec:
    axes = "zyx"[-len(shape) :] + ("c" if channels else "")
    dtype = np.dtype(dtype or {"label": np.int32, "mask": np.bool_, "image": np.uint16}[kind])
    levels = levels or two_levels(shape, tile)
    return OutputSpec(name, kind, axes, dtype, levels, channels, rest.pop("unit", "micrometer"))


def store_all(path: Path, spec: OutputSpec, array: np.ndarray) -> list[StoredObject]:
    """Write all tiles of all levels; `array` is level 0, the others take every factor-th pixel."""
    writer, stored = Writer(str(path), spec), []
    for number, level in enumerate(spec.levels):
        small = array[tuple(slice(None, f * n, f) for f, n in zip(level.factor, level.shape, strict=True))]
        grid = Grid(level.shape, level.tile)
        for index in grid.walk():
            box = grid.core(index)
            stored += writer.write(number, box, small[box.slices])
    return stored


def save(path: Path, arrays: dict[OutputSpec, np.ndarray], plan: str = PLAN) -> list[StoredObject]:
    create(path, list(arrays), plan=plan)
    stored = [item for spec, array in arrays.items() for item in store_all(path, spec, array)]
    commit(path, list(arrays), plan=plan, provenance={"workflow": "test", "parameters": {"sigma": 2.0}})
    return stored


def write_source(path: Path, array: np.ndarray, version: Format | None = None, factors: tuple[int, ...] = (2,)) -> None:
    """An image as ome-zarr writes it, calibrated."""
    version = version or FormatV05()
    axes = [{"name": n, "type": "space"} for n in "zyx"[-array.ndim :]]
    spacing = dict.fromkeys("zyx"[-array.ndim :], 0.25)
    reductions = [dict.fromkeys(spacing, factor) for factor in factors]
    common: dict[str, Any] = {
        "axes": axes,
        "fmt": version,
        "scale": spacing,
        "scale_factors": reductions,
        "scaler": None,
    }
    root = zarr.open_group(str(path), mode="w", zarr_format=version.zarr_format)
    ome_zarr.writer.write_image(array, root, axes_units=dict.fromkeys(spacing, "micrometer"), **common)


def read(image: Image) -> np.ndarray:
    """All pixels of an opened image."""
    assert isinstance(image.step, Source)
    return image.step.read(whole(image.spatial_shape), ChunkCache(0))


def validate(path: Path) -> None:
    """Hold a group against two validators that know nothing of tilemask."""
    yaozarrs.validate_zarr_store(str(path))
    ome_zarr_models.open_ome_zarr(zarr.open_group(path, mode="r"))


def napari_layers(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """What napari shows of a path: name to (layer type, shape)."""
    with contextlib.redirect_stdout(io.StringIO()):
        layers = napari_get_reader(str(path))(str(path))
    return {str(meta.get("name")): (kind, data[0].shape) for data, meta, kind in layers}
