"""`tilemask run` and `tilemask plan`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tilemask.cli.request import Request
from tilemask.errors import TilemaskError

if TYPE_CHECKING:
    from tilemask.report.result import Overview
    from tilemask.run.store import Run


def run(request: Request) -> None:
    """Run a workflow on an image of any size; run the same command again to resume.

    The workflow's keyword-only parameters are options too: tilemask run WORKFLOW --help shows them.
    """
    typer.echo(carry_out(request))


def plan(request: Request) -> None:
    """Print what `run` with the same arguments would do: passes, tiles, bytes, memory, time. Runs nothing."""
    typer.echo(plan_of(request))


def plan_of(request: Request) -> str:
    """The plan of a request, as text."""
    from tilemask.run import store

    return str(store.plan(request.outputs(request.open()), request.target, **request.saving))


def carry_out(request: Request) -> str:
    """Save what is asked for, draw its overview, and say in one line what there is now."""
    from tilemask.report.result import overview, resolutions
    from tilemask.run import store

    image = request.open()
    outputs = request.outputs(image)
    saved = store.save(
        outputs,
        request.target,
        overwrite=request.overwrite,
        quiet=request.quiet,
        tile_seconds=request.tile_seconds,
        **request.saving,
    )
    first = request.opening.get("level") or 0
    finer = resolutions(lambda k: request.open(first + k))
    try:
        drawn = None if saved.path.is_file() else overview(saved.path, finer, picture=picture_path(saved.path))
    except TilemaskError as error:
        raise TilemaskError(f"{saved.path} is complete, but its picture could not be made: {error}") from error
    return closing_line(saved, drawn)


def picture_path(target: Path) -> Path:
    """Where the overview of a store goes: beside it."""
    return target.with_name(f"{target.name.removesuffix('.zarr').removesuffix('.ome')}.overview.png")


def closing_line(saved: Run, drawn: Overview | None) -> str:
    """What was written, in one line."""
    from tilemask.run.missing import told

    shares = {} if drawn is None else drawn.shares
    images = [
        n + (f" ({shares[n]:.1%} of the image)" if n in shares else "") for n in saved.outputs if n not in saved.values
    ]
    values = [f"{n} {_short(v)}" for n, v in saved.values.items()]
    before = f", {saved.tiles_before:,} were done before" if saved.tiles_before and saved.tiles_done else ""
    work = (
        f"{saved.tiles_done:,} tiles in {saved.seconds:.1f} s{before}"
        if saved.tiles_done
        else "complete before, 0 tiles done"
    )
    picture = "no picture: no mask of the shape of the input" if drawn is None else f"picture {drawn.path}"
    return f"{saved.path}: {', '.join(images + values)}; {work}; {picture}{told(saved.missing)}"


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
