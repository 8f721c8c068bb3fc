"""From errors and signals to one clear message and an exit code.

An error that tilemask raises on purpose says all that is needed, so it is shown without a traceback; any other is a
defect, of tilemask or of the user's own code, and shows where it came from.
"""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from tilemask.errors import Interrupted, StorageError, TilemaskError

EXIT_CODES = (
    "Exit codes: 0 done · 1 unexpected error, or verify found problems · 2 input or plan refused · 3 tiles failed · "
    "4 cluster lost · 5 storage · 6 output locked by another run · 130 interrupted · 143 terminated"
)
TERMINATED = 143
"""128 + SIGTERM: what a batch system expects of a job that it stopped."""


class Commands(TyperGroup):
    """The commands, with errors turned into messages and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        with exit_codes():
            return super().invoke(ctx)


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors of tilemask, Ctrl-C and SIGTERM into a message on stderr and `typer.Exit`."""
    with _termination() as terminated, warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            yield
        except Interrupted as error:
            _say(error)
            raise typer.Exit(TERMINATED if terminated.is_set() else error.exit_code) from None
        except StorageError as error:
            _say(error.strerror or error)  # without the number that an OSError puts in front
            raise typer.Exit(error.exit_code) from None
        except TilemaskError as error:
            _say(error)
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            _say("stopped; what is recorded stays, and running the same command again goes on from there.")
            raise typer.Exit(TERMINATED if terminated.is_set() else Interrupted.exit_code) from None


@contextmanager
def _termination() -> Iterator[threading.Event]:
    """SIGTERM becomes a Ctrl-C, whatever handles that at the moment; the event tells them apart."""
    terminated = threading.Event()

    def stop(number: int, frame: Any) -> None:
        terminated.set()
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's
        yield terminated
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield terminated
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(message: object) -> None:
    print(f"tilemask: {message}", file=sys.stderr, flush=True)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")
