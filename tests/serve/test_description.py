"""The API's description says which refusals there are, and where a token is asked for."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from bench.serve import access
from bench.serve.access import ASKED_A_MINUTE, Access
from bench.serve.app import PAGE_FOLDER, make_app
from bench.serve.guard import MAX_BODY_BYTES

TOKEN = "0123456789abcdef"
RIGHT = {"authorization": f"Bearer {TOKEN}"}
REFUSED = {  # what refuses a request -> its headers, and how often it is sent
    "a name that was pointed at us": ({"host": "evil.example"} | RIGHT, 1),
    "no token": ({}, 1),
    "another site's page": ({"origin": "https://evil.example"} | RIGHT, 1),
    "a large body": ({"content-length": str(10**12)} | RIGHT, 1),
    "too often": (RIGHT, ASKED_A_MINUTE + 1),
}
GUARDS = {400, 401, 403, 413, 429}


def app_of(token):
    """The application around a model that is never asked."""
    fields = dict.fromkeys(("suite", "entry", "rule", "parameters", "dice"))
    model = SimpleNamespace(manifest=SimpleNamespace(members=[], **fields))
    return make_app(model, token and Access(token))


def answered(app, method, path):
    """The statuses with which a path answers what the guard refuses, each by an error in JSON."""

    async def ask():
        base, found = "http://localhost", set()
        for client, (headers, times) in enumerate(REFUSED.values()):
            transport = httpx.ASGITransport(app, client=(f"10.0.0.{client}", 1))
            async with httpx.AsyncClient(transport=transport, base_url=base) as opened:
                for _ in range(times):
                    answer = await opened.request(method, path, headers=headers)
            assert answer.is_success or answer.json().keys() == {"error", "reason"}
            found.add(answer.status_code)
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize("token", [None, TOKEN])
def test_every_refusal_of_the_guard_is_described_and_no_other(token, monkeypatch):
    monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: 1000.0))  # one minute
    app = app_of(token)
    description = app.openapi()
    assert description["paths"].keys() == {"/cutout", "/mask", "/layers", "/health", "/model"}
    for path, methods in description["paths"].items():
        ((method, operation),) = methods.items()
        found, told = answered(app, method, path), {*map(int, operation["responses"])}
        if token and method == "post":
            told.remove(400)  # what is no form
        assert told & GUARDS == found & GUARDS, path
        assert ("security" in operation) == (401 in found), path
    schemes = description["components"].get("securitySchemes", {}).values()
    assert [each["scheme"] for each in schemes] == ["bearer"] * bool(token)


def test_limit_is_told_of_the_whole_request():
    """A photograph and a background picture share it."""
    limit, schema = MAX_BODY_BYTES // 2**20, app_of(None).openapi()
    fields = schema["components"]["schemas"]["Body_cutout_cutout_post"]["properties"]
    for name in ("photograph", "background_image"):
        assert f"all fields together up to {limit} MiB" in fields[name]["description"]
    told = schema["paths"]["/cutout"]["post"]["responses"]["413"]["description"]
    assert f"The request is over {limit} MiB" in told
    page = (PAGE_FOLDER / "index.html").read_text()
    assert f"up to {limit} MB each, a background picture included" in page
