"""OME-Zarr metadata as plain dictionaries, for versions 0.5 (Zarr 3) and 0.4 (Zarr 2).

Plain dictionaries on purpose: the models of yaozarrs write a label value as 1.0, which napari takes for no label. The
tests hold what is built here against yaozarrs and ome-zarr-models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tilemask.write.layout import OutputSpec

Attributes = dict[str, Any]

_MASK_COLOR = [255, 200, 0, 255]


def multiscales(spec: OutputSpec, version: str, folder: str = "") -> list[Attributes]:
    """Build the `multiscales` of an output; `folder` leads from the group that carries them to the arrays."""
    axes: list[Attributes] = [{"name": "c", "type": "channel"}] if spec.channels is not None else []
    for axis in spec.spatial_axes:
        axes.append({"name": axis, "type": "space", **({"unit": spec.unit} if spec.unit else {})})
    channel = [] if spec.channels is None else [1.0]
    datasets = [
        {
            "path": f"{folder}{number}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [*channel, *level.scale]},
                {"type": "translation", "translation": [*(0.0 for _ in channel), *level.translation]},
            ],
        }
        for number, level in enumerate(spec.levels)
    ]
    entry = {
        "name": spec.name,
        "type": "mean" if spec.kind == "image" else "nearest",
        "axes": axes,
        "datasets": datasets,
    }
    return [entry if version == "0.5" else {"version": version, **entry}]


def image_attributes(spec: OutputSpec, version: str, folder: str = "") -> Attributes:
    """Build the attributes of a group that is an image."""
    return wrap({"multiscales": multiscales(spec, version, folder)}, version)


def label_attributes(spec: OutputSpec, version: str) -> Attributes:
    """Build the attributes of a group that is a label image; a mask gets a colour, labels are left to the viewer."""
    label: Attributes = {"version": version, "source": {"image": "../../"}}
    if spec.kind == "mask":
        label["colors"] = [{"label-value": 1, "rgba": _MASK_COLOR}]
    return wrap({"multiscales": multiscales(spec, version), "image-label": label}, version)


def unwrap(attributes: Mapping[str, Any], version: str) -> Attributes:
    """Take what OME-Zarr says about a group: under ``ome`` in 0.5, among the other attributes in 0.4."""
    content = attributes.get("ome", {}) if version == "0.5" else attributes
    return dict(content) if isinstance(content, Mapping) else {}


def wrap(content: Mapping[str, Any], version: str) -> Attributes:
    """Make the attributes that say `content` in this version."""
    return {"ome": {"version": version, **content}} if version == "0.5" else dict(content)
