"""Measure what the server costs: its time over a bare cut-out's, its memory over many requests."""

import http.client
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.config.machine import Machine
from bench.cutout import photographs
from bench.cutout.background import Background
from bench.cutout.cutout import segment
from bench.cutout.model import open_model
from bench.system.errors import BenchError, Missing
from bench.system.progress import track

WARM_UP_REQUESTS = 30  # before memory is measured: libraries load, buffers grow to their size
TIMED_REQUESTS = 15  # each beside a bare cut-out
BOUNDARY = "a-line-that-is-in-no-photograph"


@dataclass(frozen=True)
class ServerOverhead:
    """Medians of wall time, means of processor time, over interleaved runs; and memory."""

    bare_ms: float
    server_ms: float
    overhead: float  # of the server, as a share of the bare time
    bare_cpu_ms: float
    server_cpu_ms: float  # of both sides of the connection
    overhead_cpu: float  # the same in processor time: what a busy machine does not disturb
    requests: int
    memory_mb: float  # after the warm-up
    growth_mb: float  # from then to the end

    def to_json(self) -> dict[str, Any]:
        """Return the figures, rounded for printing."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure_overhead(folder: Path, photograph: Path, requests: int, device: str) -> ServerOverhead:
    """Start a server, time it beside the bare cut-out, then send it `requests` requests.

    Raises:
        Missing: there is no such photograph.
        BenchError: the server does not start, or refuses the photograph.
    """
    if not photograph.is_file():
        raise Missing(f"{photograph}: no such photograph; name another")
    content = photograph.read_bytes()
    model = open_model(folder, Machine(device))

    def cut() -> bytes:
        (segmented,) = segment(model, [photographs.read(content)], [[]])
        return segmented.picture(Background(), "png")

    with _serving(folder, device) as (port, process):

        def ask() -> bytes:
            return _post(port, content)

        with ThreadPoolExecutor(1) as thread:  # as in the server, where OpenMP would wait otherwise

            def cut_in_thread() -> bytes:
                return thread.submit(cut).result()

            cut_in_thread(), ask()
            client = psutil.Process()
            bare = _CallTimer([client])
            served = _CallTimer([client, process])
            for _ in track(range(TIMED_REQUESTS), "time", TIMED_REQUESTS):
                bare.run(cut_in_thread)
                served.run(ask)
        for _ in range(WARM_UP_REQUESTS):
            ask()
        before = process.memory_info().rss
        for _ in track(range(requests), "ask", requests):
            ask()
        after = process.memory_info().rss
    return ServerOverhead(
        bare_ms=bare.ms,
        server_ms=served.ms,
        overhead=served.ms / bare.ms - 1,
        bare_cpu_ms=bare.cpu_ms,
        server_cpu_ms=served.cpu_ms,
        overhead_cpu=served.cpu_ms / bare.cpu_ms - 1,
        requests=requests,
        memory_mb=before / 1e6,
        growth_mb=(after - before) / 1e6,
    )


class _CallTimer:
    """Timer of calls: wall time, and the processor time of some processes."""

    def __init__(self, processes: Sequence[psutil.Process]) -> None:
        self._processes = processes
        self._times: list[tuple[float, float]] = []

    def run(self, function: Callable[[], bytes]) -> None:
        began, used = time.perf_counter(), self._used_s()
        function()
        self._times.append((time.perf_counter() - began, self._used_s() - used))

    @property
    def ms(self) -> float:
        return 1000 * statistics.median(wall for wall, _ in self._times)

    @property
    def cpu_ms(self) -> float:
        return 1000 * statistics.mean(cpu for _, cpu in self._times)

    def _used_s(self) -> float:
        return sum(sum(process.cpu_times()[:2]) for process in self._processes)


def _post(port: int, content: bytes) -> bytes:
    """Return the answer of POST /cutout."""
    head = 'Content-Disposition: form-data; name="photograph"; filename="photograph"\r\n\r\n'
    form = f"--{BOUNDARY}\r\n{head}".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/cutout", form, kind)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchError(f"the server answers {answer.status}: {body.decode(errors='replace')}")
    return body


@contextmanager
def _serving(folder: Path, device: str) -> Iterator[tuple[int, psutil.Process]]:
    """Run a server process on a free port while the block lasts."""
    arguments = ["serve", "--model", str(folder), "--port", "0", "--device", device]
    server = subprocess.Popen(
        [sys.executable, "-m", "bench", *arguments], stderr=subprocess.PIPE, text=True
    )
    try:
        line = next((line for line in server.stderr or () if "http://" in line), None)
        if line is None:
            raise BenchError("the server does not start; see what it said above")
        yield int(line.rstrip("/\n").rpartition(":")[2]), psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()
