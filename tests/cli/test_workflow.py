"""Finding workflows and turning their parameters into options."""

from enum import Enum
from typing import Any, Literal, Optional

import pytest
import typer
from typer.testing import CliRunner

from tilemask.cli.options import options_of
from tilemask.cli.workflow import Workflow, _options, load_workflow, parameter_help
from tilemask.errors import InputError
from tilemask.image import Image


class Method(Enum):
    OTSU = "otsu"
    LI = "li"


def many(
    image: Image,
    *,
    sigma: float = 2.0,
    count: int,
    name: str = "a",
    fast: bool = False,
    method: Method = Method.OTSU,
    side: Literal["left", "right"] = "left",
    limit: Optional[float] = None,  # noqa: UP045
    size: int | None = None,
) -> Any: ...


def read(*arguments: str) -> dict[str, Any]:
    """The values that a command line gives."""
    command = options_of(Workflow(many, _options(many)))
    with command.make_context("many", list(arguments)) as context:
        return command.callback(**context.params)


def test_defaults_and_types():
    assert read("--count", "3") == {
        "sigma": 2.0, "count": 3, "name": "a", "fast": False, "method": Method.OTSU, "side": "left", "limit": None,
        "size": None,
    }  # fmt: skip


def test_given_values():
    values = read("--count=1", "--fast", "--method", "li", "--side", "right", "--limit", "0.5", "--size", "7")
    assert values["fast"] is True
    assert values["method"] is Method.LI
    assert (values["side"], values["limit"], values["size"]) == ("right", 0.5, 7)


@pytest.mark.parametrize(
    "wrong", [(), ("--count", "x"), ("--count", "1", "--side", "up"), ("--count", "1", "--tau", "2")]
)
def test_wrong_values_are_refused(wrong):
    app = typer.Typer()

    @app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def command(context: typer.Context) -> None:
        read(*context.args)

    assert CliRunner().invoke(app, list(wrong)).exit_code != 0


def test_help_comes_from_the_parameters_section():
    docstring = """Do it.

Parameters
----------
image : Image
    One channel.
low, high : float
    Limits, in grey levels:
    both included.

Returns
-------
Image
    Not an option.
"""
    assert parameter_help(docstring) == {
        "image": "One channel.",
        "low": "Limits, in grey levels: both included.",
        "high": "Limits, in grey levels: both included.",
    }
    assert parameter_help("No section.") == {}


CASES = {
    "missing file": ("gone.py", None, "does not exist"),
    "not a workflow": ("slide.ome.zarr", None, "is not a workflow"),
    "unknown function": ("w.py:other", "def found(image): ...", "has no function 'other'; its workflows: found"),
    "several": ("w.py", "def a(image): ...\ndef b(image): ...", r"several workflows: a, b\. Choose one, as in w\.py:a"),
    "none": ("w.py", "def a(): ...\ndef _b(image): ...", "has no workflow"),
    "does not import": ("w.py", "import tilemask\nimport no_such_thing", r"No module named 'no_such_thing' \(line 2\)"),
    "syntax": ("w.py", "def a(image:\n", r"cannot be loaded: SyntaxError.*\(line 1\)"),
    "positional option": (
        "w.py",
        "def a(image, sigma=2): ...",
        r"keyword-only parameters; write def a\(image, \*, sigma",
    ),
    "no type": ("w.py", "def a(image, *, sigma): ...", "'sigma' needs a type"),
    "no option": ("w.py", "def a(image, *, sizes: dict = {}): ...", "cannot become an option"),
    "no module": ("no_such_module:a", None, "cannot be imported"),
}


@pytest.mark.parametrize(("place", "text", "message"), CASES.values(), ids=CASES)
def test_bad_workflows_are_refused(tmp_path, monkeypatch, place, text, message):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        (tmp_path / "w.py").write_text(text)
    with pytest.raises(InputError, match=message):
        options_of(load_workflow(place))


def test_the_image_is_known_by_annotation_or_name(tmp_path):
    (tmp_path / "w.py").write_text(
        "from __future__ import annotations\nimport numpy as np\nimport tilemask as tm\n"
        "def kernel(pixels: np.ndarray): ...\ndef work(slide: tm.Image, *, a: int = 1): ...\n"
    )
    assert load_workflow(str(tmp_path / "w.py")).name == "work"


def test_a_name_that_the_command_has_is_refused(tmp_path, monkeypatch, invoke):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.py").write_text("def work(image, *, tile: int = 1): ...")
    done = invoke("run", "w.py", "in", "out")
    assert done.exit_code == 2
    assert "the parameter 'tile' has the name of an option of the command" in done.stderr
