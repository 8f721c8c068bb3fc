"""What must be the same for a run to go on where another stopped: inputs, functions, parameters, tiles, versions.

The identity is plain JSON, so that two of them can be compared field by field and the difference shown. A function of
the user's is known by its source, its defaults, and what it closes over and takes from its module; what has no stable
digest (an open model, a lock) makes the plan unable to resume, which is said before it starts.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tilemask.image import Formula, Image, Step, Survey, Value
from tilemask.planning.graph import everything, inputs_of

PACKAGES = ("tilemask", "numpy", "scipy", "scikit-image", "opencv-python-headless", "zarr", "numcodecs")

SHOWN_CHARACTERS = 80
"""Of what differs, in a message."""


class UnstableError(Exception):
    """Something in a plan has no digest that another process would find again."""


def identity(
    outputs: Mapping[str, Image | Value], tile: tuple[int, ...], pyramid: bool
) -> tuple[dict[str, Any], list[str]]:
    """The identity of a plan, and what in it has no stable digest (empty: the run can be resumed)."""
    images, values = everything(
        [o for o in outputs.values() if isinstance(o, Image)], [o for o in outputs.values() if isinstance(o, Value)]
    )
    names: dict[Image | Value, str] = {image: f"image {n}" for n, image in enumerate(images)}
    names.update({value: f"value {n}" for n, value in enumerate(values)})
    unstable: list[str] = []
    inputs, steps = {}, {}
    for image in images:
        if isinstance(image.step, Step):
            steps[names[image]] = _describe_step(image, image.step, names, unstable)
        else:
            inputs[names[image]] = image.step.identity()
    for value in values:
        steps[names[value]] = _describe_value(value, names, unstable)
    described = {
        "inputs": inputs,
        "steps": steps,
        "outputs": {n: names[o] for n, o in outputs.items()},
        "tile": list(tile),
        "pyramid": pyramid,
        "versions": {p: version(p) for p in PACKAGES},
    }
    return json.loads(json.dumps(described)), unstable


def digest(described: Mapping[str, Any]) -> str:
    """The sha256 of an identity."""
    return hashlib.sha256(_text(described).encode()).hexdigest()


def differences(before: Any, now: Any, path: str = "") -> Iterator[str]:
    """Where two identities differ, one line a field."""
    if _is_long(before) and _is_long(now) and len(before) == len(now):
        before, now = ({str(n): thing for n, thing in enumerate(side)} for side in (before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from differences(before.get(key, "absent"), now.get(key, "absent"), f"{path}.{key}" if path else key)
    elif _text(before) != _text(now):  # to Python, 1 and true are equal
        texts = json.dumps(before), json.dumps(now)
        same = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), 0)
        yield f"{path}: {_short(texts[0], same)} before, {_short(texts[1], same)} now"


def _is_long(thing: Any) -> bool:
    """Whether a sequence is too long to be shown whole."""
    return isinstance(thing, list | tuple) and len(json.dumps(thing)) > SHOWN_CHARACTERS


def _text(thing: Any) -> str:
    return json.dumps(thing, sort_keys=True, separators=(",", ":"))


def _short(text: str, same: int) -> str:
    """A text, or so much of it that what follows the first `same` characters can be seen."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    start = max(0, same - 30)
    return f"{'…' * (start > 0)}{text[start : start + 70]}{'…' * (start + 70 < len(text))}"


def _describe_step(image: Image, step: Step, names: Mapping[Any, str], unstable: list[str]) -> dict[str, Any]:
    return {
        "function": _function(step.function, unstable),
        "images": [names[i] for i in inputs_of(image)],
        "arguments": _arguments(step.arguments, names, unstable, step.name),
        "records": None if step.records is None else names[step.records],
        "reach": step.reach,
        "scale": step.scale,
        "offset": step.offset,
        "cells": step.cells,
        "within": None if step.within is None else step.within.identity(),
        "shape": image.shape,
        "dtype": image.dtype.str,
    }


def _describe_value(value: Value, names: Mapping[Any, str], unstable: list[str]) -> dict[str, Any]:
    step = value.step
    if isinstance(step, Formula):
        operands = {str(n): o for n, o in enumerate(step.operands)}
        return {
            "function": _function(step.function, unstable),
            "operands": _arguments(operands, names, unstable, step.name),
        }
    assert isinstance(step, Survey)
    return {
        "functions": [_function(f, unstable) for f in (step.tile, step.combine, step.finish)],
        "images": [names[i] for i in step.images],
        "arguments": _arguments(step.arguments, names, unstable, step.name),
    }


