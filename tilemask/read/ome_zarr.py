"""Images and labels in Zarr groups: OME-Zarr 0.1 to 0.5, and what tilemask itself records there.

The metadata is read leniently (a public image with a harmless flaw must open) but never guessed: what is needed and not
there is an error that says so. A group that tilemask has not finished is refused, because its missing tiles would read
as background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tilemask.errors import IncompleteError, InputError
from tilemask.image import Image
from tilemask.read.addresses import is_url
from tilemask.read.axes import Selection, canonical
from tilemask.read.zarr_array import zarr_image
from tilemask.read.zarr_node import Node, open_store, read_node


def open_node(node: Node, selection: Selection) -> Image:
    """The image of an array, of an OME-Zarr image, or of one of the labels in a group."""
    if node.is_array:
        return _plain_array(node, selection)
    if selection.label is not None:
        return _multiscale(_label(node, selection.label), selection)
    # The root of a store of labels alone shows the first of them to viewers as an image; here it is no image.
    shows_labels = "shows" in (node.attributes.get("tilemask") or {})
    if _multiscales(node) and not shows_labels:
        return _multiscale(node, selection)
    _check_complete(node)
    names = label_names(node)
    if len(names) == 1:
        return open_node(node, replace(selection, label=names[0]))
    if names:
        raise InputError(
            f"{node.name} has no image, but several labels: {', '.join(map(repr, names))}. Choose one, as in "
            f"label={names[0]!r}."
        )
    return _series(node, selection)


def label_names(node: Node) -> list[str]:
    """The labels of a group, in the order of its list; labels that are not in the list yet come last."""
    labels = node.child("labels")
    if labels is None or labels.is_array:
        return []
    listed = [str(n) for n in _ome(labels).get("labels") or []]
    return listed + [n for n in labels.children() if n not in listed]


def _plain_array(node: Node, selection: Selection) -> Image:
    for option, given in (("level", selection.level or None), ("label", selection.label)):
        if given is not None:
            raise InputError(
                f"{option}={given!r} was asked for, but {node.name} is a single array. Open the group that holds it."
            )
    around = _enclosing(node)
    if around is None:
        return zarr_image(node, selection)
    _check_complete(around)
    return zarr_image(node, selection, mask=_is_mask(around))


def _enclosing(node: Node) -> Node | None:
    """The group around an array: the record of tilemask is there, and holds for a level opened by its own path too."""
    if node.path:
        return read_node(node.where, node.store, node.path.rpartition("/")[0])
    if isinstance(node.where, str) and not is_url(node.where):
        parent = str(Path(node.where).parent)
        return read_node(parent, open_store(parent), "")
    return None


def _label(node: Node, name: str) -> Node:
    found = node.child(f"labels/{name}")
    if found is None or found.is_array:
        names = label_names(node)
        there = f"its labels are {', '.join(map(repr, names))}" if names else "it has no labels"
        raise InputError(
            f"label={name!r} was asked for, but {there} ({node.name}). Choose one of its labels, or leave label= out."
        )
    return found


def _series(node: Node, selection: Selection) -> Image:
    """The only image of a converted microscope file (layout of bioformats2raw), or an error that says what is there."""
    names = list(node.children())
    if "bioformats2raw.layout" in _ome(node):
        series = [n for n in names if n.isdigit()]
        child = node.child(series[0]) if len(series) == 1 else None
        if child is not None:
            return open_node(child, selection)
    there = (
        f"it holds {', '.join(map(repr, names[:10]))}{', …' if len(names) > 10 else ''}"
        if names
        else "it holds nothing"
    )
    raise InputError(
        f"{node.name} is a Zarr group without OME-Zarr metadata of an image or labels; {there}. "
        "Open an image or an array in it by its path."
    )


def _multiscale(node: Node, selection: Selection) -> Image:
    _check_complete(node)
    found = _multiscales(node)
    if not found:
        raise InputError(
            f"{node.name} has no multiscales metadata, so it is not an image yet. If a run writes it, wait or resume "
            "the run."
        )
    scales = found[0]
    datasets = scales.get("datasets") or []
    if not isinstance(selection.level, int) or not 0 <= selection.level < len(datasets):
        raise InputError(
            f"level={selection.level!r} was asked for, but {node.name} has levels 0 to {len(datasets) - 1}. Choose "
            "one of them."
        )
    dataset = datasets[selection.level]
    array = node.child(str(dataset["path"]))
    if array is None or not array.is_array:
        raise InputError(
            f"{node.name}: level {selection.level} should be the array {dataset['path']!r}, which does not exist. "
            "The store is incomplete; copy or write it again."
        )
    axes, units = _axes(scales, len(array.document.get("shape", ())), array.name)
    sizes = _sizes(axes, units, dataset, scales)
    names = [str(c.get("label", n)) for n, c in enumerate((_ome(node).get("omero") or {}).get("channels") or [])]
    return zarr_image(array, selection, axes=axes, sizes=sizes, channel_names=names, mask=_is_mask(node))


def _ome(node: Node) -> Mapping[str, Any]:
    """The OME metadata: under "ome" since 0.5, among the attributes before."""
    ome = node.attributes.get("ome")
    return ome if isinstance(ome, Mapping) else node.attributes


def _multiscales(node: Node) -> list[Mapping[str, Any]]:
    return list(_ome(node).get("multiscales") or [])


def _axes(scales: Mapping[str, Any], ndim: int, what: str) -> tuple[str, Sequence[str | None]]:
    given = scales.get("axes")
    if given is None:
        # OME-Zarr 0.1 and 0.2 have five axes in one order, and say so nowhere.
        given = list("tczyx") if ndim == 5 else list("zyx"[-ndim:])
    axes = [a if isinstance(a, Mapping) else {"name": str(a)} for a in given]
    names = [str(a.get("name", "")) for a in axes]
    typed = [{"time": "t", "channel": "c"}.get(str(a.get("type")), n) for a, n in zip(axes, names, strict=True)]
    letters = canonical(typed)
    if letters is None or len(letters) != ndim:
        raise InputError(
            f"{what} has {ndim} axes, its metadata names {', '.join(names)}; one each of t, c, z, y and x is "
            "understood. Open the array by its path and name them with axes=."
        )
    return letters, [a.get("unit") for a in axes]


def _sizes(
    axes: str, units: Sequence[str | None], dataset: Mapping[str, Any], scales: Mapping[str, Any]
) -> dict[str, tuple[float, str | None]]:
    """Pixel size and unit per axis: the scale of the level times the scale of the whole pyramid."""
    total = [1.0] * len(axes)
    known = False
    for transforms in (dataset.get("coordinateTransformations"), scales.get("coordinateTransformations")):
        for transform in transforms or []:
            scale = transform.get("scale")
            if transform.get("type") == "scale" and isinstance(scale, Sequence) and len(scale) == len(axes):
                total = [a * float(b) for a, b in zip(total, scale, strict=True)]
                known = True
    return {a: (s, u) for a, s, u in zip(axes, total, units, strict=True)} if known else {}


def _check_complete(node: Node) -> None:
    record = node.attributes.get("tilemask")
    if isinstance(record, Mapping) and record.get("state", "complete") != "complete":
        raise IncompleteError(
            f"{node.name} is not complete: the run that writes it was never finished, and missing tiles would read as "
            "background. Run the same command again to resume it."
        )


def _is_mask(node: Node) -> bool:
    record = node.attributes.get("tilemask")
    return isinstance(record, Mapping) and record.get("dtype") == "bool"
