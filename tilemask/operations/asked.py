"""What is asked of objects: checked at the call, and turned into what the tiles must collect."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tilemask.errors import InputError
from tilemask.image import Image, map_tiles, require_one_shape, require_scalar_pixels
from tilemask.operations.properties import PROPERTIES
from tilemask.stitch.intensities import is_short
from tilemask.stitch.moments import Orders, orders_each_up_to, orders_up_to
from tilemask.stitch.patterns import edge_classes, euler_shares, neighbour_bits

_PATTERNS: dict[str, tuple[Callable[..., Any], int, Any, float, float]] = {
    "edges": (edge_classes, 2, np.uint8, 18.0, 13.0),
    "quads": (neighbour_bits, 1, np.uint8, 9.0, 11.0),
    "euler": (euler_shares, 1, np.int16, 32.0, 16.0),
}
"""Per pattern of neighbours: its kernel, reach, dtype, cost and workspace."""
_DETAILS = {
    "image totals": ("totals",),
    "image squares": ("totals", "squares"),
    "image values": ("values",),
    "lines": ("lines",),
    "spans": ("spans",),
}
"""Per need of a property, what the survey collects beside boxes, moments and patterns."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a table is to hold, as plain data.

    Attributes
    ----------
    names : tuple of str
        Properties, in the order of the columns.
    spacing : tuple of float
        Extent of a pixel per spatial axis.
    inputs : tuple of str
        What the survey reads beside labels: "image" and patterns of neighbours.
    orders, weighted : Orders
        Moments that it sums.
    details : tuple of str
        What else it collects: see `survey_measures`.
    channels : int or None
        Of the image; None where it has no channel axis.
    dtype : str
        Of the image.
    """

    names: tuple[str, ...]
    spacing: tuple[float, ...]
    inputs: tuple[str, ...]
    orders: Orders
    weighted: Orders
    details: tuple[str, ...]
    channels: int | None
    dtype: str

    @property
    def collected(self) -> dict[str, Any]:
        """The arguments of `survey_measures`."""
        return {"inputs": self.inputs, **self.merged}

    @property
    def merged(self) -> dict[str, Any]:
        """The arguments of `objects_by_range`."""
        return {"orders": self.orders, "weighted": self.weighted, "details": self.details}

    @property
    def workspace(self) -> float:
        """Bytes per pixel that the survey takes for objects of 20 pixels or more; 200 to 700 per object below."""
        sums = 24.0 if "totals" in self.details and not is_short(np.dtype(self.dtype)) else 0.0
        values = 56.0 * (self.channels or 1) if "values" in self.details else 0.0
        return 24.0 + sums + values


def asked_of(
    labels: Image, image: Image | None, names: Sequence[str], spacing: float | Sequence[float] | str | None, what: str
) -> Asked:
    """Check what is asked.

    Raises
    ------
    InputError
        As `measure` says.
    """
    require_labels(labels, what)
    ndim = len(labels.spatial_axes)
    sides = _spacing(labels, spacing, what)
    for name in names:
        _check_property(name, labels, image, sides, what)
    needs = {PROPERTIES[name].needs for name in names}
    if image is not None:
        require_one_shape((labels, image), what)
    weighted = _orders({n.removeprefix("weighted ") for n in needs if n.startswith("weighted")}, ndim)
    inputs = ("image",) if any(need.startswith(("image", "weighted")) for need in needs) else ()
    return Asked(
        names=tuple(names),
        spacing=sides,
        inputs=(*inputs, *(p for p in _PATTERNS if p in needs)),
        orders=_orders(needs, ndim),
        weighted=weighted,
        details=tuple(dict.fromkeys(detail for need in sorted(needs) for detail in _DETAILS.get(need, ()))),
        channels=image.channels if image is not None and image.axes.endswith("c") else None,
        dtype="|u1" if image is None else image.dtype.str,
    )


def images_read(asked: Asked, labels: Image, image: Image | None) -> list[Image]:
    """The images that the survey reads."""
    found = [labels]
    for name in asked.inputs:
        if name == "image":
            assert image is not None
            found.append(image)
        else:
            kernel, reach, dtype, cost, workspace = _PATTERNS[name]
            options = {"reach": reach, "dtype": dtype, "cost": cost, "workspace": workspace}
            found.append(map_tiles(kernel, labels, user=False, **options))
    return found


def require_labels(labels: Image, what: str) -> None:
    """Refuse what is no image of labels."""
    require_scalar_pixels(labels, what)
    if labels.dtype.kind not in "iu":
        how = "Number the objects of a mask first, as in label(mask)."
        raise InputError(f"{what} works on labels (integers); found {labels.dtype}. {how}")


def _orders(needs: set[str], ndim: int) -> Orders:
    if "all" in needs:
        return orders_each_up_to(3, ndim)
    return orders_up_to(2, ndim) if "second" in needs else orders_up_to(1, ndim) if "first" in needs else ()


def _check_property(name: str, labels: Image, image: Image | None, spacing: tuple[float, ...], what: str) -> None:
    if name not in PROPERTIES:
        raise InputError(f"{what}: {unknown(name, PROPERTIES)}")
    wanted, ndim = PROPERTIES[name], len(spacing)
    if ndim not in wanted.ndim:
        raise InputError(
            f"{what}: {name} is defined for planes; found axes {labels.axes!r}. Take one plane, or leave it out."
        )
    if wanted.isotropic and len(set(spacing)) != 1:
        raise InputError(
            f"{what}: {name} is defined for pixels of equal sides; found {spacing}. Leave out spacing=, or {name}."
        )
    if name.endswith("_hu") and set(spacing) != {1.0}:
        raise InputError(
            f"{what}: {name} is defined in pixels; found spacing {spacing}. Leave out spacing=, or {name}."
        )
    if image is None and wanted.needs.startswith(("image", "weighted")):
        raise InputError(f"{what}: {name} is measured on pixels, and no image was given. Use {what}(labels, image, …).")


def unknown(name: object, known: Sequence[str] | dict[str, Any]) -> str:
    """Say of a name that it is not known, and which are, the closest first."""
    close = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    listed = ", ".join([*close, *(k for k in known if k not in close)])
    return f"there is no property {name!r}. Known are {listed}."


def _spacing(labels: Image, spacing: float | Sequence[float] | str | None, what: str) -> tuple[float, ...]:
    ndim = len(labels.spatial_axes)
    if spacing is None:
        return (1.0,) * ndim
    if isinstance(spacing, str):
        if spacing != "pixel_size" or labels.pixel_size is None:
            raise InputError(
                f"{what}: spacing={spacing!r} needs labels with a pixel size, under that name; found "
                f"{labels.pixel_size}. Give numbers, as in spacing={(0.5,) * ndim}."
            )
        return tuple(map(float, labels.pixel_size))
    try:
        sides = tuple(map(float, np.broadcast_to(np.asarray(spacing, np.float64), (ndim,))))
    except (TypeError, ValueError):
        sides = ()
    if not sides or not all(math.isfinite(s) and s > 0 for s in sides):
        raise InputError(
            f"{what}: spacing= takes the extent of a pixel, above 0, for all or per spatial axis ({ndim}), or "
            f"'pixel_size'; found {spacing!r}."
        )
    return sides
