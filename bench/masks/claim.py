"""The right to write a file, held by one process at a time."""

import fcntl
from pathlib import Path

from bench.system.errors import BenchError


class WriteClaim:
    """The right to write the map store `path`, until `release`; a process that dies loses it.

    A lock on a hidden file beside the store stands for the right.

    Raises:
        BenchError: another process holds it, or the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._lock = path.with_name(f".{path.name}.lock")
        try:
            self._file = self._lock.open("w", encoding="ascii")
        except OSError as error:
            raise BenchError(
                f"{path}: cannot be written: {error}; give access or free space"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BenchError(
                f"{path}: another process is writing this map store; wait for it or stop it"
            ) from None

    def release(self) -> None:
        """Give the right back and remove the hidden file."""
        self._lock.unlink()
        self._file.close()
