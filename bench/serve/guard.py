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

from bench.serve.answers import HEADERS, problem

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MOST_BYTES = 20 * 2**20  # of a request's body
MOST_SECONDS = 60.0  # for it to come in
LINGER_SECONDS = 2.0  # for which a refused body is thrown away, see `_refuse`
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

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"]] + [
                    (name.encode(), value.encode())
                    for name, value in HEADERS.items() if name.encode() not in present
                ]  # fmt: skip
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["method"])
        if refusal is not None:
            await _refuse(refusal, scope, receive, send_guarded)
            return
        has_body = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        self._open += has_body
        try:
            await self._app(scope, self._bounded(receive), send_guarded)
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

    def _bounded(self, receive: Receive) -> Receive:
        deadline = time.monotonic() + self._seconds
        received, ended = 0, False

        async def receive_bounded() -> Message:
            nonlocal received, ended
            if ended:  # from here on only the news that the client has gone
                return await receive()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    message = await receive()
            except TimeoutError as error:
                reason = f"the body did not come within {self._seconds:g} s"
                raise HTTPException(408, reason, {"connection": "close"}) from error
            received += len(message.get("body", b""))
            ended = not message.get("more_body", False)
            if received > MOST_BYTES:
                raise HTTPException(413, _TOO_MUCH, {"connection": "close"})
            return message

        return receive_bounded


async def _refuse(
    refusal: JSONResponse, scope: MutableMapping[str, Any], receive: Receive, send: Send
) -> None:
    """Send the whole refusal, but end it only when the client has stopped sending, or too late.

    A connection that closes while bytes still come in is reset, and the reset can overtake the
    answer: the client would never read why.
    """

    async def send_unended(message: Message) -> None:
        await send({**message, "more_body": True} if "body" in message else message)

    await refusal(scope, receive, send_unended)
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    await send({"type": "http.response.body", "body": b""})


def _hostname(host: str) -> str | None:
    """The name in a Host header, without its port; None where it is none."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


_TOO_MUCH = f"over {MOST_BYTES / 2**20:.0f} MiB; send a smaller photograph"
