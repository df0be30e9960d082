"""Read any table: as Kaggle writes it, or as spreadsheets and pandas save it.

What cannot be misunderstood is read: a byte order mark, UTF-16, semicolons or tabs, quotes, other
columns (an index), another order of columns, blank lines, any line ends. All else is an error.
A file is a CSV, a `.csv.gz` or a `.zip` of one CSV; its first bytes say which.
"""

import csv
import lzma
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain, count
from pathlib import Path
from typing import IO, Any

from isal import igzip, isal_zlib

from bench.system.errors import BadFile
from bench.system.files import check_is_file

FORMATS = {  # first bytes -> format; those below gzip are not read
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"Rar!": "rar",
}
START_BYTES = 512  # that tell the format, the encoding, and a web page
ZIP_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)  # of what is packed
DAMAGE_ERRORS: Any = (*ZIP_ERRORS, OSError, isal_zlib.error)
DELIMITERS = ",;\t|"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
WEB_PAGE = ("<!doctype", "<html")
MAX_VALUE = 2**25  # characters: every second pixel of a photograph as a run takes 12 million
CELL = 32_767  # characters that a cell of a spreadsheet holds; the rest is cut off
SHOWN = 40  # characters of a line in a message
SAVE = "save the table as 'CSV UTF-8'"

csv.field_size_limit(MAX_VALUE)


