"""The command line: `tilemask demo | plan | run | verify | replay | info`."""

from tilemask.cli.app import app


def main() -> None:
    """Run the command that the arguments of this process ask for."""
    app(prog_name="tilemask")
