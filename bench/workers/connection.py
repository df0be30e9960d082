"""The connection to a cluster, and whether that is still there."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from queue import Empty, Queue
from threading import Thread
from typing import Any

import ray
from ray.exceptions import AuthenticationError, RayError

from bench.system.errors import Missing
from bench.workers.dealing import Lost
from bench.workers.nodes import Node

CONNECT_S = 5.0
HEAD_BACK_S = 20.0  # after which a head is lost; Ray waits for 60 and then ends this process
ONE_FOR_ALL = (
    "all machines need one token: make it by `ray get-auth-token --generate`, copy its file "
    "~/.ray/auth_token to each, and start Ray there with RAY_AUTH_MODE=token"
)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster inside the block; this machine has to be one of its nodes.

    Args:
        address: "HOST:PORT", or "auto" for the cluster of this machine.

    Raises:
        Missing: no cluster answers there, or none with this token; or it is lost.
    """
    _check_it_listens(address)
    stop = signal.getsignal(signal.SIGTERM)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # Ray would write to it
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except AuthenticationError as error:
            raise Missing(f"--cluster {address}: no token here; {ONE_FOR_ALL}") from error
        except (ConnectionError, RuntimeError) as error:
            raise Missing(_not_connected(address, error)) from error
        finally:
            signal.signal(signal.SIGTERM, stop)  # Ray has put its own there
        try:
            yield
        except (RayError, Lost) as error:
            lost = f"--cluster {address}: lost from this machine ({first_sentence(error)}); "
            raise Missing(f"{lost}start Ray there again; the same command goes on") from error
        finally:
            ray.shutdown()


def _check_it_listens(address: str) -> None:
    """Refuse an address at which nobody listens, where Ray would wait for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except OSError as error:
        raise Missing(
            f"--cluster {address}: nobody answers there ({error}); name the address that "
            f"`ray start --head --port {port}` prints on the first machine of the cluster"
        ) from error


def _not_connected(address: str, error: Exception) -> str:
    if address == "auto":
        return (
            "--cluster auto: no Ray runs on this machine; start it by `ray start --head`, or as a "
            "node of another's cluster by `ray start --address HOST:PORT`"
        )
    why = str(error.__cause__ or error).strip().splitlines()[-1]
    if "AuthToken" in why:
        return f"--cluster {address}: it has another token than this machine; {ONE_FOR_ALL}"
    return (
        f"--cluster {address}: cannot be joined ({why}); start this command on a machine of the "
        "cluster, with the Python and the Ray that it has"
    )


def nodes_there() -> list[Node]:
    """Return the nodes that are not known to be dead.

    Raises:
        Lost: the head of the cluster.
    """
    answer: Queue[list[dict[str, Any]]] = Queue()
    Thread(target=lambda: answer.put(ray.nodes()), daemon=True).start()  # type: ignore[no-untyped-call]
    try:
        nodes = answer.get(timeout=HEAD_BACK_S)
    except Empty as error:
        raise Lost(f"its head has given no answer for {HEAD_BACK_S:.0f} s") from error
    return [
        Node(
            each["NodeID"],
            each["NodeManagerHostname"],
            int(each["Resources"].get("CPU", 0)),
            int(each["Resources"].get("GPU", 0)),
        )
        for each in nodes
        if each["Alive"]
    ]


def first_sentence(error: Exception) -> str:
    """Return what an error of Ray says, without its advice."""
    return str(error).strip().partition("\n")[0].partition(". ")[0]
