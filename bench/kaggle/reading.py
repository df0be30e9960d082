"""Read a submission file of any size, `.csv`, `.csv.gz` or a `.zip` of one CSV, in blocks.

The first bytes decide the format of a file; a name that says another format is an error.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from isal import igzip, isal_zlib

from bench.masks.rle import PADDING
from bench.system.errors import BadFile, Missing

HEADER = "img,rle_mask"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
READ_BYTES = 2**20  # read at once: about a hundred rows
MAX_LINE_BYTES = 2**25  # every second pixel of a photograph as a run takes 12 MB
FILE_FORMATS = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip"}
FILE_SUFFIXES = {"zip": ".zip", "gzip": ".csv.gz", "plain": ".csv"}
DAMAGE_ERRORS: Any = (EOFError, OSError, zlib.error, isal_zlib.error, zipfile.BadZipFile)


class Unreadable(BadFile):
    """A submission file that cannot be read to its end.

    Args:
        kind: of the problem, in a word; what: is wrong; cure: how to mend it.
    """

    def __init__(self, path: Path, kind: str, what: str, cure: str) -> None:
        super().__init__(path, what, cure)
        self.kind = kind


def read_blocks(path: Path) -> Iterator[bytes]:
    """Yield the file in blocks of whole lines, each ended by a newline and followed by PADDING.

    Raises:
        Missing: there is no such file.
        Unreadable: the file is empty, damaged, cut off, not a CSV, or named as another format.
    """
    with _open(path) as file:
        rest = b""
        while data := _read(path, file):
            complete = data.rfind(b"\n") + 1
            if not complete and len(rest) + len(data) > MAX_LINE_BYTES:
                cure = "write one line for each image"
                raise Unreadable(path, "line", "a line is longer than any mask", cure)
            if complete:
                yield b"".join((rest, data[:complete], PADDING))
                rest = b""
            rest += data[complete:]
        if rest:
            yield rest + b"\n" + PADDING


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each line, without the line end.

    Raises:
        Missing, Unreadable: as `read_blocks`.
    """
    number = 0
    for block in read_blocks(path):
        for line in block[: -len(PADDING) - 1].decode("utf-8", errors="replace").split("\n"):
            number += 1
            yield number, line.removesuffix("\r")


def read_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Yield line number, file name and run-length text of each row below the header.

    Raises:
        Missing, Unreadable: as `read_blocks`, or the first line is not the header.
    """
    for number, line in read_lines(path):
        if number > 1:
            name, _, text = line.partition(",")
            yield number, name, text
        elif line != HEADER:
            raise bad_header(path, line)


def bad_header(path: Path, line: str) -> Unreadable:
    """Return the error of a first line that is not the header, named for the common mistakes."""
    for delimiter in ";\t|":
        if line.replace(delimiter, ",").replace('"', "") == HEADER:
            what = f"the columns are separated by {delimiter!r}"
            return Unreadable(path, "delimiter", what, "separate them by a comma")
    what = f"the first line is {line[:40]!r}"
    if line.split(",")[1:] == HEADER.split(","):
        what, cure = "an index column stands in front", "write it without (pandas: index=False)"
    elif line.replace(" ", "").lower() == HEADER:
        cure = f"write it exactly as {HEADER!r}"
    elif sorted(line.split(",")) == sorted(HEADER.split(",")):
        what, cure = "the columns are swapped", f"write them in the order {HEADER!r}"
    else:
        cure = f"begin with the line {HEADER!r}; two columns, no others"
    return Unreadable(path, "header", what, cure)


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """Open the CSV; its bytes are unpacked as they are read."""
    if not path.is_file():
        raise Missing(f"{path}: no such file; name a submission (.csv, .csv.gz or .zip)")
    with path.open("rb") as file:
        start = file.read(512)
    format = next(
        (name for magic, name in FILE_FORMATS.items() if start.startswith(magic)), "plain"
    )
    _check_start(path, format, start)
    with ExitStack() as open_files:
        if format == "plain":
            yield open_files.enter_context(path.open("rb"))
        elif format == "gzip":
            unpacked: Any = igzip.open(path)  # type: ignore[no-untyped-call]
            yield open_files.enter_context(unpacked)
        else:
            yield _only_member(path, open_files)


def _check_start(path: Path, format: str, start: bytes) -> None:
    if not start:
        raise Unreadable(path, "empty", "the file is empty", "write it again")
    if start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<"):
        cure = "sign in to the site it came from and download it again"
        raise Unreadable(path, "html", "the file is a web page, not a table", cure)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(path, "encoding", "the text is UTF-16", "save it as UTF-8")
    if not path.name.endswith(FILE_SUFFIXES[format]):
        content = "plain text" if format == "plain" else f"{format} data"
        cure = f"name it *{FILE_SUFFIXES[format]}"
        raise Unreadable(path, "container", f"the file holds {content}", cure)


def _only_member(path: Path, open_files: ExitStack) -> Any:
    try:
        archive = open_files.enter_context(zipfile.ZipFile(path))
        members = [m for m in archive.namelist() if not m.startswith("__MACOSX")]
        if len(members) != 1 or not members[0].endswith(".csv"):
            what = f"the archive holds {len(members)} files"
            raise Unreadable(path, "container", what, "pack one .csv in it")
        return open_files.enter_context(archive.open(members[0]))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        what = f"the archive cannot be unpacked ({error})"
        raise Unreadable(path, "damaged", what, "pack it again") from error


def _read(path: Path, file: IO[bytes]) -> bytes:
    try:
        return file.read(READ_BYTES)
    except DAMAGE_ERRORS as error:
        what = f"it ends too early or is damaged ({error})"
        raise Unreadable(path, "damaged", what, "write or copy it again") from error
