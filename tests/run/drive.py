"""One call of `save` as a program: ``python -m tests.run.drive CASE SOURCE OUTPUT LOG [tile=…] [client=…] [nap=…]``.

Says "began" when everything is loaded, so that kills are timed from there; ends with the exit code of the error.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tilemask as tm
from tests.run.cases import SLOW
from tilemask.errors import TilemaskError


def main(case: str, source: str, output: str, log: str, *options: str) -> int:
    given = dict(o.split("=", 1) for o in options)
    client = given.get("client")
    outputs = SLOW[case](tm.open_image(source), Path(log), float(given.get("nap", 0.03)))
    print("began", flush=True)
    try:
        run = tm.save(
            outputs,
            output,
            tile=int(given.get("tile", 32)),
            client=int(client) if client and client.isdigit() else client,
            quiet=True,
        )
    except TilemaskError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(run.tiles_done, run.tiles_before)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
