"""Nodes of a Ray cluster on this machine, whose processes tests kill or freeze, and its driver."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import psutil

from tests.tiny import HOME

NOTICE_SOON = {  # that a node is frozen
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
HEAD = ["--head", "--num-cpus=0", "--include-dashboard=false"]
RAY = Path(sys.executable).with_name("ray")


@dataclass
class LocalNode:
    """A node: the process that a user starts, and those below it."""

    process: subprocess.Popen

    def workers(self, name=""):
        """Its processes that do an item now whose name begins so."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if " ".join(child.cmdline()).startswith(f"ray::{name}"):
                    found.append(child)
        return found

    @property
    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        first = psutil.Process(self.process.pid)
        for process in [first, *first.children(recursive=True)]:
            with suppress(psutil.Error):
                process.send_signal(number)

    def kill(self):
        if self.alive:
            self.signal(signal.SIGKILL)
        self.process.wait()


class LocalCluster:
    """A head that does no work, and nodes of one CPU each."""

    def __init__(self) -> None:
        self.folder, self.nodes = Path(mkdtemp(prefix="ray")), []  # names of sockets must be short
        self.token = self.folder / "token"
        self.token.write_text(secrets.token_hex(32))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(HOME),
            "OMP_NUM_THREADS": "1",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(self.token),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        port = self.address.partition(":")[2]
        config = f"--system-config={json.dumps(NOTICE_SOON)}"
        self.head = self._start([*HEAD, "--port", port, config])

    def start(self, *words, before=(), **environment):
        """A new node; `before` are words before the command, `environment` variables of its own."""
        words = ["--address", self.address, "--num-cpus=1", *words]
        self.nodes.append(self._start(words, before, environment))
        return self.nodes[-1]

    def _start(self, words, before=(), environment=()):
        start = [*before, RAY, "start", "--block", "--num-gpus=0", *words]
        small = ["--object-store-memory=80000000", "--include-log-monitor=false"]
        process = subprocess.Popen(
            [*start, *small, f"--temp-dir={mkdtemp(dir=self.folder)}"],
            env={**self.environment, **dict(environment)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        said = []
        assert any(said.append(line) or "runtime started" in line for line in process.stdout), said
        return LocalNode(process)

    def have(self, count):
        """See that there are this many nodes, and return them."""
        self.nodes = [node for node in self.nodes if node.alive]
        while len(self.nodes) < count:
            self.start()
        while len(self.nodes) > count:
            self.nodes.pop().kill()
        return self.nodes

    def end(self):
        for node in [*self.nodes, self.head]:
            node.kill()
        rmtree(self.folder)

    def command(self, *words, **environment):
        return Command(
            [*words, "--cluster", self.address], {**self.environment, **dict(environment)}
        )


class Command:
    """A command line in a process of its own, and what it has said."""

    def __init__(self, words, environment):
        self.said = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench", *words],
            cwd=HOME,
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
        )

    def says(self, text):
        """Wait until a line holds the text."""
        for line in self.process.stderr:
            self.said.append(line)
            if text in line:
                return line
        raise AssertionError(f"ended without {text!r}: {''.join(self.said)}")

    def ends(self):
        """The exit code."""
        self.said += self.process.stderr
        return self.process.wait()

    @property
    def text(self):
        return "".join(self.said)
