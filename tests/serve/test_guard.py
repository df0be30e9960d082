"""The guard answers before the body is read: other sites, large bodies."""

import socket
from urllib.parse import urlsplit

import httpx
import pytest

MIB = 2**20


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server, timeout=30) as opened:
        yield opened


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({"host": "evil.example"}, 400, id="a name that was pointed at us"),
        pytest.param({"host": "evil.example:8000"}, 400, id="the same with a port"),
        pytest.param({"origin": "https://evil.example"}, 403, id="another site's page"),
        pytest.param({"origin": "null"}, 403, id="a page of nowhere"),
        pytest.param({"origin": "http://127.0.0.1:1"}, 403, id="another page of this machine"),
        pytest.param({"host": "[bad"}, 400, id="no name at all"),
    ],
)
def test_other_sites_are_refused(client, photo, headers, status):
    answer = client.post("/mask", files={"photograph": photo}, headers=headers)
    assert answer.status_code == status and answer.json()["reason"]
    assert "content-security-policy" in answer.headers


def connected(server) -> socket.socket:
    found = socket.create_connection((urlsplit(server).hostname, urlsplit(server).port), 10)
    found.settimeout(10)
    return found


def head(server: str, *more: str) -> bytes:
    kind = "Content-Type: multipart/form-data; boundary=b"
    lines = ["POST /mask HTTP/1.1", f"Host: {urlsplit(server).netloc}", kind, *more, "", ""]
    return "\r\n".join(lines).encode()


def test_large_body_is_refused_before_it_is_sent(server):
    with connected(server) as link:
        link.sendall(head(server, f"Content-Length: {10**12}"))
        assert link.recv(100).startswith(b"HTTP/1.1 413")


def test_large_body_in_chunks_is_refused_without_its_rest(server):
    sent = 0
    chunk = b"100000\r\n" + b"\0" * MIB + b"\r\n"
    part = b'--b\r\nContent-Disposition: form-data; name="photograph"; filename="x"\r\n\r\n'
    with connected(server) as link:
        link.sendall(head(server, "Transfer-Encoding: chunked"))
        link.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        try:
            while sent < 200:
                link.sendall(chunk)
                sent += 1
        except OSError:
            pass  # closed in our face, as it should be
    assert 19 <= sent < 60  # what the system's own buffers hold may be on its way


def test_large_body_in_chunks_reads_why(client):
    def body():
        yield b'--b\r\nContent-Disposition: form-data; name="photograph"; filename="x"\r\n\r\n'
        for _ in range(30):
            yield b"\0" * MIB

    kind = {"content-type": "multipart/form-data; boundary=b"}
    answer = client.post("/mask", content=body(), headers=kind)
    assert answer.status_code == 413 and "20 MiB" in answer.json()["reason"]
