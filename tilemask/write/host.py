"""What stands at the path of an output: nothing, a store of ours, or somebody else's image.

Labels may be added to an image that is already there. Then they follow it in everything: Zarr format, OME-Zarr version,
number and shape of the pyramid levels, scale and position. OME-Zarr asks for that, and only then do viewers lay the one
over the other. Consolidated metadata is never believed here, because it tells of the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import zarr
from zarr.errors import BaseZarrError
from zarr.storage import LocalStore

from tilemask.errors import InputError
from tilemask.write.layout import Level, make_level
from tilemask.write.metadata import Attributes, unwrap

MARK = "tilemask"
"""Attribute that says what tilemask wrote and whether it is complete."""

_TYPES = {"z": "space", "y": "space", "x": "space", "t": "time", "c": "channel"}

_OTHER_FORMATS = frozenset((".tif", ".tiff", ".png", ".jpg", ".jpeg", ".npy", ".npz", ".h5", ".hdf5", ".nc", ".zip"))
"""Suffixes that ask for what is not written; a folder of such a name would be opened by nothing."""

_VERSIONS: dict[int, str] = {3: "0.5", 2: "0.4"}


@dataclass(frozen=True, slots=True)
class Host:
    """A Zarr group that exists at the path of an output."""

    path: Path
    zarr_format: Literal[2, 3]
    attributes: Attributes

    @property
    def version(self) -> str:
        """The OME-Zarr version that belongs to the Zarr format."""
        return _VERSIONS[self.zarr_format]

    @property
    def mark(self) -> Attributes | None:
        """What tilemask says of the store; None where it did not make it."""
        return _mark(self.attributes)

    @property
    def image(self) -> Attributes | None:
        """The first multiscale image of the root, where there is one."""
        ome = unwrap(self.attributes, self.version)
        if not ome.get("multiscales"):
            return None
        image = dict(ome["multiscales"][0])
        found = ome.get("version") if self.zarr_format == 3 else image.get("version")
        if found != self.version:
            raise InputError(
                f"{self.path} is OME-Zarr {found} in Zarr format {self.zarr_format}; labels can be added to "
                "0.5 in Zarr 3 and to 0.4 in Zarr 2. Save into a new store."
            )
        return image

    @property
    def level_shapes(self) -> list[tuple[int, ...]]:
        """Spatial shapes of the image's levels."""
        image = self.image
        if image is None:
            return []
        shapes = []
        for dataset in image["datasets"]:
            array = zarr.open_array(LocalStore(self.path, read_only=True), path=dataset["path"], mode="r")
            shapes.append(tuple(_spatial(image["axes"], array.shape)))
        return shapes


def local_path(path: str | Path) -> Path:
    """Take the folder of a store; outputs are local, where a tile is put atomically and checked cheaply."""
    text = str(path)
    if text.startswith("file://"):
        text = text.removeprefix("file://")
    elif "://" in text:
        raise InputError(f"{text!r} is not a local path; save to a folder that all workers see, then copy it.")
    return Path(text)


def open_group(
    folder: Path, mode: Literal["r", "r+", "a"] = "r", zarr_format: Literal[2, 3] | None = None
) -> zarr.Group:
    """Open the group in a folder as its own documents describe it."""
    store = LocalStore(folder, read_only=mode == "r")
    return zarr.open_group(store, mode=mode, zarr_format=zarr_format, use_consolidated=False)


def find(path: str | Path) -> Host | None:
    """Find what stands at `path`: None for nothing or an empty folder.

    Raises
    ------
    InputError
        If a file is there, a folder that is not a Zarr group, or nothing under the name of another format.
    """
    folder = local_path(path)
    if not folder.exists():
        if folder.suffix.lower() in _OTHER_FORMATS:
            raise InputError(
                f"{folder} is named as a file of another format, and what is written is an OME-Zarr store, a folder. "
                f"Name it {folder.stem.removesuffix('.ome')}.ome.zarr."
            )
        return None
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, an OME-Zarr store is a folder; choose another path.")
    # A run that was killed before its first document was in place leaves at most a temporary file.
    if all(entry.suffix == ".partial" for entry in folder.iterdir()):
        return None
    try:
        group = open_group(folder)
    except (FileNotFoundError, BaseZarrError) as error:
        raise InputError(f"{folder} exists and is not a Zarr group; choose another path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} has Zarr metadata that cannot be read ({type(error).__name__}: {error}). The document is "
            "truncated or damaged; restore it, or choose another path."
        ) from error
    return Host(folder, group.metadata.zarr_format, group.attrs.asdict())


