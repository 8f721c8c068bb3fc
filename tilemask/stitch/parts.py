"""The part of a perimeter survey: what tiles tell each other, merged in any order.

A tile sends the components on its seams: for each its id (the raster index in the whole image of its first pixel in
this tile, so ids need no agreement between tiles), its value where values must not join, its weight where the survey
sums something over components; and the faces they lie on. When two neighbours are in one part their faces are
compared, the pairs of ids that touch become rows of `contacts`, and a face that no missing neighbour needs is dropped.
Nothing is united on the way: rows are only collected, so the order of merging cannot matter, and one pass at the end
unites millions of rows at once. What a part holds is therefore: the open front of tiles with missing neighbours, two
integers per contact, and with weights two more per component that has one. Merging costs what the smaller part holds.

    {"connectivity": 2,
     "strides": [counts[1], 1],                    tile number per step along each axis
     "weighted": True,
     "open": {number: {"missing": 0b101…,          neighbours not merged yet, as a set of offset codes
                       "core": [rows, columns],
                       "faces": {face: runs},      only what missing neighbours need; positions into ids, from 1
                       "ids": …, "values": …, "weights": …, "met": …}},
     "contacts": [rows of (id, id)],
     "crossing": [rows of (id, weight)]}           components with a contact, of tiles that are settled

An entry of `open` without components is ``{"missing": …}`` alone, so a million empty tiles cost their front only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.boxes import Grid
from tilemask.errors import TileError
from tilemask.image import Place
from tilemask.stitch.components import first_pixels, raster_index
from tilemask.stitch.faces import codes as codes_of
from tilemask.stitch.faces import (
    compact,
    cut_face,
    encode,
    face_of,
    needed_faces,
    neighbour_bits,
    offsets,
    opposite,
    touching,
)
from tilemask.stitch.rows import add_rows, joined

Part = dict[str, Any]
Edge = tuple[NDArray[Any], NDArray[np.int64]]
"""The components of a tile that lie on its seams: their local numbers, ascending, and their ids."""


def seam_part(
    labels: NDArray[Any],
    begun: NDArray[Any],
    place: Place,
    *,
    connectivity: int,
    values: NDArray[Any] | None = None,
    weights: NDArray[np.int64] | None = None,
    joining: dict[int, NDArray[np.bool_]] | None = None,
) -> tuple[Part, Edge]:
    """Make the part of one tile.

    Parameters
    ----------
    labels : ndarray of integers
        Components of the core, as from `label_components`.
    begun : 1-D ndarray
        As from `begun_by_line`.
    place : Place
    connectivity : int
        1 to ndim.
    values : ndarray of integers, optional
        The image, where only equal values join.
    weights : ndarray of int64, optional
        One number per component (entry 0 is background), or one row of numbers, to be joined over whole components.
    joining : dict of ndarray of bool, optional
        Per face, the pixels that join what they touch across it; all of them on faces without an entry.

    Returns
    -------
    part : dict
    edge : local numbers and ids of the components on the seams
    """
    grid, ndim = Grid(place.shape, place.tile), labels.ndim
    missing = neighbour_bits(grid, grid.index(place.number), connectivity)
    cut = {face: cut_face(labels, face) for face in needed_faces(missing, ndim, connectivity)}
    runs = {face: encode(line if joining is None else line * joining.get(face, True)) for face, line in cut.items()}
    faces = {face: run for face, run in runs.items() if run is not None}
    numbers = np.unique(np.concatenate([run[0] for run in faces.values()])) if faces else labels[:0].ravel()
    numbers = numbers[numbers > 0]
    flat = first_pixels(labels, begun, numbers)
    ids = raster_index(flat, place.core, place.shape)
    entry: dict[str, Any] = {"missing": missing}
    if faces:
        entry |= {
            "core": list(labels.shape),
            "faces": {f: _positions(run, numbers) for f, run in faces.items()},
            "ids": ids,
        }
        if values is not None:
            entry["values"] = values.ravel()[flat].astype(np.int64)
        if weights is not None:
            entry |= {"weights": weights[numbers], "met": np.zeros(len(ids), np.bool_)}
    part: Part = {
        "connectivity": connectivity,
        "strides": [math.prod(grid.counts[axis + 1 :]) for axis in range(ndim)],
        "weighted": weights is not None,
        "open": {place.number: entry} if missing else {},
        "contacts": [],
        "crossing": [],
    }
    return part, (numbers, ids)


def combine_parts(a: Part, b: Part) -> Part:
    """Merge two parts; the first may be changed, the second is not."""
    if len(b["open"]) > len(a["open"]):
        a, b = b | {name: b[name].copy() for name in ("open", "contacts", "crossing")}, a
    for name in ("contacts", "crossing"):
        for piece in b[name]:
            add_rows(a[name], piece)
    around = offsets(len(a["strides"]), a["connectivity"])
    steps = {code: int(np.dot(offset, a["strides"])) for code, offset in around.items()}
    for number, entry in b["open"].items():
        a["open"][number] = entry
        for code in codes_of(entry["missing"]):
            if number + steps[code] in a["open"]:
                _meet(a, number, number + steps[code], code)
    return a


def contacts_of(part: Part) -> NDArray[np.int64]:
    """The pairs of ids that touch across a seam, shape (n, 2), once all tiles are merged."""
    _require_complete(part)
    return joined(part["contacts"], 2)


def weights_of(part: Part) -> NDArray[np.int64]:
    """Rows of the id and the weights of each component that has a contact, once all tiles are merged."""
    _require_complete(part)
    return joined(part["crossing"], 2)


def _require_complete(part: Part) -> None:
    if part["open"]:
        raise TileError(
            f"a survey of seams was finished while {len(part['open'])} tiles (first: {min(part['open'])}) waited for a "
            "neighbour. Every tile of the grid must be merged before."
        )


def _positions(run: list[NDArray[Any]], numbers: NDArray[Any]) -> list[NDArray[Any]]:
    """Runs of local numbers as runs of positions among `numbers`."""
    return [compact(np.where(run[0] > 0, np.searchsorted(numbers, run[0]) + 1, 0)), compact(run[1])]


def _meet(part: Part, number: int, other: int, code: int) -> None:
    """Compare two neighbours, `other` at the offset `code` of `number`, and forget what that has settled."""
    a, b = part["open"][number], part["open"][other]
    connectivity, ndim = part["connectivity"], len(part["strides"])
    offset = offsets(ndim, connectivity)[code]
    mine = a.get("faces", {}).get(face_of(offset))
    theirs = b.get("faces", {}).get(face_of(tuple(-o for o in offset)))
    if mine is not None and theirs is not None:
        width = len(b["ids"]) + 1
        met = [
            here.astype(np.int64) * width + there
            for here, there in touching(mine, a["core"], theirs, b["core"], offset, connectivity)
        ]
        if met:
            here, there = np.divmod(np.unique(np.concatenate(met)), width)
            a, b = _record(part, a, b, here - 1, there - 1)
    for key, entry, done in ((number, a, code), (other, b, opposite(code, ndim))):
        _settle(part, key, entry, entry["missing"] & ~(1 << done))


def _record(
    part: Part, a: dict[str, Any], b: dict[str, Any], here: NDArray[np.int64], there: NDArray[np.int64]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Write down which components touch; entries are replaced, never changed, since parts may share them."""
    if "values" in a:
        equal = a["values"][here] == b["values"][there]
        here, there = here[equal], there[equal]
    add_rows(part["contacts"], np.column_stack((a["ids"][here], b["ids"][there])))
    if not part["weighted"]:
        return a, b
    return _mark(a, here), _mark(b, there)


def _mark(entry: dict[str, Any], met: NDArray[np.int64]) -> dict[str, Any]:
    """The entry with these components marked as having a contact."""
    marks = entry["met"].copy()
    marks[met] = True
    return entry | {"met": marks}


def _settle(part: Part, number: int, entry: dict[str, Any], missing: int) -> None:
    """Keep of a tile what the neighbours still missing need; close it when none is."""
    needed = needed_faces(missing, len(part["strides"]), part["connectivity"])
    faces = {face: runs for face, runs in entry.get("faces", {}).items() if face in needed}
    if not faces and "met" in entry:
        met = entry["met"]
        add_rows(part["crossing"], np.column_stack((entry["ids"][met], entry["weights"][met])))
    if not missing:
        del part["open"][number]
    elif faces:
        part["open"][number] = entry | {"missing": missing, "faces": faces}
    else:
        part["open"][number] = {"missing": missing}
