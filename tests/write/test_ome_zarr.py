"""Created, committed, and read by libraries that know nothing of tilemask."""

import json
import warnings
from pathlib import Path

import numpy as np
import ome_zarr.io
import ome_zarr.reader
import ome_zarr.writer
import pytest
import zarr
from ome_zarr.format import Format, FormatV04, FormatV05
from zarr.storage import LocalStore

from tests.write.stores import PLAN, napari_layers, output, pixels, read, save, store_all, validate, write_source
from tilemask.errors import ChangedPlanError, IncompleteError, InputError
from tilemask.read import open_image
from tilemask.write.host import marks, source_pyramid
from tilemask.write.layout import make_level
from tilemask.write.ome_zarr import commit, create

FORMATS = {"0.5": FormatV05(), "0.4": FormatV04()}


@pytest.fixture
def intensity() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 60000, (91, 131)).astype(np.uint16)


def test_labels_and_masks_are_valid_and_shown(tmp_path: Path) -> None:
    store, numbers = tmp_path / "out.ome.zarr", pixels((90, 130))
    save(store, {output(): numbers, output("mask", "mask"): numbers > 0})
    for group in (store, store / "labels", store / "labels/nuclei", store / "labels/mask"):
        validate(group)
        layers = napari_layers(group)
        assert {kind for kind, _ in layers.values()} == {"image", "labels"}
        assert {name.rpartition("/")[2] for name, (kind, _) in layers.items() if kind == "labels"} == {"nuclei", "mask"}
    nodes = list(ome_zarr.reader.Reader(ome_zarr.io.parse_url(store / "labels/nuclei"))())
    assert any(np.array_equal(node.data[0].compute(), numbers) for node in nodes if node.data)


def test_a_root_that_shows_labels_points_to_their_pixels(tmp_path: Path) -> None:
    save(tmp_path / "out", {output(): pixels((90, 130))})
    attributes = zarr.open_group(tmp_path / "out", mode="r").attrs
    paths = [dataset["path"] for dataset in attributes["ome"]["multiscales"][0]["datasets"]]
    assert paths == ["labels/nuclei/0", "labels/nuclei/1"]
    assert attributes["tilemask"]["shows"] == "labels/nuclei"


@pytest.mark.parametrize(
    ("shape", "tile", "channels", "dtype"),
    [
        ((90, 130), (64, 64), None, "float32"),
        ((90, 130), (64, 64), 3, "uint8"),
        ((9, 40, 50), (4, 32, 32), 2, "uint16"),
    ],
)
def test_an_image_is_the_root(
    tmp_path: Path, shape: tuple[int, ...], tile: tuple[int, ...], channels: int | None, dtype: str
) -> None:
    smooth = output("smooth", "image", shape, tile, dtype, channels)
    labels = output(shape=shape, tile=tile)
    array = pixels(shape + ((channels,) if channels else ())).astype(dtype)
    save(tmp_path / "out", {smooth: array, labels: pixels(shape)})
    validate(tmp_path / "out")
    kinds = [kind for kind, _ in napari_layers(tmp_path / "out").values()]
    assert kinds == ["image", "labels"]
    np.testing.assert_array_equal(read(open_image(tmp_path / "out")), array)


def test_a_mask_comes_back_as_bool(tmp_path: Path) -> None:
    mask = pixels((90, 130)) > 0
    save(tmp_path / "out", {output("tissue", "mask"): mask})
    assert zarr.open_array(tmp_path / "out/labels/tissue/0", mode="r").dtype == np.uint8
    for image in (open_image(tmp_path / "out"), open_image(tmp_path / "out/labels/tissue")):
        assert image.dtype == np.bool_
        assert image.pixel_size == (0.5, 0.5)
        np.testing.assert_array_equal(read(image), mask)


def test_nobody_takes_an_incomplete_output_for_a_result(tmp_path: Path) -> None:
    store = tmp_path / "out"
    create(store, [output()], plan=PLAN)
    store_all(store, output(), pixels((90, 130)))
    assert napari_layers(store) == napari_layers(store / "labels/nuclei") == {}
    for path in (store, store / "labels/nuclei"):
        with pytest.raises(ValueError, match="version"):
            validate(path)
    with pytest.raises(IncompleteError):
        open_image(store / "labels/nuclei")
    assert marks(store)["nuclei"] == {"state": "incomplete", "plan": PLAN, "kind": "label"}


def test_create_and_commit_can_be_repeated(tmp_path: Path) -> None:
    specs = {output(): pixels((90, 130)), output("smooth", "image"): pixels((90, 130)).astype(np.uint16)}
    save(tmp_path / "out", specs)
    before = {f: f.read_bytes() for f in (tmp_path / "out").rglob("*") if f.is_file()}
    save(tmp_path / "out", specs)
    assert {f: f.read_bytes() for f in (tmp_path / "out").rglob("*") if f.is_file()} == before