class Unreadable(BadFile):
    """A table file that cannot be read to its end.

    Args:
        kind: of the problem, in a word; what: is wrong; cure: how to mend it.
    """

    def __init__(self, path: Path | str, kind: str, what: str, cure: str) -> None:
        super().__init__(path, what, cure)
        self.kind = kind


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number of each row below the header, and its values in the given columns.

    Raises:
        Missing: there is no such file.
        BadData: a column is not there, a row is too short or too long, a value was cut off, or the
            text is not UTF-8; the error names the line.
    """
    with naming_damage(path), open_table(path) as file:
        lines = enumerate(_lines(path, file), start=1)
        number, header = next(lines, (1, ""))
        if header.lower().startswith("sep="):  # a line by which spreadsheets know the delimiter
            number, header = next(lines, (2, ""))
        delimiter, names = _header(f"{path}, line {number}", header, columns)
        places = [names.index(column) for column in columns]
        for number, text in lines:
            try:
                values = _values(_fields(text, lines, delimiter), len(names), places)
            except (csv.Error, ValueError) as error:
                raise BadFile(f"{path}, line {number}", str(error), "restore the file") from error
            if values:
                yield number, values


def _lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    """Yield each line of a text in UTF-8, or in UTF-16 with or without a mark, without its end."""
    whole_lines = _whole_lines(path, file)
    first = next(whole_lines, b"")
    encoding = _utf16(first)
    if encoding:
        whole = (first + file.read()).decode(encoding, errors="replace").encode()
        raw = iter(whole.splitlines())
    else:
        raw = chain([first], whole_lines)
    for number, line in enumerate(raw, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            what = f"byte {line[error.start]:#x} in {_shown(line.decode(errors='replace'))}"
            where = f"{path}, line {number}"
            raise Unreadable(where, "encoding", f"not UTF-8: {what}", SAVE) from error
        yield from text.split("\r") if "\r" in text else (text,)  # old line ends


def _whole_lines(path: Path, file: IO[bytes]) -> Iterator[bytes]:
    for number in count(1):
        line = file.readline(MAX_VALUE + 1)
        if len(line) > MAX_VALUE:
            raise long_line(f"{path}, line {number}")
        if not line:
            return
        yield line


def long_line(where: Path | str) -> Unreadable:
    """The error of a line that is too long to be a row, and not held in memory."""
    what = "a line is longer than any mask"
    cure = "write one line for each image, with a newline at its end"
    return Unreadable(where, "line", what, cure)


def _fields(text: str, lines: Iterator[tuple[int, str]], delimiter: str) -> list[str]:
    """Split a line; one with quotes, which may go on in the next lines, takes ten times as long."""
    if '"' not in text:
        return text.split(delimiter)
    more = (f"{line}\n" for _, line in lines)
    return next(csv.reader(chain([f"{text}\n"], more), delimiter=delimiter, strict=True))


def _utf16(start: bytes) -> str | None:
    if start.startswith(UTF16_MARKS):
        return "utf-16"
    if start[:1] and start[1:2] == b"\0":
        return "utf-16-le"
    return "utf-16-be" if start[:1] == b"\0" else None


def _header(where: str, header: str, columns: Sequence[str]) -> tuple[str, list[str]]:
    """Find the delimiter of a header that names all columns, and the names it gives."""
    for delimiter in DELIMITERS:
        row = next(csv.reader([header], delimiter=delimiter), [])
        names = [name.strip().lower() for name in row]
        if all(names.count(column) == 1 for column in columns):
            return delimiter, names
    cure = f"name the columns in the first line: {','.join(columns)}"
    if header.lstrip().lower().startswith(WEB_PAGE):
        cure = "this is a web page: sign in to its site and download the table again"
    raise Unreadable(where, "header", f"{_shown(header)} is not '{','.join(columns)}'", cure)


def _values(row: list[str], width: int, places: list[int]) -> list[str]:
    """Take a row's values in some columns; none of a blank row.

    Raises:
        ValueError: it has another number of values than the header, or one was cut off.
    """
    if not any(map(str.strip, row)):
        return []
    if len(row) <= max(places) or any(map(str.strip, row[width:])):
        raise ValueError(f"{len(row)} values below {width} columns")
    values = [row[place].strip() for place in places]
    if max(map(len, values)) == CELL:
        raise ValueError(f"a value was cut off at {CELL:,} characters, as spreadsheets do")
    return values


def _shown(text: str) -> str:
    return f"'{text.strip()[:SHOWN]}'"


def first_bytes(path: Path) -> tuple[str, bytes]:
    """The format of a file, "plain" or of FORMATS, and the bytes it begins with.

    Raises:
        Missing: there is no such file.
    """
    check_is_file(path, "a table (.csv, .csv.gz or .zip)")
    with path.open("rb") as file:
        start = file.read(START_BYTES)
    matches = (name for magic, name in FORMATS.items() if start.startswith(magic))
    return next(matches, "plain"), start


@contextmanager
def open_table(path: Path) -> Iterator[IO[bytes]]:
    """Open the CSV in a file; its bytes are unpacked as they are read.

    Raises:
        Missing: there is no such file.
        Unreadable: the file is packed otherwise, or an archive does not hold one CSV.
    """
    format, _ = first_bytes(path)
    with ExitStack() as open_files:
        if format == "plain":
            yield open_files.enter_context(path.open("rb"))
        elif format == "gzip":
            unpacked: Any = igzip.open(path)  # type: ignore[no-untyped-call]
            yield open_files.enter_context(unpacked)
        elif format == "zip":
            yield _only_member(path, open_files)
        else:
            what, cure = f"the file holds {format} data", "pack it as .csv.gz or .zip"
            raise Unreadable(path, "container", what, cure)


def _only_member(path: Path, open_files: ExitStack) -> Any:
    try:
        archive = open_files.enter_context(zipfile.ZipFile(path))
        names = archive.namelist()
        members = [name for name in names if not name.startswith("__MACOSX") and name[-1:] != "/"]
        if len(members) != 1 or not members[0].lower().endswith(".csv"):
            what = f"the archive holds {len(members)} files"
            raise Unreadable(path, "container", what, "pack one .csv in it")
        return open_files.enter_context(archive.open(members[0]))
    except (zipfile.BadZipFile, RuntimeError, UnicodeDecodeError) as error:
        what = f"the archive cannot be unpacked ({error})"
        raise Unreadable(path, "damaged", what, "pack it again") from error


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Turn what reading a damaged file raises into an error that names the file.

    Raises:
        Unreadable: the file is cut off or damaged.
    """
    try:
        yield
    except DAMAGE_ERRORS as error:
        what = f"it ends too early or is damaged ({error})"
        raise Unreadable(path, "damaged", what, "write or copy it again") from error
