"""How streams are saved: per kind of stream and suffix of the file, the function that writes it.

A kind of stream is what `Stream(kind, …)` of its survey says. To add one, give it a folder and its suffixes here, the
default first, and a function ``writer(path, pieces)`` in a file of its own: it writes the whole file at `path`, taking
the pieces one at a time, in order. The name is a temporary one in the folder of the output; who calls renames the file
when the writer returns, and deletes it when it raises. The same pieces must give the same bytes. What a writer needs
beyond the packages that tilemask installs is named here, so that its absence is known before work starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Any

from tilemask.errors import InputError


@dataclass(frozen=True, slots=True)
class Format:
    """One format of files.

    Attributes
    ----------
    writer : str
        ``module:function``, imported when it is used.
    package : str or None
        What must be installed for it.
    extra : str or None
        The extra of tilemask that brings it.
    """

    writer: str
    package: str | None = None
    extra: str | None = None

    def write(self, path: Path, pieces: Iterable[Any]) -> None:
        """Write a whole file."""
        module, _, name = self.writer.partition(":")
        function: Callable[[Path, Iterable[Any]], None] = getattr(import_module(module), name)
        function(path, pieces)


FOLDERS = {"table": "tables", "outlines": "outlines"}
"""Where files of a kind lie in a store."""

FORMATS: dict[str, dict[str, Format]] = {
    "table": {
        ".parquet": Format("tilemask.write.tables:write_parquet", "pyarrow", "parquet"),
        ".csv": Format("tilemask.write.tables:write_csv"),
    },
    "outlines": {
        ".geojson": Format("tilemask.write.outlines:write_geojson"),
        ".parquet": Format("tilemask.write.outlines:write_geoparquet", "pyarrow", "parquet"),
    },
}


def is_file_name(name: str) -> bool:
    """Whether a path ends in the suffix of a format: then the output is that one file, and not a store."""
    return any(name.endswith(suffix) for formats in FORMATS.values() for suffix in formats)


def format_of(name: str, kind: str) -> tuple[str, Format]:
    """The file name of an output and its format, which the name ends in or which is the kind's default.

    Raises
    ------
    InputError
        For the suffix of another format, and for a format whose package is not installed.
    """
    formats = FORMATS[kind]
    suffix = next((s for s in formats if name.endswith(s)), None)
    if suffix is None:
        if is_file_name(name) or re.fullmatch(r"\.[A-Za-z]\w*", PurePath(name).suffix):
            raise InputError(f"{name!r} cannot be saved: a {kind} is saved as {' or '.join(formats)}. Name it so.")
        suffix = next(iter(formats))
        name += suffix
    chosen = formats[suffix]
    if chosen.package is not None and find_spec(chosen.package) is None:
        others = [s for s, f in formats.items() if f.package is None]
        hint = f", or name the output {name.removesuffix(suffix)}{others[0]}" if others else ""
        raise InputError(
            f"{name} needs {chosen.package}, which is not installed: pip install 'tilemask[{chosen.extra}]'{hint}."
        )
    return name, chosen
