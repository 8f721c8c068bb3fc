"""What kernels and surveys are shown of where they are, and what they say back beside pixels and parts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tilemask.boxes import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile lies: its core, the grid's counts and the whole image."""

    number: int
    core: Box
    tile: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What a kernel that grows is shown: its arrays hold `box`, the pixels of `core` are asked for.

    Where `box` ends at the border of an image of this spatial `shape`, nothing lies beyond; where it ends elsewhere,
    its edge is artificial.
    """

    box: Box
    core: Box
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Unproven:
    """Pixels of which a window does not prove that they are those of the whole image."""

    box: Box
    """In the whole image, within the core of the window."""
    reach: int
    """Pixels around `box` that a next window should hold; at least double the last reach is taken."""
    what: str = "a part of the image"
    """What reaches so far, for the message where memory ends: "the object at row 5, column 7"."""
    advice: str = ""
    """What else to do then, as a sentence."""


@dataclass(frozen=True, slots=True)
class Growth:
    """That a kernel says what it has proven, and is asked again for the rest with a larger window."""

    pixel_bytes: float
    """Memory that the kernel needs at its peak, per pixel of the window, beside its inputs."""
    beyond: Callable[..., NDArray[Any]] | None = None
    """Gives the pixels of a core in bounded memory where a window would not fit: (read, window, **arguments)."""
    whole: str = ""
    """Where only a window of the whole image proves anything: what else to do if that does not fit, as a sentence."""


@dataclass(frozen=True, slots=True)
class FinishBytes:
    """Memory that finishing a survey takes, once its tiles are done, in the process that coordinates them."""

    fixed: float = 0.0
    tile_pixel: float = 0.0
    """Per pixel of a tile: of notes that are read one at a time."""
    seam_pixel: float = 0.0
    """Per pixel on a seam, of all tiles: of perimeters that are held together."""


@dataclass(frozen=True, slots=True)
class Stream:
    """That a survey ends in pieces that need not fit in memory together: a table, outlines."""

    kind: str
    """What the pieces are, which decides how they are saved."""
    gather: Callable[[Iterable[Any]], Any]
    """Puts the pieces together in memory."""
