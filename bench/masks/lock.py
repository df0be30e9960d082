"""The lock that lets one process at a time write a map store."""

import os
from pathlib import Path

from bench.system.disk import writing
from bench.system.errors import BenchError
from bench.system.temporaries import hold


class WriteLock:
    """A lock on writing the map store `path`, held until `release` or the death of the process.

    What is locked is a hidden file beside the store.

    Raises:
        BenchError: another process holds the lock, or the folder cannot be written to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f".{path.name}.lock")
        with writing(path, temporary=self._path):
            try:
                self._held = hold(self._path, wait=False)
            except BlockingIOError:
                raise BenchError(
                    f"{path}: another process is writing this map store; wait for it or stop it"
                ) from None

    def release(self) -> None:
        """Release the lock and remove the hidden file."""
        self._path.unlink(missing_ok=True)
        os.close(self._held)
