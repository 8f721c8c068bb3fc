"""Which axes an array has, which of them are picked on opening, and in which order the rest becomes an image.

Files store their axes in any order and number; an image has yx or zyx and perhaps a last c. The difference is settled
once, on opening, and kept as a `Layout`, so that reading a chunk is an index and a transposition. Axes of length 1 are
dropped where the file names its axes (there they are formality: OME-TIFF and OME-Zarr 0.1 to 0.3 always have five), and
kept where the user says what they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError

MEANINGS = {"time": "t", "channel": "c", "s": "c", "sample": "c", "band": "c", "plane": "z", "row": "y", "column": "x"}
"""Axis names that files use besides t, c, z, y and x."""

# fmt: off
UNITS = {
    "µm": "micrometer", "μm": "micrometer", "um": "micrometer", "micron": "micrometer", "\\u00b5m": "micrometer",
    "nm": "nanometer", "mm": "millimeter", "cm": "centimeter", "m": "meter", "km": "kilometer", "å": "angstrom",
    "pm": "picometer",
}
# fmt: on
"""Symbols of units, lower case, and their names in OME-Zarr."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the caller of `open_image` asked for."""

    level: int = 0
    channel: int | str | None = None
    label: str | None = None
    t: int | None = None
    z: int | None = None
    axes: str | None = None
    channel_axis: int | None = None
    strict: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """How an array becomes an image."""

    picks: tuple[tuple[int, int], ...]
    """(array axis, index) of the axes that are not in the image."""
    order: tuple[int, ...]
    """The other array axes, in the order of the image."""
    axes: str
    """Axes of the image."""

    def of(self, values: Sequence[int]) -> tuple[int, ...]:
        """Values per array axis (a shape, chunks), per image axis."""
        return tuple(int(values[a]) for a in self.order)

    def cut(self, array: NDArray[Any], picks: Sequence[tuple[int, int]]) -> NDArray[Any]:
        """Take `picks` out of an array with all axes, and order the others as in the image; a view."""
        index: list[Any] = [slice(None)] * array.ndim
        for axis, at in picks:
            index[axis] = at
        kept = sorted(self.order)
        part: NDArray[Any] = array[tuple(index)].transpose([kept.index(a) for a in self.order])
        return part


def arrange(
    shape: Sequence[int],
    selection: Selection,
    what: str,
    *,
    named: str | None = None,
    channel_names: Sequence[str] = (),
) -> Layout:
    """The layout of an array of this shape, whose file names its axes `named`; `what` is for the messages."""
    axes = _names(shape, selection, what, named)
    sizes = dict(zip(axes, shape, strict=True))
    wanted = {"t": selection.t, "z": selection.z, "c": _channel(sizes, selection.channel, channel_names, what)}
    picks = {}
    for axis, index in wanted.items():
        if index is not None:
            _check_index(axis, index, sizes, what)
        if axis in sizes and index is not None:
            picks[axis] = int(index)
        elif axis in sizes and sizes[axis] == 1 and (axis == "t" or (selection.axes is None and named is not None)):
            picks[axis] = 0
    if "t" in sizes and "t" not in picks:
        raise InputError(
            f"{what} has {sizes['t']} time points (axes {axes}, shape {tuple(shape)}); an image has none. "
            f"Choose one with t=0 to t={sizes['t'] - 1}."
        )
    image = "".join(a for a in "zyxc" if a in sizes and a not in picks)
    return Layout(
        tuple(sorted((axes.index(a), i) for a, i in picks.items())), tuple(axes.index(a) for a in image), image
    )


def canonical(names: Sequence[str]) -> str | None:
    """Axis names of a file as letters of "tczyx", or None where one of them is not known."""
    letters = [n.lower() if len(n) == 1 and n.lower() in "tczyx" else MEANINGS.get(n.lower(), "") for n in names]
    return "".join(letters) if all(letters) and len(set(letters)) == len(letters) else None


def pixel_extent(
    axes: str, sizes: Mapping[str, tuple[float, str | None]]
) -> tuple[tuple[float, ...] | None, str | None]:
    """Pixel size and unit of the spatial axes; nothing where one is unknown or the units differ."""
    known = [sizes.get(a) for a in axes if a != "c"]
    units = {k[1] for k in known if k is not None}
    if None in known or len(units) != 1:
        return None, None
    return tuple(k[0] for k in known if k is not None), units.pop()


def _names(shape: Sequence[int], selection: Selection, what: str, named: str | None) -> str:
    if selection.axes is not None:
        axes = selection.axes.lower()
        if (
            len(axes) != len(shape)
            or len(set(axes)) != len(axes)
            or set(axes) - set("tczyx")
            or not set("yx") <= set(axes)
        ):
            raise InputError(
                f"axes={selection.axes!r} cannot name the {len(shape)} axes of {what} (shape {tuple(shape)}); give one "
                "letter of t, c, z, y, x per axis, with y and x, as in axes='cyx'."
            )
        return axes
    if selection.channel_axis is not None:
        return _with_channel(shape, selection.channel_axis, what, named)
    if named is not None:
        if not set("yx") <= set(named):
            raise InputError(
                f"{what} has axes {named} (shape {tuple(shape)}); an image needs y and x. Name them with axes=."
            )
        return named
    if len(shape) not in (2, 3):
        raise InputError(
            f"{what} has {len(shape)} axes (shape {tuple(shape)}) without names; 2 (yx) and 3 (zyx) are understood. "
            "Name them, as in axes='cyx'."
        )
    return "zyx"[-len(shape) :]


def _with_channel(shape: Sequence[int], channel_axis: int, what: str, named: str | None) -> str:
    if named is not None:
        raise InputError(
            f"channel_axis={channel_axis} was given, but {what} names its axes itself: {named}. Leave it out."
        )
    ndim = len(shape)
    if ndim not in (3, 4) or not -ndim <= channel_axis < ndim:
        raise InputError(
            f"channel_axis={channel_axis} does not fit {what}, which has {ndim} axes (shape {tuple(shape)}); an image "
            "with channels has 3 (yx and c) or 4 (zyx and c)."
        )
    spatial = list("zyx"[-(ndim - 1) :])
    spatial.insert(channel_axis % ndim, "c")
    return "".join(spatial)


def _channel(sizes: Mapping[str, int], channel: int | str | None, names: Sequence[str], what: str) -> int | None:
    if not isinstance(channel, str):
        return channel
    if list(names).count(channel) == 1:
        return list(names).index(channel)
    found = f"its channels are called {', '.join(map(repr, names))}" if names else "its channels have no names"
    raise InputError(
        f"channel={channel!r} was asked for, but {found} ({what}). Choose one by its number, channel=0 to "
        f"channel={sizes.get('c', 1) - 1}{', or by a name that occurs once' if names else ''}."
    )


def _check_index(axis: str, index: int, sizes: Mapping[str, int], what: str) -> None:
    size, option = sizes.get(axis, 1), {"c": "channel"}.get(axis, axis)
    if not isinstance(index, int | np.integer) or isinstance(index, bool):
        raise InputError(f"{option}= takes a number; found {index!r}.")
    if 0 <= index < size:
        return
    if axis not in sizes:
        raise InputError(
            f"{option}={index} was asked for, but {what} has no axis {axis} (axes {''.join(sizes)}). Leave it out."
        )
    raise InputError(f"{option}={index} was asked for, but {what} has {option} 0 to {size - 1}. Choose one of them.")
