"""`tilemask demo`: every command once, on a real image that scikit-image brings along, so nothing is downloaded.

The workflow is the file `workflows/nuclei.py` itself, of the repository or as installed with the package: what finds
stained nuclei on a dark ground finds galaxies too.
"""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import numpy as np
import typer
from skimage.data import hubble_deep_field

import tilemask
from tilemask.cli.request import Request
from tilemask.cli.running import carry_out, plan_of
from tilemask.cli.workflow import load_workflow
from tilemask.image import from_array
from tilemask.run import store

TILE = 256
OPTIONS = {"background": 0, "sigma": 1.0, "min_distance": 3, "where": "area > 10"}


def show(folder: Path) -> None:
    """Write the image, plan, run, verify and draw.

    Parameters
    ----------
    folder : Path
        Made if it is not there. Run again, it finds its work done.

    Raises
    ------
    TilemaskError
        As `tilemask.save`.
    """
    image, target = folder / "hubble.ome.zarr", folder / "galaxies.ome.zarr"
    workflow = _workflow("nuclei.py")
    field = np.ascontiguousarray(hubble_deep_field()[..., 0])
    store.save({"hubble": from_array(field)}, image, tile=TILE, overwrite=True, quiet=True)
    typer.echo(f"{image}: the Hubble deep field, {field.shape[0]} × {field.shape[1]} {field.dtype}\n")
    request = Request(
        workflow=load_workflow(str(workflow)),
        options=OPTIONS,
        source=str(image),
        opening={},
        target=target,
        saving={"tile": TILE},
        overwrite=True,
        quiet=True,
    )
    options = " ".join(f"--{name.replace('_', '-')} {quote(str(value))}" for name, value in OPTIONS.items())
    typer.echo(f"tilemask run {workflow} {image} {target} --tile {TILE} {options}\n")
    typer.echo(f"{plan_of(request)}\n\n{carry_out(request)}")
    problems = store.verify(target)
    typer.echo(f"verify: {f'{len(problems)} objects differ' if problems else 'every object is as written'}")
    if problems:
        raise typer.Exit(1)


def _workflow(name: str) -> Path:
    """A workflow of the repository that this package lies in, else of the installed package."""
    package = Path(tilemask.__file__).parent
    repository = package.parent / "workflows" / name
    return repository if repository.is_file() else package / "workflows" / name
