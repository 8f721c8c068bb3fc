"""One run per output: an advisory lock of the system on a file in the run's folder.

The system lets go of it when its process ends, however it ends, so there is no stale lock and no clock to trust.
Workers of a killed run may still be writing; they write the same bytes under the same names, each object whole, so they
do no harm.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tilemask.errors import LockedError, StorageError


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Own the output while the block runs.

    Raises
    ------
    LockedError
        Another run owns it; names host, process and start.
    StorageError
        The file system has no locks.
    """
    descriptor = os.open(folder / "lock.json", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(descriptor, 4096, 0).decode(errors="replace") or "unknown"
            raise LockedError(
                f"another run is writing {folder.name.removesuffix('.tilemask')}: {owner.strip()}. "
                "Wait for it, stop it, or choose another output."
            ) from None
        except OSError as error:
            raise StorageError(
                f"{folder} lies on a file system without locks ({error}); two runs could not be told apart. "
                "Write to a local or an NFSv4 folder."
            ) from error
        owner = json.dumps(
            {"host": socket.gethostname(), "process": os.getpid(), "started": time.strftime("%Y-%m-%d %H:%M:%S")}
        )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, owner.encode(), 0)
        yield
    finally:
        os.close(descriptor)
