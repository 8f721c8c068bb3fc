"""`tilemask replay`: a failed tile alone, with the traceback of the user's own function, and a debugger if wanted."""

from __future__ import annotations

import pdb
import traceback
from pathlib import Path

import typer

from tilemask.errors import TileError, TilemaskError
from tilemask.run.failures import replay


def repeat(bundle: Path, *, debug: bool) -> int:
    """Run the function on its saved inputs; returns the exit code.

    Parameters
    ----------
    bundle : Path
        The folder of a saved failure.
    debug : bool
        Open pdb where the function raises.

    Raises
    ------
    InputError
        The folder is no saved failure, or its function cannot be found.
    """
    try:
        result = replay(bundle)
    except TilemaskError:
        raise
    except Exception as error:
        traceback.print_exc()
        if debug:
            pdb.post_mortem(error.__traceback__)
        return TileError.exit_code
    shape = f", shape {result.shape}, {result.dtype}" if hasattr(result, "shape") else ""
    typer.echo(f"{bundle}: passes now{shape}; run the command again to go on.")
    return 0
