"""Files that are complete when they exist: written under a temporary name, synced, renamed.

Read back, they are sound and of their form, or refused with their name and cure.
"""

import csv
import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from bench.system.disk import make_folder, writing
from bench.system.errors import BadFile, Missing
from bench.system.temporaries import holding, remove_left, temporary_path
from bench.system.text import plain_fault

if TYPE_CHECKING:  # pandas takes a third of a second to load, and many verbs read no table
    import pandas as pd

Content = TypeVar("Content")

SQLITE_DAMAGE = {"", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR", "SQLITE_MISMATCH"}


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


def update_text(path: Path, text: str) -> None:
    """Replace the text file `path` unless it says this already.

    So what is written again in every run needs no room where it did not change.
    """
    if not path.is_file() or path.read_bytes() != text.encode():
        write_text(path, text)


def append_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Append rows to a table of CSV; a process that is killed may leave the last half written.

    Raises:
        BenchError: the disk is full or fails, or nothing may be written there.
    """
    with (
        writing(path),
        path.open("a", newline="", encoding="utf-8", errors="surrogateescape") as file,
    ):
        csv.writer(file).writerows(rows)
        file.flush()
        os.fsync(file.fileno())


def row_end(content: bytes) -> bytes:
    """Return what ends the last row of such a table, and its quotes, if it is half written."""
    quote = b'"' * (content.count(b'"') % 2)
    return quote + b"\n" if quote or content[-1:] not in (b"", b"\n") else b""


def sqlite_name(error: Exception) -> str:
    """Return what SQLite calls the kind of an error; "" for one of another class.

    Those of SQLITE_DAMAGE say that a database is damaged, or not of the form that was expected.
    """
    return "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])


def write_json(path: Path, value: Any) -> None:
    """Replace the JSON file `path` in one step, indented for people."""
    write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """Write a value as the files of a run hold it, indented for people."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes, read in blocks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def json_sha256(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a value as JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def check_is_file(path: Path, wanted: str) -> None:
    """Refuse a path at which no file lies.

    Args:
        wanted: what to name, as "a table".

    Raises:
        Missing: a folder lies there, or nothing.
    """
    if not path.is_file():
        what = "a folder, not a file" if path.is_dir() else "no such file"
        raise Missing(f"{path}: {what}; name {wanted}")


def read_text(path: Path, cure: str) -> str:
    """Return the text of a file.

    Args:
        cure: makes the file again, as "run the stage `score` again"; where the file is damaged,
            "remove it and" stands before it.

    Raises:
        Missing: there is no such file.
        BadFile: it is no text in UTF-8, or no file.
    """
    return _sound(path, lambda: path.read_text(encoding="utf-8"), cure)


def read_json(path: Path, form: type[Content], cure: str) -> Content:
    """Return the content of a JSON file.

    Args:
        form: what the file holds, as pydantic knows it: a model, `dict[str, float]` and so on.
        cure: as in `read_text`.

    Raises:
        Missing: there is no such file.
        BadFile: it is cut short, is no JSON, or lacks something that belongs to its form.
    """
    return _sound(path, lambda: TypeAdapter(form).validate_json(path.read_bytes()), cure)


def read_csv(
    path: Path, needed: Collection[str], cure: str, dtypes: dict[str, str] | None = None
) -> "pd.DataFrame":
    """Return a table of numbers and words.

    Args:
        needed: columns that it must have.
        cure: as in `read_text`.
        dtypes: pandas' type of each column that holds no plain numbers.

    Raises:
        Missing: there is no such file.
        BadFile: it is cut short or no table, lacks a column, or has a word for a number.
    """
    import pandas as pd

    words = dtypes or {}

    def read() -> "pd.DataFrame":
        text = path.read_text(encoding="utf-8")
        if text and not text.endswith("\n"):
            raise ValueError("cut short: the last line has no end")
        table = pd.read_csv(StringIO(text), dtype=words)  # type: ignore[arg-type]
        if not isinstance(table.index, pd.RangeIndex):
            raise ValueError("rows are longer than the first line")
        return table

    return _table(path, _sound(path, read, cure), needed, words, cure)


def read_parquet(
    path: Path, needed: Collection[str], words: Collection[str], cure: str
) -> "pd.DataFrame":
    """Return a table of numbers and words whose pages are compared with their checksums.

    Args:
        needed: columns that it must have.
        words: columns that hold words; all others hold numbers.
        cure: as in `read_text`.

    Raises:
        Missing: there is no such file.
        BadFile: it is cut short or damaged, lacks a column, or has a word for a number.
    """
    import pandas as pd
    from pyarrow import ArrowException, parquet

    def read() -> "pd.DataFrame":
        try:
            table = parquet.read_table(path, page_checksum_verification=True)
            return table.to_pandas(ignore_metadata=True)
        except ArrowException as error:
            raise ValueError(error) from error

    table = _table(path, _sound(path, read, cure), needed, words, cure)
    for name in words:
        if name in table and not pd.api.types.is_string_dtype(table[name]):
            raise BadFile(path, f"damaged (column {name} holds no words)", _remove_and(cure))
    return table


def _table(
    path: Path, table: "pd.DataFrame", needed: Collection[str], words: Collection[str], cure: str
) -> "pd.DataFrame":
    import pandas as pd

    lacking = [name for name in needed if name not in table]
    if lacking:
        what = f"has no column {', '.join(lacking)}; it is damaged or of an older version"
        raise BadFile(path, what, _remove_and(cure))
    if table.empty:
        raise BadFile(path, "has no rows", _remove_and(cure))
    for name in table.columns.difference(list(words)):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise BadFile(path, f"damaged (column {name} holds no numbers)", _remove_and(cure))
    return table


def _sound(path: Path, read: Callable[[], Content], cure: str) -> Content:
    """Return what `read` reads from a file, where that is possible."""
    if path.is_dir():
        raise BadFile(path, "a folder where a file should be", _remove_and(cure))
    try:
        return read()
    except FileNotFoundError as error:
        raise Missing(f"{path}: not there; {cure}") from error
    except PermissionError as error:
        raise BadFile(path, "may not be read by you", "allow it by `chmod u+r`") from error
    except ValidationError as error:
        what = f"damaged or of another version ({_first_fault(error)})"
        raise BadFile(path, what, _remove_and(cure)) from error
    except (ValueError, OSError) as error:  # ValueError: also of pandas
        what = f"damaged ({str(error).splitlines()[0]})"
        raise BadFile(path, what, _remove_and(cure)) from error


def _first_fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {plain_fault(fault)}" if place else plain_fault(fault)


def _remove_and(cure: str) -> str:
    return f"remove it and {cure}"
