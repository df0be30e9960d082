"""A connection: clients that say nothing, half a thing, or do not listen shut nobody out."""

import asyncio
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import httpx
import pytest
import uvicorn

from bench.serve import connection
from bench.serve.connection import Connection

HALF = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
WHOLE = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
LARGE = bytes(2**24)  # more than the buffers of a socket hold


async def application(scope, receive, send):
    """Answers /large with much, and everything else with a word."""
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = LARGE if scope["path"] == "/large" else b"well"
    await send({"type": "http.response.body", "body": body})


def request_for_much(port, buffer_bytes):
    """A client that has asked for much, and takes it into a buffer that is small."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    return client


@pytest.fixture
def port(monkeypatch):
    """The port of a server whose limits are short."""
    monkeypatch.setattr(connection, "HEADER_S", 0.3)
    monkeypatch.setattr(connection, "ANSWER_S", 1.0)
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 8)
    config = uvicorn.Config(
        application, http=Connection, ws="none", lifespan="off", log_level="critical"
    )
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(30)


@contextmanager
def connected(port, *said):
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        for words in said:
            client.sendall(words)
        yield client


def heard(client):
    """What comes until the server ends the connection."""
    answer = b""
    try:
        while part := client.recv(2**16):
            answer += part
    except ConnectionResetError:
        pass
    return answer


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([], id="nothing"),
        pytest.param([HALF], id="half a header"),
        pytest.param([WHOLE, HALF], id="a request, then half a header"),
        pytest.param([WHOLE + HALF], id="both at once"),
    ],
)
def test_who_does_not_end_a_header_is_left(port, said):
    with connected(port, *said) as client:
        assert heard(client).count(b"200 OK") == sum(words.count(WHOLE) for words in said)


def test_a_header_that_trickles_in_is_not_waited_for_longer(port):
    with connected(port, HALF) as client, pytest.raises(OSError):
        for _ in range(100):
            client.sendall(b"x")
            time.sleep(0.02)


def test_who_does_not_read_an_answer_is_left(port):
    with request_for_much(port, 2**14) as client:
        time.sleep(1.5)
        assert len(heard(client)) < len(LARGE)


def test_who_reads_an_answer_slowly_gets_all_of_it(port, monkeypatch):
    monkeypatch.setattr(connection, "ANSWER_S", 20.0)
    with request_for_much(port, 2**14) as client:
        time.sleep(0.6)  # longer than for a header
        assert len(heard(client)) > len(LARGE)


def test_connections_that_wait_shut_nobody_out(port):
    """The oldest of them make room, however many there are."""
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(connected(port, HALF))
        assert httpx.get(f"http://127.0.0.1:{port}/", timeout=5).text == "well"


def test_an_ordinary_client_keeps_its_connection(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert [client.get("/").text for _ in range(3)] == ["well"] * 3
        assert len(client.get("/large").content) == len(LARGE)


@pytest.mark.slow
def test_hundreds_of_half_headers_shut_nobody_out(server):
    """The real server, with its real limits."""
    port = httpx.URL(server).port
    with ExitStack() as stack:
        for _ in range(3 * connection.MAX_CONNECTIONS):
            stack.enter_context(connected(port, HALF))
        assert httpx.get(f"{server}/health", timeout=5).status_code == 200
