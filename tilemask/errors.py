"""The exceptions of tilemask: one small tree, each with the exit code of the command line.

    TilemaskError
    ├── InputError         (ValueError)   what was given cannot be used
    │   ├── PlanError                     the work cannot fit (memory, disk, tile)
    │   └── ChangedPlanError              the output belongs to another plan
    ├── IncompleteError    (ValueError)   an output whose run has not been committed
    ├── TileError          (RuntimeError) one or more tiles failed; the others are done
    ├── ClusterError       (RuntimeError) workers or scheduler lost, or not alike
    ├── StorageError       (OSError)      disk full, not writable
    ├── LockedError        (RuntimeError) another run owns the output
    └── Interrupted        (KeyboardInterrupt) stopped in order by the user

A message has three parts: what was asked, what was found, what to do.
"""


class TilemaskError(Exception):
    """Base of every error that tilemask raises on purpose."""

    exit_code = 1


class InputError(TilemaskError, ValueError):
    """What was given cannot be used; nothing has been started."""

    exit_code = 2


class PlanError(InputError):
    """The plan does not fit into memory, disk or the write units of the output."""


class ChangedPlanError(InputError):
    """The output was begun, or finished, by a different plan."""


class IncompleteError(TilemaskError, ValueError):
    """The output exists, but its run was never committed."""

    exit_code = 2


class TileError(TilemaskError, RuntimeError):
    """One or more tiles failed; every other tile is done and recorded."""

    exit_code = 3


class ClusterError(TilemaskError, RuntimeError):
    """The scheduler or the workers are gone, unreachable or not alike."""

    exit_code = 4


class StorageError(TilemaskError, OSError):
    """The output cannot be written: disk full, no permission."""

    exit_code = 5


class LockedError(TilemaskError, RuntimeError):
    """Another run owns this output."""

    exit_code = 6


class Interrupted(TilemaskError, KeyboardInterrupt):  # noqa: N818 - it is no error
    """The user stopped the run; what is recorded stays, running again goes on."""

    exit_code = 130
