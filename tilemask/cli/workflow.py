"""Find a workflow and read off its options: a plain function whose keyword-only parameters are typed.

A workflow file is loaded as a module of its own name and pickled by value, so that worker processes need neither the
file nor its folder.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tilemask.errors import InputError


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a workflow."""

    name: str
    type: Any
    default: Any
    """`inspect.Parameter.empty` where it must be given."""
    help: str


@dataclass(frozen=True)
class Workflow:
    """A function from an image to images and values."""

    function: Callable[..., Any]
    options: tuple[Option, ...]

    @property
    def name(self) -> str:
        return self.function.__name__


def load_workflow(place: str) -> Workflow:
    """Load a workflow by where it is.

    Parameters
    ----------
    place : str
        ``file.py``, ``file.py:function`` or ``module:function``.

    Raises
    ------
    InputError
        Nothing there, it cannot be imported, no such function, or a parameter that cannot be an option.
    """
    where, _, name = place.rpartition(":") if ":" in place else (place, "", "")
    if where.endswith(".py"):
        module = _load_file(Path(where))
    elif name:
        module = _load_module(where)
    else:
        raise InputError(f"{place!r} is not a workflow; give file.py, file.py:function or module:function.")
    function = _named(module, name, where) if name else _only(module, where)
    return Workflow(function, _options(function))


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        near = ", ".join(sorted(p.name for p in path.parent.glob("*.py"))[:5]) if path.parent.is_dir() else ""
        raise InputError(f"the workflow {path} does not exist; {path.parent} holds {near or 'no Python file'}.")
    # A prefix: a workflow called numpy.py must not stand in for NumPy.
    name = f"tilemask_workflow_{path.stem}"
    spec = spec_from_file_location(name, path.absolute())
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(
            f"the workflow {path} cannot be loaded: {_told(error, path)}. Mend it and try again."
        ) from error
    import cloudpickle  # here, so that --help does not load it

    cloudpickle.register_pickle_by_value(module)
    return module


def _told(error: Exception, path: Path) -> str:
    """An error with the last line of the file that it came through."""
    line, trace = getattr(error, "lineno", None), error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path.absolute()):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{type(error).__name__}: {error}" + (f" (line {line})" if line else "")


def _load_module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"the module {name!r} of the workflow cannot be imported ({error}); install it, or give file.py:function."
        ) from error


def _named(module: ModuleType, name: str, where: str) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not inspect.isfunction(function):
        there = ", ".join(f.__name__ for f in _workflows(module)) or "none"
        raise InputError(f"{where} has no function {name!r}; its workflows: {there}.")
    return function


def _only(module: ModuleType, where: str) -> Callable[..., Any]:
    found = _workflows(module)
    if len(found) != 1:
        names = ", ".join(f.__name__ for f in found)
        raise InputError(
            f"{where} has several workflows: {names}. Choose one, as in {where}:{found[0].__name__}."
            if found
            else f"{where} has no workflow: a public function whose first parameter is an image (annotated tm.Image)."
        )
    return found[0]


def _workflows(module: ModuleType) -> list[Callable[..., Any]]:
    """Public functions of the module itself whose first parameter is an image."""
    own = [f for f in vars(module).values() if inspect.isfunction(f) and f.__module__ == module.__name__]
    return [f for f in own if not f.__name__.startswith("_") and _takes_image(f)]


def _takes_image(function: Callable[..., Any]) -> bool:
    first = next(iter(inspect.signature(function).parameters.values()), None)
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        return False
    if first.annotation is first.empty:
        return first.name == "image"
    return str(getattr(first.annotation, "__name__", first.annotation)).rpartition(".")[2] == "Image"


def _options(function: Callable[..., Any]) -> tuple[Option, ...]:
    first, *others = inspect.signature(function).parameters.values()
    wrong = [p.name for p in others if p.kind is not p.KEYWORD_ONLY]
    if wrong:
        raise InputError(
            f"{function.__name__}: options are keyword-only parameters; write def {function.__name__}({first.name}, *, "
            f"{', '.join(wrong)}, …)."
        )
    hints = get_type_hints(function, include_extras=True)
    told = parameter_help(inspect.getdoc(function) or "")
    options = []
    for parameter in others:
        kind = hints.get(parameter.name, type(parameter.default))
        if parameter.name not in hints and parameter.default in (None, parameter.empty):
            raise InputError(
                f"{function.__name__}: the parameter {parameter.name!r} needs a type, such as sigma: float = 2.0."
            )
        if not _fits_an_option(kind):
            raise InputError(
                f"{function.__name__}: the parameter {parameter.name!r} of type {kind} cannot become an option; int, "
                "float, str, bool, Path, Literal, Enum and Optional of them can."
            )
        options.append(Option(parameter.name, kind, parameter.default, told.get(parameter.name, "")))
    return tuple(options)


def _fits_an_option(kind: Any) -> bool:
    if get_origin(kind) in (Union, UnionType):
        return all(k is NoneType or _fits_an_option(k) for k in get_args(kind))
    if get_origin(kind) is Literal:
        return True
    return kind in (int, float, str, bool, Path) or (isinstance(kind, type) and issubclass(kind, Enum))


def parameter_help(docstring: str) -> dict[str, str]:
    """The descriptions in the Parameters section of a numpydoc docstring, by name."""
    lines = docstring.splitlines()
    starts = [n for n, line in enumerate(lines[:-1]) if line == "Parameters" and set(lines[n + 1]) == {"-"}]
    found: dict[str, list[str]] = {}
    names: list[str] = []
    for n in range(starts[0] + 2 if starts else len(lines), len(lines)):
        line = lines[n]
        if n + 1 < len(lines) and lines[n + 1] and set(lines[n + 1]) == {"-"}:
            break
        if line.startswith(" "):
            for name in names:
                found[name].append(line.strip())
        elif line:
            names = [name.strip(" *") for name in line.partition(":")[0].split(",")]
            found |= {name: [] for name in names}
    return {name: " ".join(text) for name, text in found.items()}
