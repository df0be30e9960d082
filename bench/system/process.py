"""What holds for a whole process: switches of libraries, signals, standard streams.

The command line sets them once, when it starts, before any thread runs. Nothing deeper in the
program may: a caller could not undo such a switch, and a library that reads the environment in one
thread while another thread writes it can crash.
"""

import ctypes
import errno
import io
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

from bench.system.environment import COMMAND
from bench.system.errors import BenchError
from bench.system.threads import environment_of_threads, spin_on_free_cores

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

ENDING = (signal.SIGTERM, signal.SIGHUP)  # as `kill`, batch systems and closed terminals send
ONCE_S = 1.0  # `timeout` and some batch systems send their signal twice within this time
ADDRESSES = 4_800_000_000  # measured: torch and OpenBLAS start with 5.1 GB, not with 4.1
ORPHANED_AFTER_S = 1.0  # between two looks whether a worker's driver still lives
READER_LEFT = (errno.EPIPE,)
KEEPING = (-1, -3)  # man 3 mallopt: M_TRIM_THRESHOLD, M_MMAP_THRESHOLD
MOST_KEPT = 2**31 - 1  # bytes, the most that mallopt takes
WEIGHTS_DIR = "CARVANA_WEIGHTS"  # as in models.pretrained


def set_environment(weights_dir: Path | None) -> None:
    """Set the environment variables that libraries and worker processes read.

    Args:
        weights_dir: folder of pretrained weights; None leaves the user's variable as it is.
    """
    os.environ[COMMAND] = str(os.getpid())
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # or its import asks the network
    if threads := os.environ.get("OMP_NUM_THREADS"):
        os.environ |= environment_of_threads(threads)
    if weights_dir:
        os.environ[WEIGHTS_DIR] = str(weights_dir)


def set_environment_of_ray() -> None:
    """Set what Ray reads when it is imported, unless the user has.

    A cluster takes work from whoever has its token alone; nobody is told how Ray is used; and an
    address at which there is no cluster is given up after seconds.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "3")


def check_addresses() -> None:
    """Refuse a limit of addresses under which libraries end the process while they are imported.

    OpenBLAS even raises the signal of Ctrl-C where it gets no threads.

    Raises:
        BenchError: `ulimit -v` is too low for torch.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most != resource.RLIM_INFINITY and most < ADDRESSES:
        raise BenchError(
            f"a limit of {most / 1e9:.1f} GB of addresses (`ulimit -v`) is too low: libraries "
            f"alone take {ADDRESSES / 1e9:.1f} GB; raise it, or limit memory by a container instead"
        )


def keep_compiled_code_in(folder: Path) -> None:
    """Have `torch.compile` keep its machine code in a folder of this process.

    Machine code of an earlier process would make compiling look faster than it is. Only the
    environment tells torch the folder.
    """
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)


def use_one_opencv_thread() -> None:
    """Have every call of OpenCV use its caller's thread alone.

    A run spreads photographs over `--jobs` threads or over a loader's worker processes: threads
    within one photograph would only compete with those.
    """
    import cv2

    cv2.setNumThreads(1)


def prepare_for_networks() -> None:
    """Have cuDNN keep the fastest of its algorithms, and the C library the memory of large arrays.

    cuDNN times them on a network's first batch, which pays because the sizes of a network's inputs
    never change. float32 is float32 there: who wants it does not want TF32, and bf16 is faster.

    Raises:
        BenchError: as `check_addresses`.
    """
    check_addresses()
    import torch

    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False
    keep_large_arrays()
    spin_on_free_cores()


def keep_large_arrays() -> None:
    """Have the C library keep the memory of large arrays.

    Arrays are freed and taken again in every training step; new pages from the system each time
    would take a tenth of the step on a CPU, a third where much other work is done.
    """
    if set_option := getattr(ctypes.CDLL(None), "mallopt", None):  # the GNU C library's
        for option in KEEPING:
            set_option(option, MOST_KEPT)


def give_memory_back() -> None:
    """Give the memory that nothing holds any more back to the system."""
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # the GNU C library's
        trim(0)


def keep_uploads_in_memory(max_bytes: int) -> None:
    """Have the web server keep uploads of up to `max_bytes` in memory: none touches a disk."""
    from starlette.formparsers import MultiPartParser

    MultiPartParser.spool_max_size = max_bytes


class Stopped(KeyboardInterrupt):
    """A signal told the process to end; like Ctrl-C, it runs the end of every block."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.name, self.exit_code = signal.Signals(number).name, 128 + number


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Have SIGTERM and SIGHUP raise `Stopped` inside the block, in the main thread.

    A signal that is ignored stays ignored, as `nohup` wants. Other threads cannot set handlers.
    """
    last = -ONCE_S

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before >= ONCE_S:
            raise Stopped(number)

    if current_thread() is not main_thread():
        yield
        return
    heard = [each for each in ENDING if signal.getsignal(each) != signal.SIG_IGN]
    earlier = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def end_with(parent: int) -> None:
    """Have this process end soon after its parent did, even where that one was killed.

    Args:
        parent: the process that started this one; it knows best, since it may be dead already.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHANED_AFTER_S)
        os._exit(1)  # another thread can end the main one in no other way

    Thread(target=watch, daemon=True).start()


def prepare_streams() -> None:
    """Have standard streams that are closed, full or without a reader end no work.

    A line of progress that nobody can read is worth no training, so standard error forgives every
    error; standard output forgives a reader that has read enough (`| head -1`), but no full disk.
    Streams of a caller's own, as in tests, stay as they are.
    """
    for number in range(3):
        _open_if_closed(number)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(sys.stdout, _Forgiving(1, READER_LEFT))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(sys.stderr, _Forgiving(2, None))


def _open_if_closed(number: int) -> None:
    """Let a descriptor that is closed lead nowhere, or the next file that is opened would get it.

    What libraries print to standard error would then be written into that file.
    """
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        os.set_inheritable(number, True)


class _Forgiving(io.FileIO):
    """A stream in which what cannot be written is lost, without an error.

    Args:
        forgiven: the errors for which that holds; None: all. Any other is raised once.
    """

    def __init__(self, number: int, forgiven: tuple[int, ...] | None) -> None:
        super().__init__(number, "w", closefd=False)
        self._forgiven, self._raised = forgiven, False

    def write(self, content: "ReadableBuffer", /) -> int:
        """Return the number of bytes written or lost."""
        try:
            written: int | None = super().write(content)  # None: it would have to wait
            if written is not None or self._forgiven:
                return written  # type: ignore[return-value]
        except OSError as error:
            if not (self._raised or self._forgiven is None or error.errno in self._forgiven):
                self._raised = True
                raise
        return memoryview(content).nbytes


def _stream(before: io.TextIOBase | None, raw: io.FileIO) -> io.TextIOWrapper:
    """Return a text stream like the one before; a character that it cannot hold is escaped."""
    encoding, by_line = "utf-8", True
    if isinstance(before, io.TextIOWrapper):
        before.flush()
        encoding, by_line = before.encoding, before.line_buffering
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=by_line
    )
