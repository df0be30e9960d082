"""Files that are complete when they exist: written under a temporary name, synced, renamed."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.system.disk import make_folder, writing
from bench.system.temporaries import holding, remove_left, temporary_path


@contextmanager
def replacing(path: Path, needed_bytes: int = 0) -> Iterator[Path]:
    """Give a temporary path that replaces `path` when the block ends without an error.

    A crash or an exception at any moment leaves either the old file or the whole new file. The
    temporary file is removed when the block raises; if the process is killed, by the next process
    that writes into the folder.

    Args:
        needed_bytes: the size of the new file, where it is known.

    Raises:
        BenchError: the disk is full or fails, or nothing may be written there.
    """
    make_folder(path.parent)
    remove_left(path.parent)
    temporary = temporary_path(path)
    with writing(path, needed_bytes, temporary), holding(temporary):
        try:
            yield temporary
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Replace the file `path` in one step."""
    with replacing(path, len(content)) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Replace the text file `path` in one step."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Replace the JSON file `path` in one step, indented for people."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
