"""Read a submission file of any size strictly, as Kaggle would, in blocks.

The first bytes decide the format of a file; a name that says another format is an error. All other
tables are read by `bench.data.tables`, which forgives what it cannot misunderstand.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from bench.data.dataset import MASK_COLUMNS
from bench.data.tables import (
    MAX_VALUE,
    SHOWN,
    UTF16_MARKS,
    Unreadable,
    first_bytes,
    long_line,
    naming_damage,
    open_table,
)
from bench.masks.rle import PADDING

HEADER = ",".join(MASK_COLUMNS)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
READ_BYTES = 2**20  # read at once: about a hundred rows
FILE_SUFFIXES = {"zip": ".zip", "gzip": ".csv.gz", "plain": ".csv"}


def read_blocks(path: Path) -> Iterator[bytes]:
    """Yield the file in blocks of whole lines, each ended by a newline and followed by PADDING.

    Raises:
        Missing: there is no such file.
        Unreadable: the file is empty, damaged, cut off, not a CSV, or named as another format.
    """
    with naming_damage(path), _open(path) as file:
        rest = b""
        while data := file.read(READ_BYTES):
            complete = data.rfind(b"\n") + 1
            if not complete and len(rest) + len(data) > MAX_VALUE:
                raise long_line(path)
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
        Missing, Unreadable: as `read_blocks`, the first line is not the header, or a line that is
            not blank has no comma.
    """
    for number, line in read_lines(path):
        name, comma, text = line.partition(",")
        if number == 1:
            if line != HEADER:
                raise bad_header(path, line)
        elif comma:
            yield number, name, text
        elif line:
            what, cure = f"no comma in {line[:SHOWN]!r}", "the file may be cut off: write it again"
            raise Unreadable(f"{path}, line {number}", "columns", what, cure)


def bad_header(path: Path, line: str) -> Unreadable:
    """Return the error of a first line that is not the header, named for the common mistakes."""
    if line.startswith(BYTE_ORDER_MARK.decode()):
        what = "a byte order mark stands in front"
        return Unreadable(path, "encoding", what, "save as plain UTF-8")
    if line.replace('"', "") == HEADER:
        return Unreadable(path, "quotes", "the header is quoted", "write fields without quotes")
    for delimiter in ";\t|":
        if line.replace(delimiter, ",").replace('"', "") == HEADER:
            what = f"the columns are separated by {delimiter!r}"
            return Unreadable(path, "delimiter", what, "separate them by a comma")
    what = f"the first line is {line[:SHOWN]!r}"
    if line.split(",")[1:] == HEADER.split(","):
        what, cure = "an index column stands in front", "write it without (pandas: index=False)"
    elif line.replace(" ", "").lower() == HEADER:
        cure = f"write it exactly as {HEADER!r}"
    elif sorted(line.split(",")) == sorted(HEADER.split(",")):
        what, cure = "the columns are swapped", f"write them in the order {HEADER!r}"
    else:
        cure = f"begin with the line {HEADER!r}; two columns, no others"
    return Unreadable(path, "header", what, cure)


def _open(path: Path) -> AbstractContextManager[IO[bytes]]:
    format, start = first_bytes(path)
    if not start:
        raise Unreadable(path, "empty", "the file is empty", "write it again")
    if start.removeprefix(BYTE_ORDER_MARK).lstrip().startswith(b"<"):
        cure = "sign in to the site it came from and download it again"
        raise Unreadable(path, "html", "the file is a web page, not a table", cure)
    if start.startswith(UTF16_MARKS):
        raise Unreadable(path, "encoding", "the text is UTF-16", "save it as UTF-8")
    suffix = FILE_SUFFIXES.get(format, "")
    if not path.name.lower().endswith(suffix):
        content = "plain text" if format == "plain" else f"{format} data"
        cure = f"name it *{suffix}"
        raise Unreadable(path, "container", f"the file holds {content}", cure)
    return open_table(path)