def test_a_commit_killed_anywhere_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [output(), output("mask", "mask")]
    plain, fail_at = LocalStore.set, [0]

    async def failing(self: LocalStore, key: str, value: object) -> None:
        fail_at[0] -= 1
        if fail_at[0] == 0:
            raise OSError("killed")
        await plain(self, key, value)

    for step in range(1, 10):
        store = tmp_path / str(step)
        create(store, specs, plan=PLAN)
        store_all(store, specs[0], pixels((90, 130)))
        store_all(store, specs[1], pixels((90, 130)) > 0)
        monkeypatch.setattr(LocalStore, "set", failing)
        fail_at[0] = step
        try:
            commit(store, specs, plan=PLAN, provenance={})
        except OSError:
            assert zarr.open_group(store, mode="r").attrs["tilemask"]["state"] == "incomplete"
            monkeypatch.setattr(LocalStore, "set", plain)
            commit(store, specs, plan=PLAN, provenance={})
        else:
            break
        validate(store)
        assert {mark["state"] for mark in marks(store).values()} == {"complete"}
    assert step > 5


@pytest.mark.parametrize("version", FORMATS)
def test_labels_join_an_image_and_leave_it_as_it_was(tmp_path: Path, intensity: np.ndarray, version: str) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, intensity, FORMATS[version])
    before = {f: f.read_bytes() for f in source.rglob("*") if f.is_file()}
    spec = output(shape=(91, 131), levels=source_pyramid(source, (64, 64)))
    create(source, [spec], plan=PLAN)
    validate(source)
    assert [kind for kind, _ in napari_layers(source).values()] == ["image"], "not shown before it is complete"
    numbers = pixels((91, 131))
    save(source, {spec: numbers})
    validate(source)
    validate(source / "labels/nuclei")
    assert [kind for kind, _ in napari_layers(source).values()] == ["image", "labels"]
    np.testing.assert_array_equal(read(open_image(source, label="nuclei")), numbers)
    np.testing.assert_array_equal(read(open_image(source)), intensity)
    assert {f: f.read_bytes() for f in before} == before


@pytest.mark.parametrize("version", FORMATS)
def test_labels_of_others_stay_listed(tmp_path: Path, intensity: np.ndarray, version: str) -> None:
    source, manual = tmp_path / "slide.ome.zarr", pixels((91, 131), seed=3)
    write_source(source, intensity, FORMATS[version])
    _add_manual_labels(source, manual, FORMATS[version])
    spec = output(shape=(91, 131), levels=source_pyramid(source, (64, 64)))
    save(source, {spec: pixels((91, 131))})
    validate(source)
    names = [name.rpartition("/")[2] for name in napari_layers(source)][1:]
    assert names == ["manual", "nuclei"]
    np.testing.assert_array_equal(read(open_image(source, label="manual")), manual)
    with pytest.raises(InputError, match="was not written by tilemask"):
        create(source, [output("manual", shape=(91, 131), levels=spec.levels)], plan=PLAN)


def _add_manual_labels(source: Path, manual: np.ndarray, version: Format) -> None:
    root = zarr.open_group(source, mode="r+")
    axes = [{"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        ome_zarr.writer.write_labels(manual, root, "manual", axes=axes, fmt=version, scale_factors=[2], scaler=None)


@pytest.mark.parametrize("version", FORMATS)
def test_consolidated_metadata_is_kept_true(tmp_path: Path, intensity: np.ndarray, version: str) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, intensity, FORMATS[version])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(source)
    save(source, {output(shape=(91, 131), levels=source_pyramid(source, (64, 64))): pixels((91, 131))})
    root = zarr.open_group(source, mode="r")
    assert root.metadata.consolidated_metadata is not None
    assert root["labels/nuclei"].attrs["tilemask"]["state"] == "complete"


def test_labels_lie_where_the_image_lies(tmp_path: Path, intensity: np.ndarray) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, intensity)
    document = json.loads((source / "zarr.json").read_text())
    image = document["attributes"]["ome"]["multiscales"][0]
    for dataset, scale in zip(image["datasets"], (0.5, 1.0), strict=True):
        dataset["coordinateTransformations"] = [
            {"type": "scale", "scale": [scale, scale]},
            {"type": "translation", "translation": [10.0, 20.0]},
        ]
    image["coordinateTransformations"] = [
        {"type": "scale", "scale": [2.0, 2.0]},
        {"type": "translation", "translation": [1.0, 1.0]},
    ]
    (source / "zarr.json").write_text(json.dumps(document))
    levels = source_pyramid(source, (64, 64))
    assert [level.scale for level in levels] == [(1.0, 1.0), (2.0, 2.0)]
    assert {level.translation for level in levels} == {(21.0, 41.0)}


