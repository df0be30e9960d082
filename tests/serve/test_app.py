"""The application: its headers, its pages, and where its uploads stay."""

import asyncio
import tempfile

import httpx
import pytest
from starlette.formparsers import MultiPartParser

from bench.config.machine import Machine
from bench.cutout.model import open_model
from bench.serve.app import PAGE_FILES, make_app
from bench.serve.server import UPLOAD_BYTES
from bench.system.process import keep_uploads_in_memory

MIB = 2**20


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server, timeout=30) as opened:
        yield opened


@pytest.mark.parametrize("path", [*PAGE_FILES, "/nothing", "/cutout", "/../../etc/passwd"])
def test_every_answer_has_the_headers(client, path):
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    assert answer.status_code == (200 if path in PAGE_FILES else 405 if path == "/cutout" else 404)


def test_pages_ask_for_nothing_from_elsewhere():
    from bench.serve.app import PAGE_FOLDER

    for path in PAGE_FOLDER.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "style=" not in text


def test_page_says_where_photographs_go_whoever_looks(client):
    text = client.get("/").text
    assert "They go to the machine that serves this page" in text and "this machine" not in text


def test_uploads_never_touch_a_disk(exported, photo, monkeypatch):
    def refuse(*words, **options):
        raise AssertionError("a temporary file")

    monkeypatch.setattr(MultiPartParser, "spool_max_size", 0)  # restores it after the test
    keep_uploads_in_memory(UPLOAD_BYTES)  # as the server does when it starts
    app = make_app(open_model(exported, Machine("cpu")))
    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    large = photo + b"\0" * (15 * MIB)

    async def post():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/mask", files={"photograph": large})

    assert asyncio.run(post()).status_code == 200
