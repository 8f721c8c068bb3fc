"""The arrows between the folders, parsed from the imports of every file."""

import ast
from collections.abc import Iterator

import pytest

from tests.cli.commands import ROOT

PACKAGE = ROOT / "tilemask"
BELOW = {
    "errors": set(),
    "boxes": {"errors"},
    "image": {"errors", "boxes"},
    "read": {"errors", "boxes", "image"},
    "stitch": {"errors", "boxes", "image"},
    "operations": {"errors", "boxes", "image", "read", "stitch"},
    "planning": {"errors", "boxes", "image", "read", "stitch", "operations"},
    "write": {"errors", "boxes", "image", "read", "stitch", "operations", "planning"},
    "run": {"errors", "boxes", "image", "read", "stitch", "operations", "planning", "write"},
    "score": {"errors", "boxes", "image", "read", "stitch", "operations", "planning", "write", "run"},
    "report": {"errors", "boxes", "image", "read", "stitch", "operations", "planning", "write", "run"},
    "testing": {"errors", "boxes", "image"},
    "cli": {"errors", "boxes", "image", "read", "stitch", "operations", "planning", "write", "run", "score", "report"},
}
NAMED_EXCEPTION = {("image", "run")}
"""The bodies of `compute` and `to_dask`; never at the top of a file."""
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.name not in ("__main__.py",) and p != PACKAGE / "__init__.py")


def layer(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def imports(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """Modules imported anywhere in a file, and whether only type checkers follow them."""
    typing = {
        id(n)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and isinstance(test.test, ast.Name) and test.test.id == "TYPE_CHECKING"
        for n in ast.walk(test)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            # `from tilemask import testing` names a layer too.
            names = (
                [f"{node.module}.{a.name}" for a in node.names] if node.module == "tilemask" else [node.module or ""]
            )
            yield from ((name, id(node) in typing) for name in names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, id(node) in typing) for a in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_arrows(path):
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    tree = ast.parse(path.read_text())
    for module, typing in imports(tree):
        if typing or not module.startswith("tilemask."):
            continue
        there = layer(module)
        if there == "__version__" or there == here or (here, there) in NAMED_EXCEPTION:
            continue
        assert there in BELOW[here], f"{path.name} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_dask_stays_in_its_place(path):
    here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    used = {m.partition(".")[0] for m, typing in imports(ast.parse(path.read_text())) if not typing}
    if here not in ("read", "run"):
        assert not used & {"dask", "distributed"}
    if here in ("errors", "boxes", "image"):
        assert not used & {"zarr", "skimage", "scipy", "cv2", "tifffile", "pandas"}


def test_the_named_exception_is_within_functions():
    for path in (p for p in FILES if p.relative_to(PACKAGE).parts[0].removesuffix(".py") == "image"):
        for node in ast.parse(path.read_text()).body:
            assert not (isinstance(node, ast.ImportFrom) and str(node.module).startswith("tilemask.run"))
