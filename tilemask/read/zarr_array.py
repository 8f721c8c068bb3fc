"""Zarr arrays as places: opened by path or URL in every process, decoded by file where that is possible."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
import zarr.storage
from numpy.typing import NDArray
from zarr.abc.store import Store
from zarr.core.sync import sync

from tilemask.errors import InputError
from tilemask.image import Image
from tilemask.read.addresses import is_url, without_secrets
from tilemask.read.axes import Selection, arrange, canonical, pixel_extent
from tilemask.read.chunked import ChunkedSource, opened
from tilemask.read.retries import patiently
from tilemask.read.zarr_decode import decoder
from tilemask.read.zarr_node import Node, check_array, open_array, open_store, read_node


@dataclass(frozen=True, eq=False, slots=True)
class HeldStore:
    """A store that has no path: it travels as it is, and is equal only to itself and its copies."""

    store: Store
    token: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeldStore) and other.token == self.token

    def __hash__(self) -> int:
        return hash(self.token)


@dataclass(frozen=True, slots=True)
class ZarrPlace:
    """An array in a store."""

    where: str | HeldStore
    path: str
    digest: str
    """sha256 of the metadata document without its attributes."""
    strict: bool

    @property
    def name(self) -> str:
        root = without_secrets(self.where if isinstance(self.where, str) else str(self.where.store))
        return f"{root.rstrip('/')}/{self.path}" if self.path else root

    def open(self) -> FileReader | StoreReader:
        where = self.where if isinstance(self.where, str) else self.where.store
        node = read_node(where, open_store(where), self.path)
        if node is None or not node.is_array or _digest(node) != self.digest:
            found = "it is gone" if node is None else "its metadata is another"
            raise InputError(f"{self.name} was opened before, but now {found}. Open the image again.")
        check_array(node)
        array = open_array(node)
        if isinstance(where, str) and not is_url(where):
            way = decoder(node.document, array.dtype)
            if way is not None:
                return FileReader(array, Path(where) / self.path, node.document, way)
        return StoreReader(array, self.strict)

    def identity(self) -> dict[str, Any]:
        if isinstance(self.where, str):
            where = without_secrets(self.where)
        elif isinstance(self.where.store, zarr.storage.FsspecStore | zarr.storage.ObjectStore | zarr.storage.ZipStore):
            where = without_secrets(str(self.where.store))
        else:
            where = f"memory:{self.where.token}"
        return {"zarr": where, "array": self.path, "metadata": self.digest}


class FileReader:
    """An array of local files."""

    def __init__(self, array: zarr.Array[Any], folder: Path, document: Mapping[str, Any], way: Any) -> None:
        self.shape, self.chunks, self.dtype, self.fill = _facts(array)
        self._way = way
        self._folder = folder
        self._metadata = folder / (".zarray" if document["zarr_format"] == 2 else "zarr.json")
        self._key = array.metadata.encode_chunk_key

    def chunk(self, index: tuple[int, ...]) -> NDArray[Any] | None:
        chunk: NDArray[Any] | None = self._way.chunk(index, self._path)
        # A chunk may be missing; a volume that is no longer mounted must not read as background.
        if chunk is None and not self._metadata.exists():
            raise FileNotFoundError(f"{self._metadata} no longer exists")
        return chunk

    def _path(self, index: tuple[int, ...]) -> Path:
        return self._folder / self._key(index)


class StoreReader:
    """An array in any other store, or with codecs that only zarr-python knows."""

    def __init__(self, array: zarr.Array[Any], strict: bool) -> None:
        self.shape, self.chunks, self.dtype, self.fill = _facts(array)
        self._array = array
        self._strict = strict

    def chunk(self, index: tuple[int, ...]) -> NDArray[Any] | None:
        return patiently(lambda: self._chunk(index))

    def _chunk(self, index: tuple[int, ...]) -> NDArray[Any] | None:
        if self._strict and not self._stored(index):
            return None
        return np.asarray(self._array[tuple(slice(i * c, i * c + c) for i, c in zip(index, self.chunks, strict=True))])

    def _stored(self, index: Sequence[int]) -> bool:
        """Whether the object with this chunk exists; inside a shard zarr-python does not tell."""
        units = self._array.shards or self.chunks
        key = self._array.metadata.encode_chunk_key(
            tuple(i * c // u for i, c, u in zip(index, self.chunks, units, strict=True))
        )
        return sync(self._array.store.exists(f"{self._array.path}/{key}".lstrip("/")))


def zarr_image(
    node: Node,
    selection: Selection,
    *,
    axes: str | None = None,
    sizes: Mapping[str, tuple[float, str | None]] | None = None,
    channel_names: Sequence[str] = (),
    mask: bool = False,
) -> Image:
    """The image of a Zarr array; axes and pixel sizes as far as the group around it tells."""
    check_array(node)
    if not node.document.get("shape"):
        raise InputError(f"{node.name} has shape {node.document.get('shape')}; an image has 2 axes or more.")
    where = node.where if isinstance(node.where, str) else HeldStore(node.where)
    place = ZarrPlace(where, node.path, _digest(node), selection.strict)
    reader = opened(place)
    if axes is None:
        names = node.document.get("dimension_names") or node.attributes.get("_ARRAY_DIMENSIONS") or ()
        axes = canonical([str(n) for n in names]) if len(names) == len(reader.shape) else None
        if (
            names
            and axes is None
            and len(reader.shape) > 2
            and not (selection.axes or selection.channel_axis is not None)
        ):
            raise InputError(
                f"{node.name} calls its axes {', '.join(map(str, names))}, which are not all known. Name them, as in "
                "axes='cyx'."
            )
    layout = arrange(reader.shape, selection, node.name, named=axes, channel_names=channel_names)
    dtype = np.dtype(bool) if mask else reader.dtype.newbyteorder("=")
    source = ChunkedSource(place, layout, reader.shape, reader.chunks, dtype, mask, selection.strict)
    size, unit = pixel_extent(layout.axes, sizes or {})
    return Image(source.shape, dtype, layout.axes, source, size, unit)


def _facts(array: zarr.Array[Any]) -> tuple[tuple[int, ...], tuple[int, ...], np.dtype[Any], Any]:
    fill = array.fill_value
    return array.shape, array.chunks, array.dtype, array.dtype.type(0) if fill is None else fill


def _digest(node: Node) -> str:
    document = {k: v for k, v in node.document.items() if k not in ("attributes", "consolidated_metadata")}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
