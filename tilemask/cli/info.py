"""`tilemask info`: what an image or a store holds, read from metadata alone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tilemask.errors import IncompleteError, InputError
from tilemask.image import Image
from tilemask.planning.figures import human_bytes
from tilemask.read import open_image
from tilemask.read.addresses import is_url
from tilemask.read.ome_zarr import label_names
from tilemask.read.zarr_node import Node, open_store, read_node
from tilemask.report.result import resolutions
from tilemask.run.files import standing_files
from tilemask.run.outputs import local_path, root_of
from tilemask.write.host import marks


def describe(address: str) -> str:
    """Describe an image or a store, a line or a few per image in it, and a line per table and per file of outlines.

    Parameters
    ----------
    address : str
        A path or URL.

    Raises
    ------
    InputError
        There is nothing that can be opened.
    """
    files = [] if is_url(address) else list(_files(local_path(address)))
    if files and not Path(address).is_dir():
        return "\n".join([address, *files])
    node = _node(address)
    names = [] if node is None or node.is_array else label_names(node)
    found = _marks(address)
    lines = [address]
    if node is None or node.is_array or not names or _has_image(node):
        root = next((m for n, m in found.items() if n not in names), None)
        lines += _image(address, None, root)
    for name in names:
        lines += _image(address, name, found.get(name))
    return "\n".join(lines + files)


def _files(target: Path) -> Iterator[str]:
    """The tables and outlines that tilemask wrote there."""
    for key, mark in standing_files(target).items():
        path = root_of(target) / key
        size = f"{human_bytes(path.stat().st_size)}, " if path.is_file() else ""
        yield f"  {key}: {size}{mark['state']}, plan {mark['plan'][:12]}"


def _node(address: str) -> Node | None:
    if is_url(address):
        return read_node(address, open_store(address), "")
    path = os.path.abspath(address)
    return read_node(path, open_store(path), "") if os.path.isdir(path) else None


def _has_image(node: Node) -> bool:
    """Whether the group is an image of its own; the root of a store of labels only shows one of them."""
    mark, ome = node.attributes.get("tilemask"), node.attributes.get("ome", node.attributes)
    shows = isinstance(mark, Mapping) and "shows" in mark
    return not shows and isinstance(ome, Mapping) and bool(ome.get("multiscales"))


def _marks(address: str) -> Mapping[str, Mapping[str, Any]]:
    """What tilemask wrote there; nothing where the path is no group of a local store."""
    try:
        return {} if is_url(address) or not Path(address).is_dir() else marks(Path(address))
    except InputError:
        return {}


def _image(address: str, label: str | None, mark: Mapping[str, Any] | None) -> Iterator[str]:
    title = "image" if label is None else f"label {label}"
    try:
        levels = resolutions(lambda k: open_image(address, label=label, level=k))
    except IncompleteError:
        yield f"  {title}: incomplete; the run that writes it was never finished"
        return
    yield f"  {title}: {_shape(levels[0])}"
    if len(levels) > 1:
        yield f"    levels: {', '.join(_times(level.spatial_shape) for level in levels)}"
    if mark is not None:
        yield from _made(mark)


def _shape(image: Image) -> str:
    chunks = getattr(image.step, "chunks", None)
    size = "" if image.pixel_size is None else f", pixel {_times(image.pixel_size)} {image.unit or 'without unit'}"
    cut = "" if chunks is None else f", chunks {_times(chunks)}"
    return f"{image.axes} {_times(image.shape)} {image.dtype}{cut}{size}"


def _made(mark: Mapping[str, Any]) -> Iterator[str]:
    """How tilemask made it: state, plan, steps, values."""
    made = mark.get("provenance") or {}
    tile = f", tile {_times(made['tile'])}" if "tile" in made else ""
    yield f"    {mark['state']}, by tilemask {mark.get('version', '?')}, plan {mark['plan'][:12]}{tile}"
    steps = [_name(s["function"]) for s in made.get("steps", {}).values() if "reach" in s]
    if steps:
        yield f"    steps: {' → '.join(steps)}"
    for name, value in made.get("values", {}).items():
        yield f"    value {name}: {value['value']:g}"


def _name(function: Any) -> str:
    text = function["name"] if isinstance(function, Mapping) else str(function)
    return text.rpartition(".")[2].strip("_")


def _times(sizes: Any) -> str:
    return " × ".join(f"{s:g}" if isinstance(s, float) else str(s) for s in sizes)
