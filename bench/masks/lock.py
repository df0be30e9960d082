"""The lock that lets one process at a time write a map store."""

import fcntl
from pathlib import Path

from bench.system.errors import BenchError


class WriteLock:
    """A lock on writing the map store `path`, held until `release` or the death of the process.

    What is locked is a hidden file beside the store.

    Raises:
        BenchError: another process holds the lock, or the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        try:
            self._file = self._path.open("w", encoding="ascii")
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
        """Release the lock and remove the hidden file."""
        self._path.unlink()
        self._file.close()
