"""A server's life: its queue, its time limit, its address, a graceful end and one at once."""

import asyncio
import signal
import socket
import threading
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest
from PIL import Image
from starlette.formparsers import MultiPartParser

from bench.cli.verbs import main
from bench.config.machine import Machine
from bench.cutout import photographs
from bench.cutout.model import open_model
from bench.serve import server
from bench.serve.app import make_app
from bench.system.errors import Missing
from tests.tiny import packed, serving


@pytest.mark.slow
def test_own_background_is_not_decoded_before_its_turn(exported, photo, monkeypatch):
    """Or those who wait would hold far more memory than their bytes."""
    held = Held(open_model(exported, Machine("cpu")))
    app = make_app(held)
    decoded = []
    read = photographs.read

    def noted(content):
        decoded.append(content)
        return read(content)

    monkeypatch.setattr(photographs, "read", noted)
    sky = packed(Image.new("RGB", (30, 20), (10, 200, 30)), "PNG")
    files = {"photograph": photo, "background_image": sky}

    async def ask():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = asyncio.create_task(client.post("/mask", files={"photograph": photo}))
            await asyncio.to_thread(held.begun.wait, 10)
            post = client.post("/cutout", files=files, data={"background": "image"})
            second = asyncio.create_task(post)
            while app.state.queue.waiting == 0:
                await asyncio.sleep(0.001)
            early = sky in decoded
            held.go.set()
            await asyncio.gather(first, second)
            await app.state.queue.end()
            return early, second.result().status_code

    assert asyncio.run(ask()) == (False, 200)
    assert sky in decoded


class Held:
    """A model that works when it is told to."""

    def __init__(self, model) -> None:
        self.manifest, self.entry = model.manifest, model.entry
        self.names, self.combine, self.refine = model.names, model.combine, model.refine
        self.go, self.begun = threading.Event(), threading.Event()

    def maps(self, photos):
        self.begun.set()
        self.go.wait(20)
        return [[np.zeros(photo.shape[:2], np.uint8)] * 2 for photo in photos]


@pytest.mark.slow
def test_full_queue_time_limit_and_end(exported, photo):
    held = Held(open_model(exported, Machine("cpu")))
    app = make_app(held, max_waiting=1, limit_s=1.0)

    async def post(client):
        return await client.post("/mask", files={"photograph": photo})

    async def all_of_it():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = asyncio.create_task(post(client))
            await asyncio.to_thread(held.begun.wait, 10)
            second = asyncio.create_task(post(client))
            while app.state.queue.waiting == 0:
                await asyncio.sleep(0.001)
            full = await post(client)
            slow = await asyncio.gather(first, second)
            app.state.queue.stop()
            stopped, health = await post(client), await client.get("/health")
            held.go.set()
            await app.state.queue.end()
            return full, slow, stopped, health

    full, slow, stopped, health = asyncio.run(all_of_it())
    assert full.status_code == 503 and int(full.headers["retry-after"]) >= 1
    assert [answer.status_code for answer in slow] == [504, 504]
    assert stopped.status_code == health.status_code == 503
    assert "stopping" in stopped.json()["reason"]


@pytest.mark.slow
def test_a_terminal_that_closes_ends_it_in_order(exported):
    with serving(exported) as (address, process):
        assert httpx.get(f"{address}/health").status_code == 200
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=120) == 0


@pytest.mark.slow
def test_told_to_stop_it_ends_what_runs(exported):
    """What runs is answered, what comes later is told, the process ends with 0."""
    large = packed(Image.new("L", (4600, 4600), 90), "PNG")
    with serving(exported) as (address, process):
        answers = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(
                    httpx.post(f"{address}/mask", files={"photograph": large}, timeout=60)
                )
            )
            for _ in range(2)  # too many pixels to be done together
        ]
        for thread in threads:
            thread.start()
        while httpx.get(f"{address}/health").json()["waiting"] == 0:
            pass
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        assert process.wait(timeout=120) == 0
    assert sorted(answer.status_code for answer in answers) == [200, 503]


@pytest.mark.slow
def test_told_to_stop_twice_it_ends_at_once(exported):
    large = packed(Image.new("L", (4600, 4600), 90), "PNG")
    lost = []

    def post():
        try:
            lost.append(httpx.post(f"{address}/mask", files={"photograph": large}, timeout=60))
        except httpx.TransportError as error:
            lost.append(error)

    with serving(exported) as (address, process):
        threads = [threading.Thread(target=post) for _ in range(3)]
        for thread in threads:
            thread.start()
        while httpx.get(f"{address}/health").json()["waiting"] == 0:
            pass
        process.send_signal(signal.SIGTERM)
        with pytest.raises(httpx.TransportError):  # the first signal closes the door
            while True:
                httpx.get(f"{address}/health")
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) == 128 + signal.SIGTERM
        for thread in threads:
            thread.join(60)
    assert any(isinstance(one, httpx.TransportError) for one in lost)


def test_address_is_said_when_it_can_be_reached(exported, monkeypatch):
    """Whoever reads it may connect, though the application has not begun."""

    def connect(serving) -> None:
        serving.close()
        with socket.create_connection(("127.0.0.1", port), 5):
            pass

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(asyncio, "run", connect)
    assert main(["serve", "--model", str(exported), "--port", str(port), "--device", "cpu"]) == 0


@pytest.mark.parametrize(
    ("host", "address", "said"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
        ("localhost", "127.0.0.1", "localhost"),
        ("::1", "::1", "[::1]"),
        ("0.0.0.0", "0.0.0.0", "garage"),
        ("0", "0.0.0.0", "garage"),
        ("::", "::", "garage"),
    ],
)
def test_address_that_is_said_can_be_opened(host, address, said, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "garage")
    listening = SimpleNamespace(getsockname=lambda: (address, 8768))
    assert server._url(host, listening) == f"http://{said}:8768/"


def test_taken_port_is_said(server, exported, capsys):
    port = str(urlsplit(server).port)
    assert main(["serve", "--model", str(exported), "--port", port]) == 1
    assert "choose another with --port" in capsys.readouterr().err


def test_a_server_keeps_uploads_in_memory_before_it_takes_any(tmp_path, monkeypatch):
    monkeypatch.setattr(MultiPartParser, "spool_max_size", 0)
    with pytest.raises(Missing):
        server.run(tmp_path / "no-model", "127.0.0.1", 0, Machine("cpu"))
    assert MultiPartParser.spool_max_size == server.UPLOAD_BYTES
