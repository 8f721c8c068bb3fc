"""What is said of a pass that stopped before its end: whose fault it was, what is done, and how to go on."""

from __future__ import annotations

from tilemask.errors import ClusterError, Interrupted, StorageError, TileError, TilemaskError
from tilemask.planning import Pass
from tilemask.run.task import Failure

AGAIN = "run the same command again to go on from there."
SHOWN = 5


def undone(
    current: Pass, passes: int, failures: list[Failure], done: bytearray, asked: bool, durable: bool
) -> TilemaskError:
    """The error to raise where tiles are left; `asked` is whether the run was asked to stop."""
    where, ready = f"pass {current.number + 1}", f"{done.count(1)} of {len(done)} tiles"
    full = next((f for f in failures if f.disk_full), None)
    if full is not None:
        stored = f"{ready} of {where} are stored"
        return StorageError(f"the disk is full: {full.reason}. {stored}; free some space and {AGAIN}")
    if asked:
        return Interrupted(f"stopped in {where} of {passes} with {ready} done; {AGAIN}")
    if not failures:
        return ClusterError(
            f"tasks came back undone, {ready} of {where} are done. If no other run is going on, {AGAIN}"
        )
    return _failed(failures, done, where, durable)


def _failed(failures: list[Failure], done: bytearray, where: str, durable: bool) -> TileError:
    shown = "\n".join(
        f"  tile {f.tile} {f.box}: {f.reason}"
        + (f"\n    repeat it alone: tilemask replay {f.bundle}" if f.bundle else "")
        for f in failures[:SHOWN]
    )
    more = f"\n  and {len(failures) - SHOWN} more" if len(failures) > SHOWN else ""
    why = "every tile tried so far failed, so " if 1 not in done else ""
    rest = f"; {why}the rest was not tried" if done.count(0) > len(failures) else ""
    kept = (
        "\nNothing is committed. Mend the cause and run the same command again: done tiles are kept." if durable else ""
    )
    error = TileError(
        f"{len(failures)} of {len(done)} tiles failed in {where}; {done.count(1)} are done{rest}:\n{shown}{more}{kept}"
    )
    error.add_note(failures[0].trace)
    return error
