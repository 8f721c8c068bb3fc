"""What is kept of a tile that failed, so that one command repeats it alone.

A bundle is a folder with the kernel's inputs (``inputs.npz``, no pickle) and ``failure.json``: which function with
which parameters, on which tile, and what it said. A function is named by module or file and by its name; code is never
stored.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

from tilemask.boxes import Box
from tilemask.errors import InputError
from tilemask.run.kernel import KernelError, breach_of

LIMIT_BYTES = 256 << 20
KEPT = 20
"""Bundles of a run; a function that fails everywhere must not fill the disk with inputs."""


@dataclass(frozen=True)
class Bundle:
    """One failure and what is needed to repeat it."""

    number: int
    tile: int
    core: Box
    trace: str
    error: KernelError


def save_bundle(bundle: Bundle, folder: str) -> str | None:
    """Save the bundle; returns its folder, or None where it would be too large or nothing can be written."""
    error = bundle.error
    if sum(a.nbytes for a in error.arrays) > LIMIT_BYTES:
        return None
    target = _place(bundle.number, bundle.tile, folder)
    if not target.exists() and len(list(target.parent.glob("pass*"))) >= KEPT:
        return None
    inputs = {f"image{n}": np.asarray(a) for n, a in enumerate(error.arrays)}
    plain: dict[str, Any] = {}
    for name, value in error.arguments.items():
        if isinstance(value, np.ndarray | np.generic):
            inputs[f"argument_{name}"] = np.asarray(value)
        elif isinstance(value, str | int | float | bool | None):
            plain[name] = value
        else:
            plain[name] = {"not saved": type(value).__name__}
    function = error.function
    code = getattr(function, "__code__", None)
    described = {
        "pass": bundle.number,
        "tile": bundle.tile,
        "core": str(bundle.core),
        "reason": str(error),
        "trace": bundle.trace,
        "module": function.__module__,
        "name": getattr(function, "__qualname__", type(function).__name__),
        "file": code.co_filename if code is not None else None,
        "arguments": plain,
        "wanted": None if error.wanted is None else [list(error.wanted[0]), error.wanted[1].str],
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(target / "inputs.npz", **inputs)  # type: ignore[arg-type]
        (target / "failure.json").write_text(json.dumps(described, indent=1))
    except OSError:
        return None
    return str(target)


def find_bundle(number: int, tile: int, folder: str) -> str | None:
    """The bundle of a tile of a pass, where one was saved."""
    place = _place(number, tile, folder)
    return str(place) if (place / "failure.json").exists() else None


def saved_reason(bundle: str) -> str:
    """What the bundle says of the call."""
    return str(json.loads((Path(bundle) / "failure.json").read_text())["reason"])


def forget_bundle(folder: str | None) -> None:
    """Delete a bundle that was saved ahead of a call that has returned."""
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _place(number: int, tile: int, folder: str) -> Path:
    return Path(folder) / f"pass{number}-tile{tile}"


def replay(folder: Path) -> Any:
    """Run the function that failed on its saved inputs; raises what it raises.

    Parameters
    ----------
    folder : Path
        A bundle, as named in the message of the failed run.

    Raises
    ------
    InputError
        The folder is no bundle, or the function cannot be found by name (a lambda, a closure).
    """
    try:
        described = json.loads((folder / "failure.json").read_text())
        with np.load(folder / "inputs.npz", allow_pickle=False) as file:
            saved = dict(file)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} is not a saved failure ({error}); give a folder named in the run's message."
        ) from error
    arguments = dict(described["arguments"])
    missing = [n for n, v in arguments.items() if isinstance(v, dict)]
    if missing:
        raise InputError(f"{folder}: the parameters {missing} could not be saved; repeat this tile from your own code.")
    arguments |= {n.removeprefix("argument_"): v[()] for n, v in saved.items() if n.startswith("argument_")}
    images = [saved[f"image{n}"] for n in range(sum(name.startswith("image") for name in saved))]
    function = _find(described)
    result = function(*images, **arguments)
    if described["wanted"] is not None:
        shape, dtype = described["wanted"]
        if breach := breach_of(described["name"], result, tuple(shape), np.dtype(dtype)):
            raise InputError(breach)
    return result


def _find(described: Mapping[str, Any]) -> Callable[..., Any]:
    name, file = described["name"], described["file"]
    if "<" in name:
        raise InputError(f"{name} of {file or described['module']} has no name to find it by; give it one with def.")
    try:
        found: Any = import_module(described["module"])
        if described["module"] == "__main__":
            raise ImportError
    except ImportError:
        spec = spec_from_file_location("tilemask_replayed", file) if file else None
        if spec is None or spec.loader is None:
            raise InputError(f"the module {described['module']} of {name} cannot be imported here.") from None
        found = module_from_spec(spec)
        spec.loader.exec_module(found)
    for part in name.split("."):
        found = getattr(found, part)
    return found
