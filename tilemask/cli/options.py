"""A command whose options depend on its first argument: those of the workflow that it runs.

The workflow is found in a first, lenient reading of the arguments. Typer then makes options of its typed parameters,
as it does for any function, so types, choices, defaults and help are checked and shown in one way.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from tilemask.cli.workflow import Workflow, load_workflow
from tilemask.errors import InputError

_LOADED = "tilemask.workflow"
_VALUES = "tilemask.values"
_COMMAND = "tilemask.command"


class WorkflowCommand(TyperCommand):
    """A command with an argument `workflow`, and that workflow's options beside its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        place = self._place(ctx, args)
        if place is None or ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        workflow = load_workflow(place)
        _refuse_taken_names(workflow, {p.name for p in self.params})
        command = options_of(workflow)
        ctx.meta[_LOADED], ctx.meta[_COMMAND] = workflow, command
        rest = super().parse_args(ctx, args)
        ctx.meta[_VALUES] = command.callback(**{p.name: ctx.params.pop(p.name) for p in command.params})
        return rest

    def get_params(self, ctx: Any) -> list[Any]:
        command = ctx.meta.get(_COMMAND)
        *own, last = super().get_params(ctx)
        return [*own, last] if command is None else [*own, *command.params, last]

    def _place(self, ctx: Any, args: list[str]) -> str | None:
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        try:
            values, _, _ = parser.parse_args(list(args))
        except Exception:
            return None  # the strict reading that follows says what is wrong
        place = values.get("workflow")
        return place if isinstance(place, str) and not place.startswith("-") else None


def options_of(workflow: Workflow) -> Any:
    """A command that has the workflow's options and returns their converted values."""

    def collect(**values: Any) -> dict[str, Any]:
        return values

    panel = f"Options of {workflow.name}"
    parameters = [
        inspect.Parameter(
            o.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=o.default,
            annotation=Annotated[o.type, typer.Option(help=o.help, rich_help_panel=panel)],
        )
        for o in workflow.options
    ]
    collect.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    collect.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(add_completion=False)
    app.command()(collect)
    return typer.main.get_command(app)


def chosen(ctx: typer.Context) -> tuple[Workflow, dict[str, Any]]:
    """The workflow of a command that is running, and the values of its options."""
    return ctx.meta[_LOADED], ctx.meta[_VALUES]


def _refuse_taken_names(workflow: Workflow, taken: set[str | None]) -> None:
    both = [o.name for o in workflow.options if o.name in taken]
    if both:
        raise InputError(
            f"{workflow.name}: the parameter {both[0]!r} has the name of an option of the command itself; "
            "give it another name in the workflow."
        )
