"""What tilemask wrote can be deleted; what it did not write stays."""

from pathlib import Path

import numpy as np
import pytest

from tests.write.stores import PLAN, output, pixels, save, validate, write_source
from tilemask.errors import InputError
from tilemask.write.host import marks, source_pyramid
from tilemask.write.ome_zarr import create
from tilemask.write.removal import remove, sweep


def test_a_store_of_ours_goes_as_a_whole(tmp_path: Path) -> None:
    numbers = pixels((90, 130))
    save(tmp_path / "out", {output(): numbers, output("smooth", "image"): numbers.astype(np.uint16)})
    remove(tmp_path / "out", list(marks(tmp_path / "out")))
    assert list(tmp_path.iterdir()) == []


def test_an_incomplete_store_goes_too(tmp_path: Path) -> None:
    create(tmp_path / "out", [output(), output("smooth", "image")], plan=PLAN)
    remove(tmp_path / "out", ["nuclei", "smooth"])
    assert not (tmp_path / "out").exists()


def test_labels_leave_an_image_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, np.zeros((91, 131), np.uint16))
    before = {f: f.read_bytes() for f in source.rglob("*") if f.is_file()}
    levels = source_pyramid(source, (64, 64))
    shape = (91, 131)
    save(
        source,
        {output(shape=shape, levels=levels): pixels(shape), output("b", shape=shape, levels=levels): pixels(shape)},
    )
    remove(source, ["b"])
    validate(source)
    assert list(marks(source)) == ["nuclei"]
    remove(source, ["nuclei", "never-there"])
    assert {f: f.read_bytes() for f in source.rglob("*") if f.is_file()} == before


def test_the_root_stays_while_others_need_it(tmp_path: Path) -> None:
    store = tmp_path / "out"
    save(store, {output(): pixels((90, 130)), output("cells"): pixels((90, 130))})
    with pytest.raises(InputError, match="cannot be deleted while it holds cells"):
        remove(store, ["nuclei"])
    validate(store)
    remove(store, ["cells"])
    validate(store)
    remove(store, ["nuclei"])
    assert not store.exists()


@pytest.mark.parametrize(
    "where", ["thesis.txt", "labels/thesis.txt", "labels/nuclei/thesis.txt", "labels/manual/zarr.json"]
)
def test_what_others_put_there_is_named_and_nothing_is_deleted(tmp_path: Path, where: str) -> None:
    store = tmp_path / "out"
    save(store, {output(): pixels((90, 130))})
    (store / where).parent.mkdir(exist_ok=True)
    (store / where).write_text("{}")
    before = set(store.rglob("*"))
    with pytest.raises(InputError, match="which tilemask did not write"):
        remove(store, ["nuclei"])
    assert set(store.rglob("*")) == before
    assert marks(store)["nuclei"]["state"] == "complete"


def test_labels_of_others_are_not_deleted(tmp_path: Path) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, np.zeros((91, 131), np.uint16))
    (source / "labels/manual").mkdir(parents=True)
    with pytest.raises(InputError, match="was not written by tilemask"):
        remove(source, ["manual"])
    with pytest.raises(InputError, match="cannot be the name"):
        remove(source, ["../slide.ome.zarr"])
    assert (source / "labels/manual").is_dir()


def test_a_folder_without_our_mark_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").touch()
    with pytest.raises(InputError, match="is not a Zarr group"):
        remove(tmp_path / "photos", ["a"])
    remove(tmp_path / "nothing", ["a"])


def test_links_are_not_followed(tmp_path: Path) -> None:
    save(tmp_path / "real", {output(): pixels((90, 130))})
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    with pytest.raises(InputError, match="is a link to"):
        remove(tmp_path / "linked", ["nuclei"])
    outside = tmp_path / "outside"
    (tmp_path / "real/labels/nuclei/0").rename(outside)
    (tmp_path / "real/labels/nuclei/0").symlink_to(outside)
    kept = sorted(outside.rglob("*"))
    remove(tmp_path / "real", ["nuclei"])
    assert sorted(outside.rglob("*")) == kept
    assert not (tmp_path / "real").exists()


def test_litter_of_killed_writers_is_swept(tmp_path: Path) -> None:
    spec = output()
    save(tmp_path / "out", {spec: pixels((90, 130))})
    for place in ("0/c/0/0.5f.partial", "1/zarr.5f.partial"):
        (tmp_path / "out/labels/nuclei" / place).touch()
    assert sweep(tmp_path / "out", [spec]) == 2
    assert list((tmp_path / "out").rglob("*.partial")) == []
    validate(tmp_path / "out")
