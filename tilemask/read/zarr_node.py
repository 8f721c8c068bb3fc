"""Zarr stores and what lies in them: metadata documents, read before zarr-python acts on them.

The documents are read first on purpose. Zarr v2 names codecs that run code from the data (`pickle`), and opening
resolves codec names through plug-ins; so the codecs are compared with a list of harmless ones while they are still
text. Local paths always go through `LocalStore`: the same files through fsspec are written without atomic renames and
read no faster.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
import zarr.storage
from zarr.abc.store import Store
from zarr.buffer import default_buffer_prototype
from zarr.core.sync import sync

from tilemask.errors import InputError
from tilemask.image import check_dtype
from tilemask.read.addresses import is_url, without_secrets, without_secrets_in
from tilemask.read.retries import patiently

# fmt: off
CODECS = frozenset({
    "bytes", "endian", "transpose", "sharding_indexed", "zstd", "gzip", "blosc", "zlib", "bz2", "lzma", "lz4",
    "delta", "shuffle", "packbits", "fixedscaleoffset", "quantize", "bitround", "astype", "pcodec", "zfpy",
    "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3",
})
# fmt: on
"""Codecs that only turn bytes into pixels."""


def open_store(where: str | Store) -> Store:
    """The store at an absolute path or a URL; a store stays what it is."""
    if not isinstance(where, str):
        return where
    if not is_url(where):
        return zarr.storage.LocalStore(where, read_only=True)
    try:
        return zarr.storage.FsspecStore.from_url(where, read_only=True)
    except Exception as error:
        raise InputError(
            f"{without_secrets(where)} cannot be reached ({type(error).__name__}: {without_secrets_in(error)}). Check "
            "the address; fsspec needs a package per protocol: pip install 'tilemask[http]' for https://, "
            "'tilemask[s3]' for s3://."
        ) from error


def place_of_store(store: Store) -> str | Store:
    """The absolute path of a local store, else the store itself."""
    if isinstance(store, zarr.storage.LocalStore):
        return str(store.root.absolute())
    if isinstance(store, zarr.storage.FsspecStore):
        # dask.array.from_zarr opens local paths through a wrapper around the local file system.
        system = getattr(store.fs, "sync_fs", store.fs)
        protocols = system.protocol if isinstance(system.protocol, tuple) else (system.protocol,)
        if "file" in protocols:
            return str(store.path)
    return store


@dataclass(frozen=True, slots=True)
class Node:
    """A group or an array, as its metadata document describes it."""

    where: str | Store
    store: Store
    path: str
    document: Mapping[str, Any]
    attributes: Mapping[str, Any]
    is_array: bool

    @property
    def name(self) -> str:
        """Path or address, for messages."""
        root = without_secrets(self.where) if isinstance(self.where, str) else without_secrets(str(self.where))
        return f"{root.rstrip('/')}/{self.path}" if self.path else root

    def child(self, path: str) -> Node | None:
        """The node at a path below this one."""
        if ".." in path.split("/"):
            raise InputError(f"{self.name}: the path {path!r} leaves the store; the metadata is not to be trusted.")
        return read_node(self.where, self.store, f"{self.path}/{path}".strip("/"))

    def children(self) -> Iterator[str]:
        """Names of the nodes right below, where the store can list them."""
        if self.store.supports_listing:
            group = zarr.open_group(self.store, path=self.path, mode="r", use_consolidated=False)
            yield from sorted(group.keys())


def read_node(where: str | Store, store: Store, path: str) -> Node | None:
    """The node at `path`, Zarr v3 before v2; None where there is none."""
    document = _document(where, store, path, "zarr.json")
    if document is not None:
        is_array = document.get("node_type") == "array"
        return Node(where, store, path, document, document.get("attributes") or {}, is_array)
    for name in (".zarray", ".zgroup"):
        document = _document(where, store, path, name)
        if document is not None:
            attributes = _document(where, store, path, ".zattrs") or {}
            return Node(where, store, path, document, attributes, name == ".zarray")
    return None


def check_array(node: Node) -> None:
    """Refuse, before a chunk is read, pixels that are not numbers and codecs that are not known to be harmless."""
    document = node.document
    stored = document.get("dtype", document.get("data_type"))
    try:
        dtype = np.dtype(stored if isinstance(stored, str) else [tuple(f) for f in stored])
    except (TypeError, ValueError):
        dtype = np.dtype(object)
    if dtype.kind not in "biuf":
        raise InputError(
            f"{node.name} has dtype {stored}; tilemask works on bool, integers of 8 to 64 bits, float32 and float64. "
            "Convert it first."
        )
    check_dtype(dtype, node.name)
    if document.get("zarr_format") == 2:
        named = [c.get("id", "?") for c in [document.get("compressor"), *(document.get("filters") or [])] if c]
    else:
        named = list(_v3_codecs(document.get("codecs", ())))
    for codec in named:
        if codec.removeprefix("numcodecs.").lower() not in CODECS:
            raise InputError(
                f"{node.name} is stored with the codec {codec!r}, which is not among those that only decode pixels "
                "(pickle, for example, runs code from the file). Store it again with zstd, blosc or gzip, on a "
                "machine that trusts it."
            )


def open_array(node: Node) -> zarr.Array[Any]:
    """The zarr array of a node that has been checked."""
    try:
        return zarr.open_array(node.store, path=node.path, mode="r", zarr_format=node.document["zarr_format"])
    except Exception as error:
        raise InputError(
            f"{node.name} has Zarr metadata that zarr-python cannot open ({type(error).__name__}: {error}). "
            "The metadata document may be damaged, or of a version that is not known yet."
        ) from error


def _v3_codecs(codecs: Any) -> Iterator[str]:
    for codec in codecs:
        if isinstance(codec, str):
            yield codec
            continue
        yield codec.get("name", "?")
        settings = codec.get("configuration") or {}
        yield from _v3_codecs(settings.get("codecs", ()))
        yield from _v3_codecs(settings.get("index_codecs", ()))


def _document(where: str | Store, store: Store, path: str, name: str) -> Mapping[str, Any] | None:
    key = f"{path}/{name}".lstrip("/")
    shown = without_secrets(where if isinstance(where, str) else str(where))
    try:
        raw = patiently(lambda: sync(store.get(key, default_buffer_prototype())))
    except Exception as error:
        raise InputError(
            f"{shown}: {key} cannot be read ({type(error).__name__}: {without_secrets_in(error)}). Check the address "
            "and the permissions."
        ) from error
    if raw is None:
        return None
    try:
        document = json.loads(raw.to_bytes())
    except ValueError as error:
        raise InputError(
            f"{shown}: {key} is not valid JSON ({error}). The file is truncated or damaged; restore it."
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{shown}: {key} is not a Zarr metadata document. The file is damaged; restore it.")
    return document
