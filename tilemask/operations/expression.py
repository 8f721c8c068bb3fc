"""Conditions on objects as text: ``area > 50 and solidity > 0.9``.

The text is parsed as a Python expression, and the tree is walked by this file alone: what is not on the list below is
an error that shows it, and nothing is ever run as code. So a condition may come from a command line or a file.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tilemask.errors import InputError

Columns = Mapping[str, NDArray[Any]]

_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": np.abs, "min": np.minimum, "max": np.maximum}
_DEPTH = 50
_LARGEST = int(np.finfo(np.float64).max)
"""Larger whole numbers are no float."""
_ALLOWED = "names of properties, numbers, < <= > >= == !=, and or not, + - * / **, abs, min, max and parentheses"


def parse(text: str) -> ast.expr:
    """Parse a condition and check every part of it.

    Raises
    ------
    InputError
        For what is not a condition, or holds anything else than the list allows; shows the part.
    """
    if not isinstance(text, str):
        raise InputError(f"where= is a condition as text, as in 'area > 50 and solidity > 0.9'; found {text!r}.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        why = error.msg if isinstance(error, SyntaxError) else error
        raise InputError(f"{_cut(text)!r} cannot be read as a condition ({why}). It may hold {_ALLOWED}.") from None
    _check(tree, text, _DEPTH)
    if not _is_condition(tree):
        raise InputError(f"{_cut(text)!r} is a number, not a condition. Compare it, as in {_cut(text)} > 0.")
    return tree


def names_in(tree: ast.expr) -> list[str]:
    """The names of columns in a condition, each once."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = (node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)
    return list(dict.fromkeys(names))


def column_of(name: str, properties: Sequence[str] | Mapping[str, Any]) -> tuple[str, str]:
    """The property and the column that a name means: ``bbox_0`` is column ``bbox-0`` of `bbox`."""
    base, places = name, list[str]()
    while base not in properties and (found := re.fullmatch(r"(.+)_(\d+)", base)):
        base, place = found.groups()
        places.insert(0, place)
    return base, "-".join((base, *places))


def fulfilled(tree: ast.expr, columns: Columns) -> NDArray[np.bool_]:
    """Per object whether a condition that `parse` has passed is true; with NaN a comparison is not."""
    with np.errstate(all="ignore"):
        return np.asarray(_evaluate(tree, columns), np.bool_)


def _is_condition(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare | ast.BoolOp) or (
        isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    )


def _check(node: ast.expr, text: str, depth: int) -> None:
    """Refuse what is not on the list, what is too deep, and numbers and conditions in each other's place."""
    if not depth:
        raise InputError(f"a condition may be {_DEPTH} levels deep; found more in {_cut(text)!r}. Make it simpler.")
    if not _allowed(node):
        raise InputError(f"{_shown(node)!r} cannot be part of a condition (in {_cut(text)!r}). It may hold {_ALLOWED}.")
    conditions = isinstance(getattr(node, "op", None), ast.And | ast.Or | ast.Not)
    for part in _parts(node):
        _check(part, text, depth - 1)
        if _is_condition(part) != conditions:
            wanted, found = ("a condition", "a number") if conditions else ("a number", "a condition")
            raise InputError(
                f"{_cut(text)!r}: {wanted} is needed where {found} stands, {_shown(part)!r}. Put and, or and not "
                "between comparisons of numbers."
            )


def _shown(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, int) and node.value > _LARGEST:
        return f"a number above {float(_LARGEST):.1e}"  # Python refuses to write out the longest
    return _cut(ast.unparse(node), 60)


def _cut(text: str, most: int = 200) -> str:
    """A text of any length as a message can show it."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _allowed(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return type(node.value) is float or (type(node.value) is int and node.value <= _LARGEST)
    if isinstance(node, ast.Compare):
        return all(type(op) in _COMPARISONS for op in node.ops)
    if isinstance(node, ast.BinOp):
        return type(node.op) in _ARITHMETIC or isinstance(node.op, ast.Pow)
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not | ast.USub | ast.UAdd)
    if isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS and not node.keywords
        return known and len(node.args) == (1 if isinstance(node.func, ast.Name) and node.func.id == "abs" else 2)
    return isinstance(node, ast.BoolOp | ast.Name)


def _parts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    elif isinstance(node, ast.Compare):
        yield from (node.left, *node.comparators)
    elif isinstance(node, ast.Call):
        yield from node.args


def _evaluate(node: ast.expr, columns: Columns) -> Any:
    parts = [_evaluate(part, columns) for part in _parts(node)]
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return columns[node.id]
    if isinstance(node, ast.Compare):
        pairs = zip(node.ops, parts[:-1], parts[1:], strict=True)
        return reduce(np.logical_and, (_COMPARISONS[type(op)](a, b) for op, a, b in pairs))
    if isinstance(node, ast.BoolOp):
        return reduce(np.logical_and if isinstance(node.op, ast.And) else np.logical_or, parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return np.logical_not(parts[0])
    numbers = [np.asarray(part, np.float64) for part in parts]
    if isinstance(node, ast.UnaryOp):
        return -numbers[0] if isinstance(node.op, ast.USub) else numbers[0]
    if isinstance(node, ast.Call):
        assert isinstance(node.func, ast.Name)
        return _FUNCTIONS[node.func.id](*numbers)
    assert isinstance(node, ast.BinOp)
    return _power(*numbers) if isinstance(node.op, ast.Pow) else _ARITHMETIC[type(node.op)](*numbers)


def _power(base: NDArray[np.float64], exponent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Powers one at a time: a vector function may round the last numbers of an array otherwise."""
    pairs = np.broadcast(base, exponent)
    return np.array([b**e for b, e in pairs], np.float64).reshape(pairs.shape)