def test_levels_follow_the_image_whatever_its_factors(tmp_path: Path) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, np.zeros((203, 301), np.uint16), factors=(4, 8))
    levels = source_pyramid(source, (64, 64))
    assert [level.factor for level in levels] == [(1, 1), (4, 4), (8, 8)]
    assert [level.shape for level in levels] == [(203, 301), (50, 75), (25, 37)]


def test_what_cannot_share_a_store_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds one image; found 'a', 'b'"):
        create(tmp_path / "out", [output("a", "image"), output("b", "image")], plan=PLAN)
    with pytest.raises(InputError, match=r"share one pixel grid; found 'a' .* 'b'"):
        create(tmp_path / "out", [output("a"), output("b", shape=(90, 131))], plan=PLAN)
    assert not (tmp_path / "out").exists()


def test_what_stands_there_already_is_refused(tmp_path: Path, intensity: np.ndarray) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").touch()
    zarr.create_group(tmp_path / "group")
    write_source(tmp_path / "image", intensity)
    cases = {"file": "is a file", "folder": "not a Zarr group", "group": "without an OME-Zarr image"}
    for name, message in {**cases, "image": "need the levels of its image"}.items():
        with pytest.raises(InputError, match=message):
            create(tmp_path / name, [output()], plan=PLAN)
    with pytest.raises(InputError, match="takes labels only"):
        create(tmp_path / "image", [output("smooth", "image", shape=(91, 131))], plan=PLAN)
    with pytest.raises(InputError, match="is not a local path"):
        create("s3://bucket/out.zarr", [output()], plan=PLAN)
    create(f"file://{tmp_path}/new", [output()], plan=PLAN)
    assert (tmp_path / "new/labels/nuclei/zarr.json").is_file()


def test_another_plan_cannot_go_on(tmp_path: Path) -> None:
    create(tmp_path / "out", [output()], plan=PLAN)
    with pytest.raises(ChangedPlanError, match="begun by another plan"):
        create(tmp_path / "out", [output()], plan="other")
    with pytest.raises(ChangedPlanError, match="belongs to plan"):
        commit(tmp_path / "out", [output()], plan="other", provenance={})
    with pytest.raises(IncompleteError, match="was never created"):
        commit(tmp_path / "out", [output("cells")], plan=PLAN, provenance={})
    with pytest.raises(IncompleteError, match="there is no store"):
        commit(tmp_path / "nothing", [output()], plan=PLAN, provenance={})
    save(tmp_path / "out", {output(): pixels((90, 130))})
    with pytest.raises(ChangedPlanError, match="is complete and of another plan"):
        create(tmp_path / "out", [output()], plan="other")


def test_more_labels_join_a_finished_store(tmp_path: Path) -> None:
    save(tmp_path / "out", {output(): pixels((90, 130))})
    save(tmp_path / "out", {output("cells"): pixels((90, 130), seed=1)}, plan="another")
    validate(tmp_path / "out")
    assert {name: mark["plan"] for name, mark in marks(tmp_path / "out").items()} == {
        "cells": "another",
        "nuclei": PLAN,
    }


def test_images_with_time_take_no_labels(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "film", mode="w")
    axes = [{"name": "t", "type": "time"}, {"name": "y", "type": "space"}, {"name": "x", "type": "space"}]
    ome_zarr.writer.write_image(np.zeros((3, 90, 130), np.uint8), root, axes=axes, scale_factors=[2])
    with pytest.raises(InputError, match="has 3 time points"):
        source_pyramid(tmp_path / "film", (64, 64))


def test_one_level_of_one_row_is_valid(tmp_path: Path) -> None:
    spec = output(shape=(1, 5000), levels=(make_level((1, 5000), (1, 1), (1, 2048), (2.0, 2.0), (0.0, 0.0)),))
    save(tmp_path / "out", {spec: pixels((1, 5000))})
    validate(tmp_path / "out")


def test_axes_without_types_are_known_by_their_names(tmp_path: Path, intensity: np.ndarray) -> None:
    source = tmp_path / "slide.ome.zarr"
    write_source(source, intensity)
    typed = source_pyramid(source, (64, 64))
    document = json.loads((source / "zarr.json").read_text())
    for axis in document["attributes"]["ome"]["multiscales"][0]["axes"]:
        del axis["type"]
    (source / "zarr.json").write_text(json.dumps(document))
    assert source_pyramid(source, (64, 64)) == typed


def test_metadata_that_is_damaged_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "slide").mkdir()
    (tmp_path / "slide" / "zarr.json").write_text('{"zarr_format": 3,')
    with pytest.raises(InputError, match=r"has Zarr metadata that cannot be read .*restore it"):
        marks(tmp_path / "slide")


def test_a_store_is_not_named_as_a_file_of_another_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mask\.tif is named as a file of another format.*Name it mask\.ome\.zarr"):
        marks(tmp_path / "mask.tif")
    with pytest.raises(InputError, match="cannot be the name of an output"):
        output(name=1)
