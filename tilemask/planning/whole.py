"""What must see the whole image at once: refused before the start where that does not fit.

A kernel that grows finds out in the tile which window it needs, and fails there if it does not fit. One that says
beforehand that only the whole image will do need not read a pixel to fail.
"""

from __future__ import annotations

from collections.abc import Sequence

from tilemask.errors import PlanError
from tilemask.planning.cut import image_name
from tilemask.planning.figures import human_bytes
from tilemask.planning.passes import Pass


def check_whole(passes: Sequence[Pass], memory_bytes: int, *, left: int) -> None:
    """Refuse a plan whose kernels must see the whole image, where that does not fit beside the tiles.

    Parameters
    ----------
    passes : sequence of Pass
    memory_bytes : int
        The limit of one worker.
    left : int
        What tiles, libraries and cache leave of it.

    Raises
    ------
    PlanError
        With the figures, and what the operation says can be done.
    """
    for current in passes:
        whole = current.whole
        if whole is None or whole[0] <= left:
            continue
        needs, image, growth = whole
        raise PlanError(
            f"{image_name(image)} needs the whole image at once, {' × '.join(map(str, image.spatial_shape))} pixels, "
            f"for each tile: {human_bytes(int(needs))}. Of the limit of {human_bytes(memory_bytes)}, "
            f"{human_bytes(left)} are left beside tiles of {' × '.join(map(str, current.grid.tile))}. Give a larger "
            f"memory= (--memory), or a machine that has it. {growth.whole}"
        )
