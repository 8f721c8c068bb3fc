"""The commands of tilemask. What is heavy is imported when a command runs, so that `tilemask --help` is fast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tilemask import __version__
from tilemask.cli import running
from tilemask.cli.exits import EXIT_CODES, Commands
from tilemask.cli.options import WorkflowCommand
from tilemask.cli.request import for_request

app = typer.Typer(
    cls=Commands,
    epilog=EXIT_CODES,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run", cls=WorkflowCommand, epilog=EXIT_CODES)(for_request(running.run))
app.command("plan", cls=WorkflowCommand, epilog=EXIT_CODES)(for_request(running.plan))


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tilemask {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """Masks of images that do not fit in memory: the same pixels as on the whole image."""


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where images, labels and the picture go.")] = Path("tilemask-demo"),
) -> None:
    """Label a real image from the sky: write it as OME-Zarr, plan, run, verify, draw the overview."""
    from tilemask.cli.demo import show

    show(folder)


@app.command()
def verify(output: Annotated[str, typer.Argument(metavar="OUT", help="A store that run or save wrote.")]) -> None:
    """Compare every stored object with the record of what was written; exit 1 and list them where any differs."""
    from tilemask.run import store

    problems = store.verify(output)
    for problem in problems:
        typer.echo(f"{problem.key}: {problem.reason}")
    if problems:
        typer.echo(f"{output}: {len(problems):,} objects are not as written", err=True)
        raise typer.Exit(1)
    typer.echo(f"{output}: every object is as written")


@app.command()
def replay(
    bundle: Annotated[Path, typer.Argument(help="The folder that the failed run named.")],
    pdb: Annotated[bool, typer.Option("--pdb", help="Open the debugger where it fails.")] = False,
) -> None:
    """Repeat one failed tile alone, on its saved inputs; exit 3 if it fails again."""
    from tilemask.cli.replaying import repeat

    raise typer.Exit(repeat(bundle, debug=pdb))


@app.command()
def info(path: Annotated[str, typer.Argument(help="Image, store or URL.")]) -> None:
    """Say what an image or a store holds: axes, shape, dtype, chunks, levels, labels, tables, how they were made."""
    from tilemask.cli.info import describe

    typer.echo(describe(path))