def marks(path: str | Path) -> dict[str, Attributes]:
    """Read what tilemask wrote into a store: per output its mark.

    Returns
    -------
    dict
        Name of the output to ``{"state": "incomplete" | "complete", "plan": ..., "kind": ...}`` and, once complete,
        the version and the provenance. Empty where there is no store or nothing of ours in it. Labels that are gone
        from a store that is incomplete, as a deletion leaves it that was killed, have the mark of the store.
    """
    host = find(path)
    if host is None:
        return {}
    found = {}
    if host.mark and host.mark.get("kind") == "image":
        found[host.mark["name"]] = host.mark
    labels = host.path / "labels"
    for folder in sorted(labels.iterdir()) if labels.is_dir() else []:
        mark = label_mark(folder)
        if mark:
            found[folder.name] = mark
    if host.mark and host.mark["state"] != "complete" and "shows" in host.mark:
        found.setdefault(host.mark["shows"].rpartition("/")[2], host.mark)
    return found


def label_mark(folder: Path) -> Attributes | None:
    """Read the mark of a label group; None where the folder is not a group or not ours."""
    try:
        return _mark(open_group(folder).attrs.asdict())
    except (FileNotFoundError, NotADirectoryError, BaseZarrError):
        return None


def _mark(attributes: Mapping[str, Any]) -> Attributes | None:
    mark = attributes.get(MARK)
    return dict(mark) if isinstance(mark, Mapping) and {"state", "plan", "kind"} <= mark.keys() else None


def source_pyramid(path: str | Path, tile: Sequence[int]) -> tuple[Level, ...]:
    """Derive the levels that labels must have to be added to the image at `path`.

    Parameters
    ----------
    path : str or Path
        An OME-Zarr image, 0.5 or 0.4.
    tile : sequence of int
        Core of a tile per spatial axis.

    Returns
    -------
    tuple of Level
        Shapes, scales and positions of the image's own levels. Level k holds every ``factor``-th pixel; its shape is
        the quotient rounded up or down, as the image has it.

    Raises
    ------
    InputError
        If there is no image, it has time points, or a level is not an integer reduction of the one before.
    """
    host = find(path)
    image = host.image if host else None
    if host is None or image is None:
        raise InputError(f"{path} is not an OME-Zarr image; labels are added to an image or saved into a new store.")
    _refuse_time(host, image)
    levels: list[Level] = []
    for number, shape in enumerate(host.level_shapes):
        scale, translation = _placement(image, number)
        factor = _factor(levels[-1], shape, scale, host.path) if levels else (1,) * len(shape)
        levels.append(make_level(shape, factor, tile, scale, translation))
    return tuple(levels)


def _factor(below: Level, shape: Sequence[int], scale: Sequence[float], path: Path) -> tuple[int, ...]:
    steps = [max(1, round(s / b)) for s, b in zip(scale, below.scale, strict=True)]
    for n, m, step in zip(shape, below.shape, steps, strict=True):
        if n not in (m // step, -(-m // step)):
            raise InputError(
                f"{path} has a level of shape {tuple(shape)} and scale {tuple(scale)} above one of {below.shape} and "
                f"{below.scale}, which is no integer reduction; save the labels into a new store."
            )
    return tuple(f * s for f, s in zip(below.factor, steps, strict=True))


def _placement(image: Mapping[str, Any], number: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and translation of a level with those of the whole image applied, spatial axes only."""
    ndim = len(image["axes"])
    scale, translation = [1.0] * ndim, [0.0] * ndim
    for transform in [
        *image["datasets"][number]["coordinateTransformations"],
        *image.get("coordinateTransformations", []),
    ]:
        if "scale" in transform:
            scale = [a * b for a, b in zip(scale, transform["scale"], strict=True)]
            translation = [a * b for a, b in zip(translation, transform["scale"], strict=True)]
        elif "translation" in transform:
            translation = [a + b for a, b in zip(translation, transform["translation"], strict=True)]
    return tuple(_spatial(image["axes"], scale)), tuple(_spatial(image["axes"], translation))


def _refuse_time(host: Host, image: Mapping[str, Any]) -> None:
    array = zarr.open_array(LocalStore(host.path, read_only=True), path=image["datasets"][0]["path"], mode="r")
    times = [n for axis, n in zip(image["axes"], array.shape, strict=True) if _type(axis) == "time"]
    if times and times[0] > 1:
        raise InputError(f"{host.path} has {times[0]} time points and labels are of one; save them into a new store.")


def _spatial(axes: Sequence[Mapping[str, Any]], values: Sequence[Any]) -> list[Any]:
    return [v for axis, v in zip(axes, values, strict=True) if _type(axis) == "space"]


def _type(axis: Mapping[str, Any]) -> str | None:
    """Of an axis that does not say it (OME-Zarr only recommends that) the type that goes with its name."""
    return axis.get("type", _TYPES.get(axis["name"]))
