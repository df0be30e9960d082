"""Run the server process: one address on this machine, a clean start and a clean end."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from bench.cutout.model import open_model
from bench.serve.app import LIMIT_S, make_app
from bench.serve.connection import MAX_CONNECTIONS, Connection
from bench.serve.guard import MAX_BODY_BYTES
from bench.system.device import Machine
from bench.system.errors import BenchError
from bench.system.process import keep_uploads_in_memory
from bench.system.progress import say

HOST = "127.0.0.1"
UPLOAD_BYTES = 2 * MAX_BODY_BYTES  # of one upload that stays in memory: more than a body may have
END_S = LIMIT_S + 5  # for requests that are running when the server is told to stop


class Server(uvicorn.Server):
    """Server that ends on SIGINT, SIGTERM or SIGHUP: running requests are finished, others refused.

    A second signal ends the process at once, whatever its threads do. The server writes no file,
    so none can be left half written.

    Args:
        config: of the application that `make_app` returns.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self.handle_exit)  # uvicorn hears the other two alone
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop on a signal; uvicorn's own handler would raise the signal again afterwards."""
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.config.app.state.queue.stop)  # type: ignore[union-attr]


def run(folder: Path, port: int, machine: Machine) -> None:
    """Serve an exported model until the process is told to stop.

    Args:
        port: of 127.0.0.1; 0 takes a free one.

    Raises:
        Missing, BadData: the model is not there or damaged.
        BenchError: the port is taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
        except OSError as error:
            raise BenchError(
                f"port {port} cannot be used ({error.strerror}); choose another with --port"
            ) from error
        listening.listen(MAX_CONNECTIONS)  # holds clients until the server accepts them
        keep_uploads_in_memory(UPLOAD_BYTES)
        model = open_model(folder, machine)
        config = uvicorn.Config(
            make_app(model),
            http=Connection,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(END_S),
        )
        say(f"{model.entry.name}: open http://{HOST}:{listening.getsockname()[1]}/")
        asyncio.run(Server(config).serve([listening]))
