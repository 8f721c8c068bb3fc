"""What `run` and `plan` are asked for: the arguments that both share, read once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tilemask.cli.options import chosen
from tilemask.cli.workflow import Workflow
from tilemask.errors import InputError

if TYPE_CHECKING:
    from tilemask.image import Image

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_OPENING, _RUNNING = "Opening IN", "Running"


@dataclass(frozen=True)
class Request:
    """A workflow on an image, and where the result goes."""

    workflow: Workflow
    options: Mapping[str, Any]
    source: str
    opening: Mapping[str, Any]
    target: str | Path
    saving: Mapping[str, Any]
    """Keywords of both `tilemask.plan` and `tilemask.save`."""
    overwrite: bool = False
    quiet: bool = False
    tile_seconds: float | None = None

    def open(self, level: int | None = None) -> Image:
        """The input; or all of it, whatever the region of interest, at another level of its pyramid."""
        from tilemask.read import open_image

        return open_image(self.source, **{**self.opening, **({} if level is None else {"level": level, "roi": None})})

    def outputs(self, image: Image) -> Any:
        """What the workflow makes of the image."""
        from tilemask.image import Image, Value

        made = self.workflow.function(image, **self.options)
        if not isinstance(made, Image | Value | Mapping):
            raise InputError(
                f"{self.workflow.name} returned {type(made).__name__}; a workflow returns an image, or a dict of "
                "images and values by name."
            )
        return made


def read_request(
    context: typer.Context,
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="file.py, file.py:function or module:function.")],
    source: Annotated[str, typer.Argument(metavar="IN", help="Path or URL: OME-Zarr, Zarr, OME-TIFF, TIFF.")],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="A new OME-Zarr store, or IN itself, to add labels to it.")
    ],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes instead of threads.", rich_help_panel=_RUNNING)
    ] = None,
    client: Annotated[
        str | None, typer.Option(help="Address of a Dask scheduler, tcp://host:8786.", rich_help_panel=_RUNNING)
    ] = None,
    tile: Annotated[
        str | None, typer.Option(help="Core of a tile, 2048 or 1024,2048.", rich_help_panel=_RUNNING)
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="Most that one worker may use, such as 2GB.", rich_help_panel=_RUNNING)
    ] = None,
    tile_seconds: Annotated[
        float | None,
        typer.Option(
            help="A tile that takes longer has failed. Default: 30 times the median of its pass, at least 600.",
            rich_help_panel=_RUNNING,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what another plan wrote.", rich_help_panel=_RUNNING)
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.", rich_help_panel=_RUNNING)] = False,
    pyramid: Annotated[bool, typer.Option(help="Write lower resolutions too.", rich_help_panel=_RUNNING)] = True,
    level: Annotated[int, typer.Option(help="Level of a pyramid.", rich_help_panel=_OPENING)] = 0,
    channel: Annotated[str | None, typer.Option(help="Number or name.", rich_help_panel=_OPENING)] = None,
    label: Annotated[str | None, typer.Option(help="These labels of the store.", rich_help_panel=_OPENING)] = None,
    t: Annotated[int | None, typer.Option("--t", help="Time point.", rich_help_panel=_OPENING)] = None,
    z: Annotated[int | None, typer.Option("--z", help="Plane.", rich_help_panel=_OPENING)] = None,
    axes: Annotated[str | None, typer.Option(help="Names of the axes, such as zyx.", rich_help_panel=_OPENING)] = None,
    channel_axis: Annotated[int | None, typer.Option(help="Axis of channels.", rich_help_panel=_OPENING)] = None,
    dtype: Annotated[str | None, typer.Option(help="Convert to this type.", rich_help_panel=_OPENING)] = None,
    pixel_size: Annotated[str | None, typer.Option(help="0.5 or 2,0.5,0.5.", rich_help_panel=_OPENING)] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the pixel size.", rich_help_panel=_OPENING)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse missing chunks.", rich_help_panel=_OPENING)] = False,
    roi: Annotated[
        str | None, typer.Option(help="Path of a region of interest: a mask or outlines.", rich_help_panel=_OPENING)
    ] = None,
) -> Request:
    """Read the arguments that `run` and `plan` share."""
    if workers is not None and client is not None:
        raise InputError(
            "--workers starts processes here and --client uses a cluster that runs already; give one of them."
        )
    found, options = chosen(context)
    opening = {
        "level": level, "channel": int(channel) if channel and channel.isdigit() else channel, "label": label, "t": t,
        "z": z, "axes": axes, "channel_axis": channel_axis, "dtype": dtype, "unit": unit, "strict": strict, "roi": roi,
        "pixel_size": None if pixel_size is None else _numbers(pixel_size, float, "--pixel-size"),
    }  # fmt: skip
    saving = {
        "tile": None if tile is None else _numbers(tile, int, "--tile"),
        "client": workers if client is None else client,
        "memory": None if memory is None else parse_bytes(memory),
        "pyramid": pyramid,
    }
    return Request(found, options, source, opening, target, saving, overwrite, quiet, tile_seconds)


def for_request(action: Callable[[Request], None]) -> Callable[..., None]:
    """A command function with the arguments of `read_request` and the help of `action`."""

    @wraps(read_request)
    def command(**given: Any) -> None:
        action(read_request(**given))

    command.__doc__ = action.__doc__
    command.__annotations__ = {**read_request.__annotations__, "return": None}
    return command


def parse_bytes(text: str) -> int:
    """A number of bytes: 500MB, 2GB, 1.5GiB.

    Raises
    ------
    InputError
        It is not a positive number with such a unit.
    """
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)", text.strip())
    count = 0 if match is None else int(float(match[1]) * _UNITS.get(match[2].upper(), 0))
    if not count:
        raise InputError(f"--memory takes a number of bytes such as 500MB, 2GB or 1.5GiB; found {text!r}.")
    return count


def _numbers(text: str, kind: type[int] | type[float], option: str) -> Any:
    """One number for all axes, or a list of one per axis."""
    try:
        numbers = [kind(n) for n in text.split(",")]
    except ValueError:
        raise InputError(f"{option} takes one number or one per axis, separated by commas; found {text!r}.") from None
    return numbers[0] if len(numbers) == 1 else numbers
