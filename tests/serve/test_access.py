"""A server that other machines reach: nobody without the token, nobody too often."""

import asyncio

import httpx
import pytest
from starlette.responses import PlainTextResponse

from bench.cli.verbs import main
from bench.serve import access
from bench.serve.access import ASKED_A_MINUTE, WRONG_A_MINUTE, Access, open_access
from bench.serve.guard import Guard
from bench.system.errors import BadConfig, BadFile, Missing

TOKEN = "0123456789abcdef"
RIGHT = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def ask(monkeypatch):
    """Ask a guarded application for a path, as a number of requests one after the other."""
    monkeypatch.setattr(access.time, "monotonic", lambda: 1000.0)
    guard = Guard(PlainTextResponse("answered"), access=Access(TOKEN))

    def send(path="/model", times=1, client="10.0.0.7", **options):
        async def all_of_them():
            transport = httpx.ASGITransport(guard, client=(client, 1))
            base = "http://cars.example:8000"
            async with httpx.AsyncClient(transport=transport, base_url=base) as opened:
                return [await opened.get(path, **options) for _ in range(times)]

        return asyncio.run(all_of_them())[-1]

    return send


def test_the_token_opens_and_nothing_else_does(ask):
    assert ask(headers=RIGHT).text == "answered"
    assert ask(auth=("any name", TOKEN)).text == "answered"  # as a browser sends it
    for wrong in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": "Basic ===="},
        {"authorization": b"Basic \xe9"},
    ):
        answer = ask(headers=wrong)
        assert (answer.status_code, answer.json()["error"]) == (401, "no_token")
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert "content-security-policy" in answer.headers
    assert ask("/health").text == "answered"


def test_another_sites_page_is_refused_with_the_token_too(ask):
    assert ask(headers=RIGHT | {"origin": "https://evil.example"}).status_code == 403
    for ours in ("http://cars.example:8000", "https://cars.example:8000"):
        assert ask(headers=RIGHT | {"origin": ours}).status_code == 200


def test_guesses_are_few_a_minute_and_shut_nobody_else_out(ask, monkeypatch):
    guess = {"authorization": "Bearer guess"}
    assert ask(times=WRONG_A_MINUTE, headers=guess).status_code == 401
    answer = ask(headers=RIGHT)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "20")
    assert ask(headers=RIGHT, client="10.0.0.8").status_code == 200
    monkeypatch.setattr(access.time, "monotonic", lambda: 1030.0)
    assert ask(headers=RIGHT).status_code == 200


def test_requests_are_limited_a_minute(ask):
    assert ask(times=ASKED_A_MINUTE, headers=RIGHT).status_code == 200
    assert ask(headers=RIGHT).status_code == 429


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_this_machine_alone_needs_no_token(host):
    assert open_access(host, None) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "cars.example"])
def test_other_machines_need_one(host, tmp_path, capsys):
    with pytest.raises(BadConfig, match=r"name a --token-file; make one by python3 -c"):
        open_access(host, None)
    assert main(["serve", "--model", str(tmp_path), "--host", host]) == 2
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert open_access(host, tmp_path / "token")


def test_a_file_without_a_token_is_refused(tmp_path):
    file = tmp_path / "token"
    with pytest.raises(Missing, match="make it by python3"):
        open_access("127.0.0.1", file)
    for text in ("", "short", "two lines of\nmore than enough", "ä" * 20, "x" * 2000):
        file.write_text(text)
        with pytest.raises(BadFile, match="no token: 16 to 1,024"):
            open_access("127.0.0.1", file)
