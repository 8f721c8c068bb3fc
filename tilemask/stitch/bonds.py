"""Components of pixels that are joined pair by pair, not by their values: numbered as components of a mask are.

Where a rule decides for each pair of neighbours (common faces) whether they belong together, a pixel says so of the
one before it along each axis: one byte per pixel, whatever the components are. Within a tile the pairs become pixels of
an image twice as fine, between those that they join, so that the labelling of masks serves; across a seam, a pixel that
is not bonded is cut out of its face.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.image import Place
from tilemask.stitch.components import begun_by_line, label_components
from tilemask.stitch.faces import cut_face
from tilemask.stitch.kernels import apply_numbers
from tilemask.stitch.numbering import number_note
from tilemask.stitch.parts import seam_part

COUNTED = 1
"""The bit of pixels that are in a component."""
BOND = (2, 4, 8)
"""Per axis the bit of a pixel that is joined to the one before it along that axis."""
WAITING = 16
"""The bit of the image's first pixel where its component has no number of its own, but that of the next."""
BOND_BYTES = {2: 28.0, 3: 48.0}
"""What labelling holds, per pixel and by axes: the finer image, and its labels."""


def label_bonded(bonds: NDArray[np.uint8]) -> NDArray[Any]:
    """Number the components of bonded pixels from 1 in raster order of their first pixels.

    Parameters
    ----------
    bonds : ndarray of uint8, 2-D or 3-D
        Bits of `COUNTED` and `BOND`; a pixel without `COUNTED` has none.

    Returns
    -------
    ndarray of int32 or int64
    """
    finer = np.zeros([2 * n - 1 for n in bonds.shape], np.bool_)
    finer[(slice(None, None, 2),) * bonds.ndim] = bonds != 0
    for axis in range(bonds.ndim):
        later, between = [slice(None)] * bonds.ndim, [slice(None, None, 2)] * bonds.ndim
        later[axis], between[axis] = slice(1, None), slice(1, None, 2)
        finer[tuple(between)] = bonds[tuple(later)] & BOND[axis]
    # A bond lies after one of its ends in raster order, so it begins no component.
    return np.ascontiguousarray(label_components(finer, 1)[(slice(None, None, 2),) * bonds.ndim])


def survey_bonded(bonds: NDArray[np.uint8], *, place: Place) -> tuple[Any, Any]:
    """Count roots per line and send what lies on the seams."""
    labels = label_bonded(bonds)
    begun = begun_by_line(labels)
    joining = {2 * axis: cut_face(bonds, 2 * axis) & BOND[axis] != 0 for axis in range(bonds.ndim)}
    part, edge = seam_part(labels, begun, place, connectivity=1, joining=joining)
    return part, number_note(begun, edge)


def first_waits(bonds: NDArray[np.uint8], *, place: Place) -> bool:
    """Whether the component of the image's first pixel takes the number of the next."""
    return not any(place.core.start) and bool(bonds.flat[0] & WAITING)


def number_bonded(bonds: NDArray[np.uint8], *, record: Any, waits: bool, target: str) -> NDArray[Any]:
    """Label a core with final numbers."""
    if record is None:
        return np.zeros(bonds.shape, target)
    numbers = apply_numbers(label_bonded(bonds), record, target)
    return numbers - (numbers > 1) if waits else numbers
