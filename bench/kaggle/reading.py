"""Reading a submission file of any size, `.csv`, `.csv.gz` or a `.zip` of one CSV, in blocks.

What a file holds is decided by its first bytes; a name that says something else is an error.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from isal import igzip, isal_zlib

from bench.masks.rle import PADDING
from bench.system.errors import BadData, Missing

HEADER = "img,rle_mask"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLOCK = 2**20  # bytes read at once: about a hundred rows
LONGEST_LINE = 2**25  # bytes; every second pixel of a photograph as a run takes 12 MB
KINDS = {b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip"}
ENDINGS = {"zip": ".zip", "gzip": ".csv.gz", "plain": ".csv"}
DAMAGE: Any = (EOFError, OSError, zlib.error, isal_zlib.error, zipfile.BadZipFile)


class Unreadable(BadData):
    """A submission file that cannot be read on: `kind` in a word, `what` is wrong, its `cure`."""

    def __init__(self, path: Path, kind: str, what: str, cure: str) -> None:
        super().__init__(f"{path}: {what}; {cure}")
        self.kind, self.what, self.cure = kind, what, cure


def read_blocks(path: Path) -> Iterator[bytes]:
    """The file in pieces of whole lines, the last byte of each a newline, then PADDING.

    Raises:
        Missing: there is no such file.
        Unreadable: it is empty, damaged, cut off, no CSV at all, or named as what it is not.
    """
    with _opened(path) as file:
        rest = b""
        while data := _read(path, file):
            behind = data.rfind(b"\n") + 1
            if not behind and len(rest) + len(data) > LONGEST_LINE:
                cure = "write one line for each image"
                raise Unreadable(path, "line", "a line is longer than any mask", cure)
            if behind:
                yield b"".join((rest, data[:behind], PADDING))
                rest = b""
            rest += data[behind:]
        if rest:
            yield rest + b"\n" + PADDING


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line, without its end.

    Raises:
        Missing, Unreadable: as `read_blocks`.
    """
    number = 0
    for block in read_blocks(path):
        for line in block[: -len(PADDING) - 1].decode("utf-8", errors="replace").split("\n"):
            number += 1
            yield number, line.removesuffix("\r")


def read_rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number, file name and run-length text of each row; the header must be right.

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
    """Why the first line is not the header, for the mistakes people make."""
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
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The CSV's bytes, unpacked as they are read."""
    if not path.is_file():
        raise Missing(f"{path}: no such file; name a submission (.csv, .csv.gz or .zip)")
    with path.open("rb") as file:
        start = file.read(512)
    kind = next((kind for magic, kind in KINDS.items() if start.startswith(magic)), "plain")
    _check_start(path, kind, start)
    with ExitStack() as open_files:
        if kind == "plain":
            yield open_files.enter_context(path.open("rb"))
        elif kind == "gzip":
            unpacking: Any = igzip.open(path)  # type: ignore[no-untyped-call]
            yield open_files.enter_context(unpacking)
        else:
            yield _only_member(path, open_files)


def _check_start(path: Path, kind: str, start: bytes) -> None:
    if not start:
        raise Unreadable(path, "empty", "the file is empty", "write it again")
    if start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<"):
        cure = "sign in to the site it came from and download it again"
        raise Unreadable(path, "html", "the file is a web page, not a table", cure)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable(path, "encoding", "the text is UTF-16", "save it as UTF-8")
    if not path.name.endswith(ENDINGS[kind]):
        content = "plain text" if kind == "plain" else f"{kind} data"
        cure = f"name it *{ENDINGS[kind]}"
        raise Unreadable(path, "container", f"the file holds {content}", cure)


def _only_member(path: Path, open_files: ExitStack) -> Any:
    try:
        archive = open_files.enter_context(zipfile.ZipFile(path))
        members = [m for m in archive.namelist() if not m.startswith("__MACOSX")]
        if len(members) != 1 or not members[0].endswith(".csv"):
            raise Unreadable(
                path, "container", f"the archive holds {len(members)} files", "pack one .csv in it"
            )
        return open_files.enter_context(archive.open(members[0]))
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        what = f"the archive cannot be unpacked ({error})"
        raise Unreadable(path, "damaged", what, "pack it again") from error


def _read(path: Path, file: IO[bytes]) -> bytes:
    try:
        return file.read(BLOCK)
    except DAMAGE as error:
        raise Unreadable(
            path, "damaged", f"it ends too early or is damaged ({error})", "write or copy it again"
        ) from error
