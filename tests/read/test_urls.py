"""Images over a network: a web server and an S3 server on loopback, and what they may answer."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest
import s3fs
import zarr
from aiohttp import web
from moto.server import ThreadedMotoServer

import tilemask as tm
from tilemask.errors import InputError, TileError
from tilemask.read import retries

PIXELS = np.random.default_rng(0).integers(0, 255, (150, 230), np.uint8)


class WebServer:
    """Serves a folder; the next answers for a path can be set to a status of failure."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failures: dict[str, list[int]] = {}
        self.asked: Counter[str] = Counter()
        self.ready = Event()
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self._serve, daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._start())
        self.ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(self.runner.cleanup())

    async def _start(self) -> None:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self.runner = web.AppRunner(application, access_log=None)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", 0)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        self.asked[path] += 1
        if waiting := self.failures.get(path):
            return web.Response(status=waiting.pop(0))
        found = self.folder / path
        return web.FileResponse(found) if found.is_file() else web.Response(status=404)

    def url(self, name: str, secret: str = "") -> str:
        return f"http://{secret}127.0.0.1:{self.port}/{name}"

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setattr(retries, "WAITS", (0.01, 0.01))
    (tmp_path / "web").mkdir()
    server = WebServer(tmp_path / "web")
    yield server
    server.close()


def stored(folder: Path, name: str, *, zarr_format: int = 3, shards: tuple[int, int] | None = None) -> None:
    zarr.create_array(folder / name, data=PIXELS, chunks=(64, 64), shards=shards, zarr_format=zarr_format)  # type: ignore[arg-type]


def cells(image: tm.Image) -> tm.Image:
    return tm.label(tm.gaussian(image, sigma=1) > 130)


@pytest.mark.parametrize("kind", ["v2", "v3", "shards", "ome"])
def test_pixels_of_the_web_are_those_of_the_files(kind: str, server: WebServer, tmp_path: Path) -> None:
    if kind == "ome":
        tm.save({"image": tm.from_array(PIXELS)}, server.folder / "a.zarr", tile=64, quiet=True)
    else:
        stored(
            server.folder,
            "a.zarr",
            zarr_format=2 if kind == "v2" else 3,
            shards=(128, 128) if kind == "shards" else None,
        )
    image = tm.open_image(server.url("a.zarr"))
    np.testing.assert_array_equal(image.compute(), PIXELS)
    tm.save({"cells": cells(image)}, tmp_path / "out.ome.zarr", tile=64, quiet=True)
    np.testing.assert_array_equal(tm.open_image(tmp_path / "out.ome.zarr").compute(), cells(PIXELS))


def test_workers_read_from_the_web_too(server: WebServer, tmp_path: Path) -> None:
    stored(server.folder, "a.zarr")
    outputs = {"cells": cells(tm.open_image(server.url("a.zarr")))}
    tm.save(outputs, tmp_path / "out.ome.zarr", tile=64, client=1, quiet=True)
    np.testing.assert_array_equal(tm.open_image(tmp_path / "out.ome.zarr").compute(), cells(PIXELS))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_asked_again(status: int, server: WebServer) -> None:
    stored(server.folder, "a.zarr")
    server.failures = {"a.zarr/zarr.json": [status], "a.zarr/c/1/2": [status, status]}
    np.testing.assert_array_equal(tm.open_image(server.url("a.zarr")).compute(), PIXELS)
    assert server.asked["a.zarr/c/1/2"] == 3


def test_what_does_not_pass_ends(server: WebServer) -> None:
    stored(server.folder, "a.zarr")
    server.failures = {"a.zarr/c/1/2": [503] * 9}
    with pytest.raises(TileError, match=r"chunk 1/2 .* cannot be read \(ClientResponseError: 503"):
        tm.open_image(server.url("a.zarr")).compute()
    assert server.asked["a.zarr/c/1/2"] == 3


def test_a_chunk_that_is_forbidden_is_not_background(server: WebServer) -> None:
    stored(server.folder, "a.zarr")
    server.failures = {"a.zarr/c/0/1": [403] * 9}
    with pytest.raises(TileError, match=r"chunk 0/1 .* cannot be read .*403") as told:
        tm.open_image(server.url("a.zarr", "me:secret@")).compute()
    assert "secret" not in str(told.value)
    assert server.asked["a.zarr/c/0/1"] == 1


def test_an_image_that_is_forbidden_or_missing_is_said_so(server: WebServer) -> None:
    stored(server.folder, "a.zarr")
    server.failures = {"a.zarr/zarr.json": [403] * 9}
    with pytest.raises(InputError, match=r"zarr\.json cannot be read .*403.* Check the address and the permissions"):
        tm.open_image(server.url("a.zarr"))
    with pytest.raises(InputError, match="has no Zarr metadata"):
        tm.open_image(server.url("b.zarr"))


def test_a_server_that_is_gone(server: WebServer) -> None:
    address = server.url("a.zarr")
    server.close()
    with pytest.raises(InputError, match=r"zarr\.json cannot be read \(ClientConnectorError"):
        tm.open_image(address)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 server of the test library moto, found by the environment as AWS's own tools find theirs."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    settings = {"AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        s3fs.S3FileSystem().mkdir("slides")
        yield "slides"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.mark.parametrize("shards", [None, (128, 128)], ids=["chunks", "shards"])
def test_pixels_of_a_bucket_are_those_of_the_files(shards: tuple[int, int] | None, bucket: str, tmp_path: Path) -> None:
    stored(tmp_path, "a.zarr", shards=shards)
    address = f"s3://{bucket}/{'shards' if shards else 'chunks'}/a.zarr"
    s3fs.S3FileSystem().put(os.fspath(tmp_path / "a.zarr"), address, recursive=True)
    image = tm.open_image(address)
    tm.save({"cells": cells(image)}, tmp_path / "out.ome.zarr", tile=64, client=1, quiet=True)
    np.testing.assert_array_equal(tm.open_image(tmp_path / "out.ome.zarr").compute(), cells(PIXELS))
    with pytest.raises(InputError, match="has no Zarr metadata"):
        tm.open_image(address.replace("a.zarr", "b.zarr"))
