"""Put a file: written beside its name and renamed, so that nobody ever reads half of it under its name."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from uuid import uuid4


def put(path: Path, pieces: Iterable[Any]) -> None:
    """Write the pieces, one after the other, and give the file its name.

    Parameters
    ----------
    path : Path
        Its folder is made where it is missing; a file that stands there is replaced.
    pieces : iterable of bytes-like
        Taken one at a time, so that they need not be in memory together.
    """
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.partial")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for piece in pieces:
                data, written = memoryview(piece), 0
                while written < len(data):
                    written += file.write(data[written:]) or 0
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
