"""What a run writes and reads: the names, places and layouts of its outputs, and the paths of its inputs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from tilemask.errors import InputError
from tilemask.image import ArraySource, Image, Value
from tilemask.image.region import is_labels
from tilemask.planning import Plan
from tilemask.planning.graph import regions_of, sources_of
from tilemask.read.addresses import is_url
from tilemask.read.chunked import ChunkedSource
from tilemask.write.formats import is_file_name
from tilemask.write.host import find, source_pyramid
from tilemask.write.layout import OutputSpec, make_level
from tilemask.write.ome_zarr import check_together

SHIPPED_BYTES = 64 << 20
"""Arrays in memory larger than this are not sent to workers."""


LONGEST_NAME = 200


def state_folder(target: Path) -> Path:
    """Where the state of runs into a store lies: beside it, so that a copy of the store claims nothing."""
    return target.with_name(f"{target.name}.tilemask")


def run_folder(target: Path, names: Iterable[str]) -> Path:
    """The folder of the runs that write outputs of these names together."""
    name = "+".join(sorted(names))
    if len(name) > LONGEST_NAME or ".json" in name:  # too long for a file system, or the name of a record
        name = f"{name[:LONGEST_NAME]}+{sha256(name.encode()).hexdigest()[:16]}"
    return state_folder(target) / name


def root_of(target: Path) -> Path:
    """What the keys of stored objects are relative to: the store, or the folder of an output that is one file."""
    return target.parent if is_file_name(target.name) else target


def local_path(path: str | Path) -> Path:
    """The path of an output, absolute."""
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"an output needs a path; found {path!r}.")
    text = str(path)
    if "://" in text and not text.startswith("file://"):
        raise InputError(f"{text!r} is not a local path; save to a folder that every worker sees, then copy it.")
    return Path(os.path.abspath(text.removeprefix("file://")))


def named(images: Image | Value | Mapping[str, Image | Value], target: Path) -> dict[str, Image | Value]:
    """Outputs by name; a single image is named after the store, with what no output may be called replaced."""
    if isinstance(images, Image | Value):
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", target.name.partition(".")[0]).strip("-_")
        return {plain[:64] or "image": images}
    if not isinstance(images, Mapping):
        raise InputError(
            f"an image, or a dict of images and values, can be saved; found {type(images).__name__}. Open arrays and "
            "files with tilemask.open_image(...)."
        )
    named = dict(images)
    for name, output in named.items():
        if not isinstance(output, Image | Value):
            raise InputError(
                f"output {name!r} is a {type(output).__name__}; images and values can be saved. Open arrays and files "
                "with tilemask.open_image(...)."
            )
    if not named:
        raise InputError("there is nothing to save: no image and no value was given.")
    return named


def specs_of(made: Plan, target: Path) -> list[OutputSpec]:
    """The layout of every image that is saved; labels that join an image take over its levels."""
    if not any(isinstance(output, Image) for output in made.outputs.values()):
        return []
    host = find(target)
    added = host is not None and host.mark is None
    specs = []
    for name, image in made.outputs.items():
        if not isinstance(image, Image):
            continue
        if added:
            levels = source_pyramid(target, made.tile)
            if levels[0].shape != image.spatial_shape:
                raise InputError(
                    f"{name!r} has shape {image.spatial_shape} and the image in {target} {levels[0].shape}; labels can "
                    "join an image of their own shape. Save into a new store."
                )
        else:
            size = image.pixel_size or (1.0,) * len(image.spatial_shape)
            levels = tuple(
                make_level(
                    shape,
                    factor,
                    made.tile,
                    [f * s for f, s in zip(factor, size, strict=True)],
                    [(f - 1) / 2 * s for f, s in zip(factor, size, strict=True)],
                )
                for shape, factor in made.levels[name]
            )
        kind: Any = "mask" if image.dtype == bool else "label" if is_labels(image) else "image"
        channels = image.channels if image.axes.endswith("c") else None
        specs.append(OutputSpec(name, kind, image.axes, image.dtype, levels, channels, image.unit))
    check_together(specs)
    return specs


def check_target(outputs: Mapping[str, Image | Value], specs: Sequence[OutputSpec], target: Path) -> None:
    """Refuse to write over what is read; labels may be added to the store that an input lies in.

    Raises
    ------
    InputError
        Names the input that the output is, holds, or lies in.
    """
    for source in map(Path, local_sources(outputs)):
        over = [s.name for s in specs if target / s.group in (source, *source.parents)]
        if over or source in target.parents:
            raise InputError(
                f"the output {target} ({', '.join(over) or 'all of it'}) would lie in, or over, the input {source}. "
                "Masks and labels can be added to an OME-Zarr input under a name of their own; anything else needs a "
                "path of its own."
            )


def local_sources(outputs: Mapping[str, Image | Value]) -> list[str]:
    """Paths of the files and stores that are read."""
    read = [*sources_of(outputs), *(r.mask for r in regions_of(outputs))]
    names = {s.place.name for s in read if isinstance(s, ChunkedSource)}
    return sorted(os.path.abspath(n) for n in names if not is_url(n))


def check_arrays(outputs: Mapping[str, Image | Value]) -> None:
    """Refuse arrays in memory that are too large to be sent to workers."""
    for source in sources_of(outputs):
        if isinstance(source, ArraySource) and source.array.nbytes > SHIPPED_BYTES:
            raise InputError(
                f"an array in memory (shape {source.shape}, {source.dtype}) would have to be sent to every worker. "
                "Save it as Zarr on a path that all workers see, and open that."
            )


def sweep(target: Path, specs: Sequence[OutputSpec]) -> None:
    """Delete the temporary files of workers that were killed; nobody else reads or counts them."""
    for spec in specs:
        for litter in (target / spec.group).rglob("*.partial"):
            litter.unlink(missing_ok=True)
