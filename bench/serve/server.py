"""Run the server process: one address on this machine, a clean start and a clean end."""

import asyncio
import ipaddress
import os
import signal
import socket
from pathlib import Path
from types import FrameType

import uvicorn

from bench.config.machine import Machine
from bench.cutout.model import open_model
from bench.serve.access import open_access
from bench.serve.app import LIMIT_S, make_app
from bench.serve.connection import MAX_CONNECTIONS, Connection
from bench.serve.guard import MAX_BODY_BYTES
from bench.system.errors import BenchError
from bench.system.process import keep_uploads_in_memory
from bench.system.progress import say

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


def run(
    folder: Path, host: str, port: int, machine: Machine, token_file: Path | None = None
) -> None:
    """Serve an exported model until the process is told to stop.

    Args:
        host: address to listen on.
        port: of the host; 0 takes a free one.
        token_file: holds the token, which a host that other machines reach has to have.

    Raises:
        Missing, BadData: the model is not there or damaged.
        BadConfig: other machines could ask, and there is no token.
        BenchError: the port is taken, or this machine has no such address.
    """
    access = open_access(host, token_file)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
        except OSError as error:
            raise BenchError(
                f"port {port} of {host} cannot be used ({error.strerror}); choose another with "
                "--port, or an address of this machine with --host"
            ) from error
        listening.listen(MAX_CONNECTIONS)  # holds clients until the server accepts them
        keep_uploads_in_memory(UPLOAD_BYTES)
        model = open_model(folder, machine)
        config = uvicorn.Config(
            make_app(model, access),
            http=Connection,
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=int(END_S),
        )
        say(f"{model.entry.name}: open {_url(host, listening)}")
        asyncio.run(Server(config).serve([listening]))


def _url(host: str, listening: socket.socket) -> str:
    """Return where a browser finds the server: by this machine's name if it is at every address."""
    address, port = listening.getsockname()[:2]
    if ipaddress.ip_address(address).is_unspecified:
        host = socket.gethostname()
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
