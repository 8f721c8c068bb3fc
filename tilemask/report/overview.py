"""The overview picture of a run: what went in, what came out, and whether the outlines lie where they should.

It is drawn with Pillow alone, which comes with scikit-image; a plotting library would be the heaviest dependency of
the package. Panels are brought to one size first and outlines are found there, so that they are as thin as the screen
allows however large the image was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from skimage.segmentation import find_boundaries

from tilemask.errors import InputError
from tilemask.report.colours import image_colours, label_colours, middle_plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PANEL = 640
"""Longest side of a panel in pixels."""
_TINY = 160
"""Up to this many pixels a side single pixels are shown as squares."""
_EDGE, _GAP, _TITLE = 28, 18, 34
_PAPER, _INK = (255, 255, 255), (30, 30, 34)
_FONT = 19

# "um": the font that comes with Pillow has no Greek letters.
_UNITS = {"nanometer": (1e-9, "nm"), "micrometer": (1e-6, "um"), "millimeter": (1e-3, "mm"), "meter": (1.0, "m")}
_LENGTHS = [(1e-9, "nm"), (1e-6, "um"), (1e-3, "mm"), (1.0, "m"), (1e3, "km")]


def overview(
    image: NDArray[Any],
    masks: Mapping[str, NDArray[Any]],
    path: str | Path,
    *,
    axes: str = "yx",
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
) -> None:
    """Draw one row of panels per mask: image, mask or labels in colours, image with outlines.

    Parameters
    ----------
    image : numpy.ndarray
        A small version of the image, at most about 1000 pixels a side; axes as named by `axes`. Of a volume the middle
        plane is shown.
    masks : mapping of str to numpy.ndarray
        Masks (bool) and labels (integers) by name, of the same spatial shape, without channels.
    path : str or Path
        Where the picture goes; its suffix names the format (``overview.png``).
    axes : str, optional
        Axes of `image`: ``"yx"`` or ``"zyx"``, with a last ``"c"`` where there are channels.
    pixel_size : sequence of float, optional
        Extent of a pixel of these arrays per spatial axis, in `unit`; gives a scale bar.
    unit : str, optional
        As in OME-Zarr (``"micrometer"``).

    Raises
    ------
    InputError
        If there is no mask or one has another shape than the image.
    """
    spatial = len(axes.removesuffix("c"))
    wanted = image.shape[:spatial]
    wrong = {name: mask.shape for name, mask in masks.items() if mask.shape != wanted}
    if wrong or not masks:
        raise InputError(f"an overview needs masks of the shape of the image, {wanted}; found {wrong or 'none'}.")
    size = panel_size(wanted[-2:])
    plain = _resized(image_colours(middle_plane(image, spatial), axes.endswith("c")), size)
    first = plain.copy()
    if pixel_size is not None and unit in _UNITS:
        _draw_scale_bar(first, pixel_size[-1] * wanted[-1] / size[1], unit)
    rows = []
    for name, mask in masks.items():
        coloured, outlined = _mask_panels(plain, middle_plane(mask, spatial), size)
        rows.append([("image", first), (name, coloured), (f"{name}, outlines", outlined)])
    _assemble(rows, size).save(Path(path))


def check_picture(path: str | Path) -> None:
    """Refuse a picture that could not be written, before anything is computed for it.

    Raises
    ------
    InputError
        The folder does not exist, or the suffix names no format.
    """
    picture = Path(path)
    if picture.suffix.lower() not in Picture.registered_extensions():
        raise InputError(f"the picture {picture} needs a suffix that names its format, as in {picture.stem}.png.")
    if not picture.absolute().parent.is_dir():
        raise InputError(f"the picture {picture} cannot be written: its folder does not exist. Make it first.")


def panel_size(shape: Sequence[int]) -> tuple[int, int]:
    """Fit (rows, columns) into a panel; what is tiny is enlarged by a whole number, to show its pixels."""
    longest = max(shape)
    factor = _PANEL // longest if longest <= _TINY else _PANEL / longest
    rows, columns = (max(1, round(n * factor)) for n in shape)
    return rows, columns


def scale_bar(pixel: float, unit: str, columns: int) -> tuple[int, str]:
    """Choose a round length of about a fifth of the panel: its pixels and its name.

    Parameters
    ----------
    pixel : float
        Extent of a column of the panel, in `unit`.
    unit : str
        One of nanometer, micrometer, millimeter, meter.
    columns : int
        Width of the panel.
    """
    metres = pixel * _UNITS[unit][0]
    target = metres * columns / 5
    power = 10 ** math.floor(math.log10(target))
    length = next(m * power for m in (5, 2, 1) if m * power <= target * 1.001)
    scale, symbol = next((s, n) for s, n in reversed(_LENGTHS) if length >= s * 0.999 or s == _LENGTHS[0][0])
    return max(1, round(length / metres)), f"{length / scale:g} {symbol}"


def _mask_panels(
    plain: NDArray[np.uint8], mask: NDArray[Any], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw the mask in its colours, and the image with the outlines of the mask."""
    labels = mask[np.ix_(*(np.arange(n) * m // n for n, m in zip(size, mask.shape, strict=True)))]
    coloured, outlined = label_colours(labels), plain.copy()
    rim = find_boundaries(labels, mode="inner")
    # Two pixels wide and inside the object, so that each keeps its own colour and neighbours stay apart.
    edge = rim | find_boundaries(np.where(rim, 0, labels), mode="inner")
    outlined[edge] = coloured[edge]
    return coloured, outlined


def _resized(colours: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    method = Picture.Resampling.NEAREST if max(colours.shape) <= _TINY else Picture.Resampling.LANCZOS
    return np.asarray(Picture.fromarray(colours).resize((size[1], size[0]), method))


def _draw_scale_bar(panel: NDArray[np.uint8], pixel: float, unit: str) -> None:
    rows, columns = panel.shape[:2]
    length, text = scale_bar(pixel, unit, columns)
    picture = Picture.fromarray(panel)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_FONT)
    right, bottom = columns - 14, rows - 14
    # White with a dark rim is legible on any image.
    draw.rectangle((right - length - 1, bottom - 6, right + 1, bottom + 1), fill=_INK)
    draw.rectangle((right - length, bottom - 5, right, bottom), fill=_PAPER)
    centre = right - max(length, draw.textlength(text, font=font)) / 2
    draw.text((centre, bottom - 9), text, _PAPER, font, "mb", stroke_width=2, stroke_fill=_INK)
    panel[:] = np.asarray(picture)


def _assemble(rows: Sequence[Sequence[tuple[str, NDArray[np.uint8]]]], size: tuple[int, int]) -> Picture.Image:
    """Lay panels out on white paper, each under its title."""
    height, width = size
    columns = len(rows[0])
    paper = Picture.new(
        "RGB",
        (2 * _EDGE + columns * width + (columns - 1) * _GAP, 2 * _EDGE + len(rows) * (_TITLE + height + _GAP) - _GAP),
        _PAPER,
    )
    draw = ImageDraw.Draw(paper)
    font = ImageFont.load_default(_FONT)
    for r, row in enumerate(rows):
        for c, (title, panel) in enumerate(row):
            left, top = _EDGE + c * (width + _GAP), _EDGE + r * (_TITLE + height + _GAP)
            draw.text((left, top), _shortened(title, width, draw, font), _INK, font)
            paper.paste(Picture.fromarray(panel), (left, top + _TITLE))
    return paper


def _shortened(title: str, width: int, draw: ImageDraw.ImageDraw, font: Any) -> str:
    if draw.textlength(title, font=font) <= width:
        return title
    while title and draw.textlength(title + "…", font=font) > width:
        title = title[:-1]
    return title + "…"