def _arguments(
    arguments: Mapping[str, Any], names: Mapping[Any, str], unstable: list[str], where: str
) -> dict[str, Any]:
    described: dict[str, Any] = {}
    for name, argument in arguments.items():
        if isinstance(argument, Value):
            described[name] = names[argument]
        else:
            try:
                described[name] = stable(argument)
            except UnstableError as error:
                unstable.append(f"{where}({name}=…): {error}")
                described[name] = None
    return described


def _function(function: Callable[..., Any], unstable: list[str]) -> Any:
    try:
        return stable(function)
    except UnstableError as error:
        unstable.append(str(error))
        return None


def stable(thing: Any, seen: tuple[int, ...] = ()) -> Any:
    """Plain JSON that says what `thing` is, the same in every process.

    Raises
    ------
    UnstableError
        Where there is no such description.
    """
    if thing is None or isinstance(thing, str | bool | int):
        return thing
    if isinstance(thing, float):
        return thing.hex()
    if isinstance(thing, np.ndarray | np.generic):
        array = np.ascontiguousarray(thing)
        if array.dtype.hasobject:
            raise UnstableError("an array of objects has no stable digest")
        return [array.dtype.str, list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()]
    if isinstance(thing, np.dtype):
        return thing.str
    if isinstance(thing, list | tuple):
        return [stable(t, seen) for t in thing]
    if isinstance(thing, dict):
        return {str(k): stable(v, seen) for k, v in sorted(thing.items(), key=lambda item: str(item[0]))}
    if isinstance(thing, ModuleType):
        return [thing.__name__, _digest_of_source(thing)] if _is_own(thing) else thing.__name__
    if isinstance(thing, FunctionType):
        return _stable_function(thing, seen)
    if isinstance(thing, type) and _is_own(sys.modules.get(thing.__module__)):
        return [f"{thing.__module__}.{thing.__qualname__}", _digest_of_source(thing)]
    if (
        isinstance(thing, type)
        or inspect.isbuiltin(thing)
        or inspect.ismethoddescriptor(thing)
        or isinstance(thing, np.ufunc)
    ):
        return f"{getattr(thing, '__module__', 'builtins')}.{getattr(thing, '__qualname__', thing.__name__)}"
    if hasattr(thing, "func") and hasattr(thing, "keywords"):
        return [stable(thing.func, seen), stable(thing.args, seen), stable(thing.keywords, seen)]
    raise UnstableError(f"{type(thing).__module__}.{type(thing).__name__} has no stable digest")


def _stable_function(function: FunctionType, seen: tuple[int, ...]) -> Any:
    name = f"{function.__module__}.{function.__qualname__}"
    if function.__module__.partition(".")[0] in _INSTALLED or id(function) in seen:
        return name
    seen = (*seen, id(function))
    code = function.__code__
    described: dict[str, Any] = {"name": function.__qualname__}
    # Of the code: of a decorated function, inspect would give the source of what is inside.
    described["source"] = _digest_of_source(code)
    if described["source"] is None or function.__name__ == "<lambda>":  # several lambdas may share their lines
        described["code"] = [_code(c) for c in _codes(code)]
    described["defaults"] = stable([function.__defaults__, function.__kwdefaults__], seen)
    described["closure"] = [stable(_contents(c), seen) for c in function.__closure__ or ()]
    used = sorted({n for c in _codes(code) for n in c.co_names if n in function.__globals__})
    described["globals"] = {n: stable(function.__globals__[n], seen) for n in used}
    return described


def _digest_of_source(thing: Any) -> str | None:
    """None for what was typed in."""
    try:
        return hashlib.sha256(inspect.getsource(thing).encode()).hexdigest()
    except (OSError, TypeError):
        return None


def _is_own(module: ModuleType | None) -> bool:
    """Whether a module is the user's own; what is installed, or comes with Python, is known by its name."""
    file = getattr(module, "__file__", None)
    if module is None or file is None or module.__name__.partition(".")[0] in _INSTALLED:
        return False
    return not any(Path(file).is_relative_to(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))


def _codes(code: CodeType) -> list[CodeType]:
    """A function's code and that of the functions, lambdas and generators inside."""
    inside = [c for c in code.co_consts if isinstance(c, CodeType)]
    return [code, *(deeper for c in inside for deeper in _codes(c))]


def _code(code: CodeType) -> list[Any]:
    """Instructions and what they name, for functions without a source of their own."""
    # A set has another order in every process.
    constants = [sorted(map(repr, c)) if isinstance(c, frozenset) else repr(c) for c in code.co_consts]
    named = [text for text, c in zip(constants, code.co_consts, strict=True) if not isinstance(c, CodeType)]
    return [hashlib.sha256(code.co_code).hexdigest(), named, list(code.co_names)]


def _contents(cell: CellType) -> Any:
    """What a closure holds; nothing yet where a variable is assigned further down."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


_INSTALLED = {"tilemask", "numpy", "scipy", "skimage", "cv2"}
