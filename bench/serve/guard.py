"""Guard the application: who may ask, how much they may send, and which headers answers get.

The guard decides from headers, or while the body comes in, never after it.
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

from bench.serve.access import CLOSE, Access, is_loopback
from bench.serve.errors import HEADERS, error_response

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

MAX_BODY_BYTES = 20 * 2**20  # of one request
MAX_BODY_S = 60.0  # from the first to the last byte of a body
LINGER_S = 2.0  # for which the rest of a refused body is thrown away, see `_RequestBody.drop`
MAX_REQUESTS = 32  # with a body, at once: bounds the memory that all bodies take
TOO_LARGE = f"over {MAX_BODY_BYTES / 2**20:.0f} MiB in one request; send smaller pictures"


class Guard:
    """ASGI middleware around the application.

    Args:
        access: of a server that other machines reach, by whatever name; None: of this one alone.
    """

    def __init__(
        self, app: App, *, access: Access | None = None, max_body_s: float = MAX_BODY_S
    ) -> None:
        self._app, self._access, self._max_body_s = app, access, max_body_s
        self._open = 0  # requests with a body

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Refuse a request, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_body = scope["method"] not in ("GET", "HEAD", "OPTIONS")
        body = _RequestBody(receive, self._max_body_s, has_body)
        send_guarded = _guarded(send, body)
        refusal = self._refusal(Headers(scope=scope), scope)
        if refusal is not None:
            await refusal(scope, receive, send_guarded)
            return
        self._open += has_body
        try:
            await self._app(scope, body.receive, send_guarded)
        finally:
            self._open -= has_body

    def _refusal(self, headers: Headers, scope: MutableMapping[str, Any]) -> JSONResponse | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._access:
            client = (scope["client"] or ("unknown",))[0]
            if refusal := self._access.refusal(headers, client, scope["path"]):
                return refusal
        elif not is_loopback(_hostname(host) or ""):  # any other may be a DNS rebinding
            return error_response(400, "asked for under another name than localhost", CLOSE)
        ours = [f"http://{host}"] + [f"https://{host}"] * bool(self._access)  # behind a TLS proxy
        if origin is not None and origin not in ours:
            return error_response(403, "asked for by another site", CLOSE)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MAX_BODY_BYTES:
            return error_response(413, TOO_LARGE, CLOSE)
        if scope["method"] == "POST" and self._open >= MAX_REQUESTS:
            return error_response(503, "too many at once; try again", CLOSE | {"retry-after": "5"})
        return None


class _RequestBody:
    """The body of a request while it comes in."""

    def __init__(self, receive: Receive, max_s: float, awaited: bool) -> None:
        self._receive, self._max_s = receive, max_s
        self._deadline = time.monotonic() + max_s
        self._received = 0
        self.awaited = awaited  # whether more of it may come

    async def receive(self) -> Message:
        """Return the next message, as long as the body keeps to the limits.

        Raises:
            HTTPException: the body is too slow (408) or too large (413).
        """
        if not self.awaited:  # after the body, the only message is that the client has gone
            return await self._receive()
        try:
            async with asyncio.timeout(self._deadline - time.monotonic()):
                message = await self._receive()
        except TimeoutError as error:
            reason = f"the body did not come within {self._max_s:g} s"
            raise HTTPException(408, reason, {"connection": "close"}) from error
        self._received += len(message.get("body", b""))
        self.awaited = message.get("more_body", False)
        if self._received > MAX_BODY_BYTES:
            raise HTTPException(413, TOO_LARGE, {"connection": "close"})
        return message

    async def drop(self) -> None:
        """Throw the rest of the body away, up to the limits of time and size.

        A connection that closes while bytes still come in is reset, and the reset can overtake the
        answer: the client would never read why.
        """
        dropped = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while self.awaited and dropped <= MAX_BODY_BYTES:
                    message = await self._receive()
                    dropped += len(message.get("body", b""))
                    self.awaited = message.get("more_body", False)


def _guarded(send: Send, body: _RequestBody) -> Send:
    """Return a `send` that adds our headers, and ends no answer before its request's body ended."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            ours = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            missing = [header for header in ours if header[0] not in present]
            message["headers"] = [*message["headers"], *missing]
        elif body.awaited and not message.get("more_body", False):
            await send({**message, "more_body": True})
            await body.drop()
            message = {"type": "http.response.body", "body": b""}
        await send(message)

    return send_guarded


def _hostname(host: str) -> str | None:
    """Return the name in a Host header, without its port, or None if the header is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
