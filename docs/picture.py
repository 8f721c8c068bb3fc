"""Draw docs/picture.png from a real run: tiles with their halos, every tile on its own, and what tilemask stores.

python docs/picture.py
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from skimage.data import coins
from skimage.measure import label

import tilemask as tm
from tilemask.boxes import Grid
from tilemask.planning.plan import make_plan
from tilemask.report.colours import colour_table, label_colours

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "workflows"))

TILE, ZOOM, GAP, TITLE = 96, 2, 36, 44
LINE, HALO, INK, PAPER = (255, 255, 255), (255, 176, 0), (30, 30, 34), (255, 255, 255)
SHOWN = ((0, 1), (1, 3))
"""Tiles whose halo is drawn."""


def main() -> None:
    from nuclei import nuclei

    pixels = coins()[75:]
    outputs = nuclei(tm.open_image(pixels))
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "coins.ome.zarr"
        tm.save(outputs, store, tile=TILE, quiet=True)
        stitched = tm.open_image(store, label="nuclei").compute()
    grid = Grid(pixels.shape, (TILE, TILE))
    halo = max(max(side) for bill in make_plan(outputs, tile=TILE).bills for side in bill.halo)
    alone = _alone(stitched != 0, grid)
    panels = {
        f"each tile is read with its halo ({halo} pixels)": _tiles(pixels, grid, halo),
        f"tiles on their own: {sum(int(a.max()) for a in alone.values())} pieces": _coloured(alone, grid),
        f"what is stored: {stitched.max()} objects, as if never cut": _lines(
            _enlarged(label_colours(stitched)), grid, (70, 70, 78)
        ),
    }
    _row(panels).save(HERE / "picture.png", optimize=True)


def _tiles(pixels: NDArray[np.uint8], grid: Grid, halo: int) -> Picture.Image:
    """The image with the tile grid; two tiles with what they read."""
    picture = _enlarged(np.repeat(pixels[..., np.newaxis], 3, axis=-1), Picture.Resampling.LANCZOS)
    shade = Picture.new("RGBA", picture.size)
    draw = ImageDraw.Draw(shade)
    for index in SHOWN:
        core = grid.core(index)
        draw.rectangle(_corners(core.grow(((halo, halo),) * 2).clip(grid.shape)), fill=(*HALO, 150))
        draw.rectangle(_corners(core), fill=(0, 0, 0, 0))
    picture.paste(shade, mask=shade)
    picture = _lines(picture, grid, LINE)
    for index in SHOWN:
        ImageDraw.Draw(picture).rectangle(_corners(grid.core(index)), outline=HALO, width=4)
    return picture


def _alone(mask: NDArray[np.bool_], grid: Grid) -> dict[tuple[int, ...], NDArray[Any]]:
    """Every tile numbered from 1, as it is where nobody stitches."""
    return {index: label(mask[grid.core(index).slices]) for index in grid.walk()}


def _coloured(tiles: dict[tuple[int, ...], NDArray[Any]], grid: Grid) -> Picture.Image:
    colours = np.zeros((*grid.shape, 3), np.uint8)
    for number, (index, found) in enumerate(tiles.items()):
        colours[grid.core(index).slices] = colour_table()[np.where(found == 0, 0, found + 7 * number)]
    return _lines(_enlarged(colours), grid, LINE)


def _enlarged(colours: NDArray[np.uint8], method: Picture.Resampling = Picture.Resampling.NEAREST) -> Picture.Image:
    picture = Picture.fromarray(colours)
    return picture.resize((picture.width * ZOOM, picture.height * ZOOM), method)


def _corners(box: Any) -> tuple[int, int, int, int]:
    (top, left), (bottom, right) = box.start, box.stop
    return left * ZOOM, top * ZOOM, right * ZOOM - 1, bottom * ZOOM - 1


def _lines(picture: Picture.Image, grid: Grid, colour: tuple[int, int, int]) -> Picture.Image:
    draw = ImageDraw.Draw(picture)
    for row in range(TILE, grid.shape[0], TILE):
        draw.line((0, row * ZOOM, picture.width, row * ZOOM), colour, 2)
    for column in range(TILE, grid.shape[1], TILE):
        draw.line((column * ZOOM, 0, column * ZOOM, picture.height), colour, 2)
    return picture


def _row(panels: dict[str, Picture.Image]) -> Picture.Image:
    width, height = next(iter(panels.values())).size
    paper = Picture.new("RGB", (len(panels) * (width + GAP) + GAP, height + TITLE + 2 * GAP), PAPER)
    draw, font = ImageDraw.Draw(paper), ImageFont.load_default(30)
    for n, (title, panel) in enumerate(panels.items()):
        left = GAP + n * (width + GAP)
        draw.text((left, GAP), title, INK, font)
        paper.paste(panel, (left, GAP + TITLE))
    return paper


if __name__ == "__main__":
    main()
