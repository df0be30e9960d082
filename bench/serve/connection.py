"""One connection of the server: how long it may take over a header or an answer, and how many."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 100
HEADER_S = 20.0  # from the start of a connection, or its last answer, to the end of a header
ANSWER_S = 60.0  # for a client that takes its answer more slowly than it is given


class Connection(H11Protocol):
    """uvicorn's connection, which alone waits for ever for a header, and for a reader.

    Where there are too many, the newest takes the place of the one that has waited longest without
    a whole request, so that connections which say nothing shut nobody out.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a header, if there is room."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._waits_since = self.loop.time()
        self._set_timer(HEADER_S)
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; once its header is whole, it is no longer waited for."""
        waited = self.waits
        super().data_received(data)
        if waited and not self.waits:
            self._set_timer(None)

    def on_response_complete(self) -> None:
        """Wait for the header of the next request."""
        super().on_response_complete()
        self._waits_since = self.loop.time()
        if not self.waits:  # the next may be there already
            self._set_timer(None)
        elif not self.transport.get_write_buffer_size():
            self._set_timer(HEADER_S)
        elif self._timer is None:  # the client has not taken all of the answer yet
            self._set_timer(ANSWER_S)

    def pause_writing(self) -> None:
        """Limit the time in which the client takes the rest of an answer that it does not read."""
        super().pause_writing()
        if self._timer is None:
            self._set_timer(ANSWER_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._set_timer(None)
        super().connection_lost(exc)

    def _should_upgrade(self) -> bool:
        """Answer who asks for a websocket as anybody else: there is none to recommend."""
        return False

    @property
    def waits(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        end = self.transport.abort  # `close` would wait until the client reads
        self._timer = None if seconds is None else self.loop.call_later(seconds, end)

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, Connection) and each.waits]
        oldest = min(others, key=lambda each: each._waits_since)
        oldest.transport.abort()
        self.connections.discard(oldest)
