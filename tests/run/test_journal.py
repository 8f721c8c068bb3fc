"""Whatever happens to the file: what it says is done, is done."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tilemask as tm
from tests.run.cases import contents, several
from tilemask.boxes import Grid
from tilemask.planning import Pass
from tilemask.run.journal import Journal, read_lines
from tilemask.run.outputs import state_folder
from tilemask.run.task import TaskResult

PASS = Pass(0, Grid((40, 40), (10, 10)))
TRUE = {n: [(f"labels/cells/0/c/{n}", 100 + n, 7 * n)] for n in range(0, 16, 2)}


def written(folder: Path) -> bytes:
    journal = Journal(folder)
    for number, objects in TRUE.items():
        journal.record(PASS, TaskResult(number, tiles=[(number, objects)]))
    journal.close()
    return (folder / "journal.jsonl").read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return written(tmp_path_factory.mktemp("journal"))


def claims(folder: Path, data: bytes) -> dict[int, list[tuple]]:
    (folder / "journal.jsonl").write_bytes(data)
    done, _ = Journal(folder).begun(PASS)
    lines = [line for line in read_lines(folder / "journal.jsonl") if "tile" in line]
    said = {line["tile"]: [tuple(o) for o in line["objects"]] for line in lines}
    assert said.keys() == {n for n, d in enumerate(done) if d}
    return said


@settings(
    max_examples=300, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_never_claims_what_is_not_done(whole: bytes, tmp_path: Path, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3), label="flips")):
        damaged[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    del damaged[data.draw(st.integers(0, len(whole)), label="length") :]
    damaged += data.draw(st.sampled_from([b"", b"\x00" * 50, b"garbage\n", whole[: len(whole) // 3]]), label="tail")
    assert claims(tmp_path, bytes(damaged)).items() <= TRUE.items()


def test_every_single_bit(whole: bytes, tmp_path: Path) -> None:
    for position in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << position % 8
        assert claims(tmp_path, bytes(damaged)).items() <= TRUE.items()


def test_a_torn_line_does_not_take_the_next_one_with_it(whole: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(whole[:-5])
    journal = Journal(tmp_path)
    journal.record(PASS, TaskResult(15, tiles=[(15, [])]))
    journal.close()
    assert {line["tile"] for line in read_lines(tmp_path / "journal.jsonl")} == {*TRUE, 15} - {14}


@pytest.mark.parametrize("damage", ["cut", "garbage", "flip"])
def test_a_damaged_state_or_value_is_gathered_again(source: Path, tmp_path: Path, damage: str) -> None:
    """Also where the scratch of an earlier pass has been let go meanwhile."""
    path = tmp_path / "out.ome.zarr"
    outputs = several(tm.open_image(source))
    tm.save(outputs, path, tile=50, quiet=True)
    expected = contents(path)
    for name in ("cells", "mask"):
        document = path / "labels" / name / "zarr.json"
        document.write_text(document.read_text().replace('"complete"', '"incomplete"'))
    for file in state_folder(path).glob("*/*.parts"):
        data = file.read_bytes()
        flipped = data[:9] + bytes([data[9] ^ 4]) + data[10:]
        file.write_bytes({"cut": data[:-1], "garbage": b"zzzzzzzz\n" + data, "flip": flipped}[damage])
    run = tm.save(outputs, path, tile=50, quiet=True)
    assert run.tiles_done > 0
    assert contents(path) == expected
