"""Creating and committing OME-Zarr outputs.

An output has two lives. Created, it is plain Zarr groups and arrays that carry a mark, ``"state": "incomplete"``, and
no OME-Zarr metadata: a viewer finds nothing to show, so nobody takes half a result for a whole one. Committed, it gets
its metadata, its name in the ``labels`` list, and last of all the state ``"complete"``. Every document is replaced
atomically and every step can be done again, so a commit that was killed is simply repeated.

A store that holds labels alone still needs an image at its root: the validators refuse a root without one, and napari
opens it without a layer. So the root shows the pixels of the first labels as an image too. It points to the same
arrays, nothing is stored twice, and the mark of the root says ``"shows": "labels/<name>"``, for readers that want
labels.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import zarr
from zarr.codecs import ZstdCodec
from zarr.storage import LocalStore

from tilemask import __version__
from tilemask.errors import ChangedPlanError, IncompleteError, InputError
from tilemask.write.encoding import ZSTD_LEVEL
from tilemask.write.host import MARK, Host, find, label_mark, local_path, open_group
from tilemask.write.layout import OutputSpec
from tilemask.write.metadata import Attributes, image_attributes, label_attributes, unwrap, wrap


def create(path: str | Path, outputs: Sequence[OutputSpec], *, plan: str) -> None:
    """Make the groups and empty arrays of all outputs, marked incomplete; doing it again for one plan changes nothing.

    Parameters
    ----------
    path : str or Path
        A new store, one that this plan began, or an OME-Zarr image (0.5 or 0.4) to which labels are added.
    outputs : sequence of OutputSpec
        At most one of kind ``"image"``; all on one pixel grid, as OME-Zarr asks of an image and its labels.
    plan : str
        Identity of the plan; only the same plan may go on with this store.

    Raises
    ------
    InputError
        If the outputs cannot share a store, or something else stands at the path.
    ChangedPlanError
        If an output of the same name, or the store, belongs to another plan.
    """
    check_together(outputs)
    host = find(path)
    if host is not None:
        _check_host(host, outputs, plan)
    folder = local_path(path)
    zarr_format = host.zarr_format if host else 3
    if host is None:
        root: Attributes = {"state": "incomplete", "plan": plan, **_root_content(outputs)}
        zarr.create_group(LocalStore(folder), zarr_format=3, attributes={MARK: root})
    for spec in outputs:
        if spec.group and label_mark(folder / spec.group) is None:
            store = LocalStore(folder / spec.group)
            zarr.create_group(store, zarr_format=zarr_format, attributes={MARK: _mark(spec, plan)})
        for number in range(len(spec.levels)):
            _create_array(folder, spec, number, zarr_format)


def commit(path: str | Path, outputs: Sequence[OutputSpec], *, plan: str, provenance: Mapping[str, Any]) -> None:
    """Publish outputs whose tiles are all stored; doing it again changes nothing.

    Parameters
    ----------
    path : str or Path
        The store, as given to `create`.
    outputs : sequence of OutputSpec
        As given to `create`.
    plan : str
        As given to `create`.
    provenance : mapping
        How the pixels were made: plain JSON data, kept in the attributes of every output.

    Raises
    ------
    IncompleteError
        If an output was never created.
    ChangedPlanError
        If an output belongs to another plan.
    """
    json.dumps(dict(provenance))
    host = find(path)
    if host is None:
        raise IncompleteError(f"{path} cannot be committed: there is no store; run the save again.")
    _check_marks(host, outputs, plan)
    labels = [spec for spec in outputs if spec.group]
    for spec in labels:
        _put(host.path / spec.group, label_attributes(spec, host.version))
    if labels:
        _list_labels(host, [spec.name for spec in labels])
    done: Attributes = {"state": "complete", "plan": plan, "version": __version__, "provenance": dict(provenance)}
    own_root = host.mark is not None and host.mark["plan"] == plan
    if own_root:
        _put(host.path, _root_image(outputs, host.version))
    for spec in labels:
        _put(host.path / spec.group, {MARK: {**_mark(spec, plan), **done}})
    if own_root:
        _put(host.path, {MARK: {**_root_content(outputs), **done}})
    refresh_consolidated(host.path)


def check_together(outputs: Sequence[OutputSpec]) -> None:
    """Refuse outputs that cannot share a store: several images, or pixel grids that differ."""
    images = [spec.name for spec in outputs if spec.kind == "image"]
    if len(images) > 1:
        raise InputError(
            f"one OME-Zarr store holds one image; found {', '.join(map(repr, images))}. Save each into its own store."
        )
    shapes = {spec.name: [level.shape for level in spec.levels] for spec in outputs}
    if len({str(s) for s in shapes.values()}) != 1:
        listed = ", ".join(f"{name!r} {s[0]} with {len(s)} levels" for name, s in shapes.items())
        raise InputError(
            f"the outputs of one store share one pixel grid; found {listed or 'none'}. Use several stores."
        )


def _check_host(host: Host, outputs: Sequence[OutputSpec], plan: str) -> None:
    mark = host.mark
    if mark is None and host.image is None:
        raise InputError(f"{host.path} is a Zarr group without an OME-Zarr image; save into a new store.")
    if mark is not None and mark["plan"] != plan and mark["state"] != "complete":
        raise ChangedPlanError(f"{host.path} was begun by another plan; finish that, or use overwrite=True.")
    image = next((spec for spec in outputs if spec.kind == "image"), None)
    if image and (mark is None or mark["plan"] != plan or mark.get("name") != image.name):
        raise InputError(
            f"{host.path} already is a store and takes labels only; save the image {image.name!r} elsewhere."
        )
    shapes = host.level_shapes
    wanted = [level.shape for level in outputs[0].levels]
    if shapes and shapes != wanted:
        raise InputError(
            f"labels in {host.path} need the levels of its image, {shapes}; found {wanted}. "
            "Save into a new store, where the pixel grid is free."
        )
    for spec in outputs:
        folder = host.path / spec.group
        found = label_mark(folder) if spec.group else mark
        if spec.group and folder.exists() and found is None and any(e.suffix != ".partial" for e in folder.iterdir()):
            raise InputError(
                f"{folder} exists and was not written by tilemask; choose another name than {spec.name!r}."
            )
        if found and found["plan"] != plan:
            raise ChangedPlanError(
                f"output {spec.name!r} in {host.path} is {found['state']} and of another plan; use overwrite=True."
            )


def _check_marks(host: Host, outputs: Sequence[OutputSpec], plan: str) -> None:
    for spec in outputs:
        mark = label_mark(host.path / spec.group) if spec.group else host.mark
        if mark is None:
            raise IncompleteError(f"output {spec.name!r} was never created in {host.path}; run the save again.")
        if mark["plan"] != plan:
            raise ChangedPlanError(f"output {spec.name!r} in {host.path} belongs to plan {mark['plan']}, not {plan}.")


def _create_array(folder: Path, spec: OutputSpec, number: int, zarr_format: Literal[2, 3]) -> None:
    if _has_array(folder / spec.key(number)):
        return
    level = spec.levels[number]
    tile = spec.stored(level.tile)
    common: Attributes = {
        "name": str(number),
        "shape": spec.stored(level.shape),
        "dtype": spec.stored_dtype,
        "fill_value": 0,
        "zarr_format": zarr_format,
    }
    # A store per group, so that zarr does not write documents into the folders above, which may be somebody else's.
    store = LocalStore(folder / spec.group)
    if zarr_format == 2:
        codec: Attributes = {"id": "zstd", "level": ZSTD_LEVEL, "checksum": True}
        separator: Attributes = {"name": "v2", "separator": "/"}
        zarr.create_array(store, **common, chunks=tile, compressors=codec, chunk_key_encoding=separator)
        return
    zarr.create_array(
        store,
        **common,
        shards=tile,
        chunks=spec.stored(level.chunk, 1),
        compressors=ZstdCodec(level=ZSTD_LEVEL, checksum=True),
        dimension_names=list(spec.stored_axes),
    )


def _has_array(folder: Path) -> bool:
    return (folder / "zarr.json").is_file() or (folder / ".zarray").is_file()


def _mark(spec: OutputSpec, plan: str) -> Attributes:
    mark: Attributes = {"state": "incomplete", "plan": plan, "kind": spec.kind}
    return {**mark, "dtype": "bool"} if spec.kind == "mask" else mark


def _root_content(outputs: Sequence[OutputSpec]) -> Attributes:
    image = next((spec for spec in outputs if spec.kind == "image"), None)
    if image is None:
        shown = outputs[0]
        content = {"kind": "labels", "shows": shown.group}
        return {**content, "dtype": "bool"} if shown.kind == "mask" else content
    return {"kind": "image", "name": image.name, "levels": len(image.levels)}


def _root_image(outputs: Sequence[OutputSpec], version: str) -> Attributes:
    image = next((spec for spec in outputs if spec.kind == "image"), None)
    return image_attributes(image, version) if image else image_attributes(outputs[0], version, f"{outputs[0].group}/")


def _list_labels(host: Host, names: Sequence[str]) -> None:
    """Add names to the list by which viewers find labels; those of others stay.

    Some writers leave out the version of the list, which makes the whole image invalid; it is set in passing.
    """
    group = open_group(host.path / "labels", "a", host.zarr_format)
    content = unwrap(group.attrs.asdict(), host.version)
    listed = list(content.get("labels", []))
    content["labels"] = listed + [name for name in names if name not in listed]
    _put(host.path / "labels", wrap(content, host.version))


def _put(folder: Path, attributes: Mapping[str, Any]) -> None:
    group = open_group(folder, "r+")
    group.attrs.put({**group.attrs.asdict(), **attributes})


def refresh_consolidated(folder: Path) -> None:
    """Consolidate again what was consolidated: readers believe it and would not see what was added or taken away."""
    group = zarr.open_group(LocalStore(folder, read_only=True), mode="r")
    if group.metadata.consolidated_metadata is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", zarr.errors.ZarrUserWarning)
        zarr.consolidate_metadata(LocalStore(folder), zarr_format=group.metadata.zarr_format)
