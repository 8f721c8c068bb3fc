"""Pixel sizes and channel names in TIFF files: OME-XML, ImageJ, Aperio, then the resolution tags.

The resolution tags come last because cameras and editors fill them with the resolution of a printer; they count only
where their unit is a centimetre or an inch and they are not one of the usual print resolutions.
"""

from __future__ import annotations

import re
from typing import Any

import tifffile

from tilemask.read.axes import UNITS

PRINT_RESOLUTIONS = (72.0, 96.0, 150.0, 300.0, 600.0)
"""Dots per inch that say nothing about the image."""

Sizes = dict[str, tuple[float, str | None]]


def pixel_sizes(file: tifffile.TiffFile) -> Sizes:
    """Pixel size and unit per axis at full resolution; empty where the file does not tell."""
    if file.is_ome:
        pixels = _ome_pixels(file)
        found: Sizes = {}
        for axis in "xyz":
            size, unit = pixels.get(f"PhysicalSize{axis.upper()}"), pixels.get(f"PhysicalSize{axis.upper()}Unit", "µm")
            if size is not None and float(size) > 0:
                found[axis] = (float(size), UNITS.get(str(unit).lower(), str(unit)))
        return found
    page = file.series[0].levels[0].keyframe
    aperio = re.search(r"MPP\s*=\s*([0-9.]+)", page.description or "")
    if aperio:
        return {a: (float(aperio[1]), "micrometer") for a in "yx"}
    return _resolution(file, page)


def channel_names(file: tifffile.TiffFile) -> list[str]:
    """Names of the channels, as OME-XML has them."""
    if not file.is_ome:
        return []
    channels = _ome_pixels(file).get("Channel", [])
    return [str(c.get("Name", n)) for n, c in enumerate(channels if isinstance(channels, list) else [channels])]


def _ome_pixels(file: tifffile.TiffFile) -> dict[str, Any]:
    document = tifffile.xml2dict(file.ome_metadata or "<OME/>").get("OME") or {}
    image = document.get("Image", {}) if isinstance(document, dict) else {}
    first = image[0] if isinstance(image, list) else image
    pixels: dict[str, Any] = first.get("Pixels", {})
    return pixels


def _resolution(file: tifffile.TiffFile, page: Any) -> Sizes:
    per_axis = {}
    for axis, tag in (("x", "XResolution"), ("y", "YResolution")):
        numerator, denominator = page.tags.valueof(tag, (0, 1))
        if numerator <= 0 or denominator <= 0:
            return {}
        per_axis[axis] = numerator / denominator
    imagej = file.imagej_metadata or {}
    unit = UNITS.get(str(imagej.get("unit", "")).lower())
    if unit is not None:
        sizes: Sizes = {a: (1 / r, unit) for a, r in per_axis.items()}
        return sizes | ({"z": (float(imagej["spacing"]), unit)} if "spacing" in imagej else {})
    kind = int(page.tags.valueof("ResolutionUnit", 2))
    if kind == 3:
        return {a: (10_000 / r, "micrometer") for a, r in per_axis.items()}
    if kind == 2 and not all(r in PRINT_RESOLUTIONS for r in per_axis.values()):
        return {a: (25_400 / r, "micrometer") for a, r in per_axis.items()}
    return {}
