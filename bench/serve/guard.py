"""What stands before the application: who may ask, how much they may send, and how answers leave.

Everything here is decided from headers, or while the body comes in, never after it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from bench.serve.errors import HEADERS, problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MOST_BYTES = 20 * 2**20  # of a request's body
MOST_SECONDS = 60.0  # for it to come in
LINGER_SECONDS = 2.0  # for which the rest of a refused body is thrown away, see `_Body.drop`
MOST_REQUESTS = 32  # with a body, at once: what they may hold in memory together is bounded
HOSTS = ("127.0.0.1", "localhost", "::1")  # any other name is another site's, pointed at us


class Guard:
    """An ASGI middleware around the application."""

    def __init__(self, app: App, *, seconds: float = MOST_SECONDS) -> None:
        self._app, self._seconds = app, seconds
        self._open = 0  # requests with a body

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_body = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        body = _Body(receive, self._seconds, has_body)
        answer = _guarded(send, body)
        refusal = self._refusal(Headers(scope=scope), scope["method"])
        if refusal is not None:
            await refusal(scope, receive, answer)
            return
        self._open += has_body
        try:
            await self._app(scope, body.receive, answer)
        finally:
            self._open -= has_body

    def _refusal(self, headers: Headers, method: str) -> JSONResponse | None:
        close = {"connection": "close"}  # or the rest of the body would still be read
        host = headers.get("host", "")
        if _hostname(host) not in HOSTS:
            return problem(400, "asked for under another name than localhost", close)
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return problem(403, "asked for by another site", close)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
            return problem(413, _TOO_MUCH, close)
        if method == "POST" and self._open >= MOST_REQUESTS:
            return problem(503, "too many at once; try again", close | {"retry-after": "5"})
        return None


class _Body:
    """The body of a request while it comes in."""

    def __init__(self, receive: Receive, seconds: float, awaited: bool) -> None:
        self._receive, self._seconds = receive, seconds
        self._deadline = time.monotonic() + seconds
        self._received = 0
        self.awaited = awaited  # whether more of it may come

    async def receive(self) -> Message:
        """The next message, as long as the body keeps to the limits.

        Raises:
            HTTPException: 408 or 413.
        """
        if not self.awaited:  # from here on only the news that the client has gone
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError as error:
            reason = f"the body did not come within {self._seconds:g} s"
            raise HTTPException(408, reason, {"connection": "close"}) from error
        self._received += len(message.get("body", b""))
        self.awaited = message.get("more_body", False)
        if self._received > MOST_BYTES:
            raise HTTPException(413, _TOO_MUCH, {"connection": "close"})
        return message

    async def drop(self) -> None:
        """Throw away what still comes: until the client has stopped sending, or enough is enough.

        A connection that closes while bytes still come in is reset, and the reset can overtake the
        answer: the client would never read why.
        """
        dropped = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while self.awaited and dropped <= MOST_BYTES:
                    message = await self._receive()
                    dropped += len(message.get("body", b""))
                    self.awaited = message.get("more_body", False)


def _guarded(send: Send, body: _Body) -> Send:
    """Answers get our headers, and end only when the body has ended or was dropped."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            message["headers"] = [*message["headers"]] + [
                (name.encode(), value.encode())
                for name, value in HEADERS.items() if name.encode() not in present
            ]  # fmt: skip
        elif body.awaited and not message.get("more_body", False):
            await send({**message, "more_body": True})
            await body.drop()
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return send_guarded


def _hostname(host: str) -> str | None:
    """The name in a Host header, without its port; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


_TOO_MUCH = f"over {MOST_BYTES / 2**20:.0f} MiB; send a smaller photograph"
