"""What the server costs: its time on top of the bare cut-out, and its memory over many requests."""

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

from bench.cutout import photographs
from bench.cutout.background import Background
from bench.cutout.cutout import look
from bench.cutout.model import open_model
from bench.system.device import Machine
from bench.system.errors import BenchError
from bench.system.progress import track

WARM = 30  # requests before memory is looked at: libraries load, buffers grow to their size
TIMED = 15  # requests that are timed, each beside a bare cut-out
BOUNDARY = "a-line-that-is-in-no-photograph"


@dataclass(frozen=True)
class Cost:
    """Medians of interleaved runs (of processor time, means), and the server's memory."""

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
        """For printing."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def measure(folder: Path, photograph: Path, requests: int, device: str) -> Cost:
    """Start a server of its own, time it beside the bare cut-out, then ask it `requests` times.

    Raises:
        BenchError: the server does not start, or refuses the photograph.
    """
    content = photograph.read_bytes()
    model = open_model(folder, Machine(device))

    def cut() -> bytes:
        (seen,) = look(model, [photographs.read(content)], [[]])
        return seen.picture(Background(), "png")

    with _serving(folder, device) as (port, process):

        def ask() -> bytes:
            return _post(port, content)

        with ThreadPoolExecutor(1) as thread:  # as in the server: OpenMP waits otherwise there

            def bare_there() -> bytes:
                return thread.submit(cut).result()

            bare_there(), ask()
            here = psutil.Process()
            bare = _Watch([here])
            served = _Watch([here, process])
            for _ in track(range(TIMED), "time", TIMED):
                bare.run(bare_there)
                served.run(ask)
        for _ in range(WARM):
            ask()
        before = process.memory_info().rss
        for _ in track(range(requests), "ask", requests):
            ask()
        after = process.memory_info().rss
    return Cost(
        bare.ms, served.ms, served.ms / bare.ms - 1,
        bare.cpu_ms, served.cpu_ms, served.cpu_ms / bare.cpu_ms - 1,
        requests, before / 1e6, (after - before) / 1e6,
    )  # fmt: skip


class _Watch:
    """Times calls: the clock's time, and the processor's in some processes."""

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
    """What POST /cutout answers."""
    head = 'Content-Disposition: form-data; name="photograph"; filename="photograph"\r\n\r\n'
    body = f"--{BOUNDARY}\r\n{head}".encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/cutout", body, kind)
        answer = connection.getresponse()
        found = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise BenchError(f"the server answers {answer.status}: {found.decode(errors='replace')}")
    return found


@contextmanager
def _serving(folder: Path, device: str) -> Iterator[tuple[int, psutil.Process]]:
    """A server process on a free port; it is stopped at the end."""
    words = ["serve", "--model", str(folder), "--port", "0", "--device", device]
    started = subprocess.Popen(
        [sys.executable, "-m", "bench", *words], stderr=subprocess.PIPE, text=True
    )
    try:
        line = next((line for line in started.stderr or () if "http://" in line), None)
        if line is None:
            raise BenchError("the server does not start; see what it said above")
        yield int(line.rstrip("/\n").rpartition(":")[2]), psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait()
