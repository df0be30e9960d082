"""Submission files as they are written, mended, and handed to Kaggle's own client.

Reads  sample_submission.csv, and submission files (.csv, .csv.gz, .zip).
Writes submissions/<name>.csv.gz (`img,rle_mask`) and <name>.json, what made it.
"""

import io
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from isal import igzip

from bench.data.carvana import Carvana
from bench.kaggle.client import COMPETITION, client
from bench.kaggle.reading import HEADER, bad_header, read_lines, read_rows
from bench.masks import rle
from bench.system.errors import BadData, BenchError, Missing
from bench.system.files import replacing, sha256, write_json

BUFFER = 2**18  # bytes compressed at once
LEVEL = 3  # of isal: twenty times as fast as gzip's 9 for a file 7 % larger


class Writer:
    """A submission as it is written, `path` ending in .csv.gz; a context manager.

    The file appears when the block ends without an error, and only then. The same rows give the
    same bytes: the file stores neither a date nor its name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._open_files = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            file = opening.enter_context(opening.enter_context(replacing(self.path)).open("wb"))
            packed: Any = igzip.IGzipFile("", "wb", LEVEL, file, 0)  # type: ignore[no-untyped-call]
            opening.enter_context(packed)
            self._rows = opening.enter_context(io.BufferedWriter(packed, BUFFER))
            self._open_files = opening.pop_all()
        self._rows.write(f"{HEADER}\n".encode())
        return self

    def row(self, name: str, text: str) -> None:
        """Add a row: a photograph's file name and the run-length text of its mask."""
        self._rows.write(f"{name},{text}\n".encode())
        self.rows += 1

    def __exit__(self, *error: Any) -> None:
        self._open_files.__exit__(*error)


def write(path: Path, rows: Iterable[tuple[str, str]]) -> int:
    """Write a submission from pairs of file name and run-length text; how many rows."""
    with Writer(path) as writer:
        for name, text in rows:
            writer.row(name, text)
    return writer.rows


def write_sidecar(path: Path, rows: int, made_by: dict[str, Any]) -> Path:
    """Write the JSON file beside a submission that says what made it; its path.

    Args:
        rows: how many the submission has.
        made_by: entry, members, weights, threshold, commit, ..., as JSON can hold it.
    """
    sidecar = path.with_name(f"{path.name.removesuffix('.gz').removesuffix('.csv')}.json")
    facts = {
        "file": path.name,
        "sha256": sha256(path),
        "rows": rows,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(sidecar, facts | made_by)
    return sidecar


def expected_images(data: Carvana) -> set[str]:
    """File names that need a row each: those of sample_submission.csv, else of the test folder.

    Raises:
        Missing: the data set has neither.
    """
    if data.sample:
        return {name for _, name, _ in read_rows(data.sample)}
    if not data.test:
        raise Missing(f"{data.root}: neither sample_submission.csv nor test/; see data/README.md")
    return {path.name for path in data.test.values()}


def repair(path: Path, out: Path) -> int:
    """Write a submission again, mended where the cure is certain; how many rows.

    Mended are a byte order mark, line ends, empty lines, quotes, spaces, a name that ends in .png
    or in nothing, and the order of runs. No mask is changed.

    Raises:
        Missing: there is no such file.
        BadData: something else is wrong; the message names the line.
    """
    return write(out, _mended(path))


def _mended(path: Path) -> Iterator[tuple[str, str]]:
    for number, raw in read_lines(path):
        line = raw.removeprefix("\ufeff").replace('"', "").strip()
        if number == 1 and line != HEADER:
            raise bad_header(path, line)
        if number > 1 and line:
            name, _, text = line.partition(",")
            name = f"{name.strip().removesuffix('.png').removesuffix('.jpg')}.jpg"
            yield name, _sorted(text, f"{path}, line {number}, {name}")


def _sorted(text: str, where: str) -> str:
    """Run-length text with its runs in order; all that `rle.parse` asks for is checked."""
    try:
        runs = np.array(text.split(), dtype=np.int64).reshape(-1, 2)
        ordered = rle.format_runs(runs[np.argsort(runs[:, 0])])
        rle.parse(ordered)
    except ValueError as error:
        raise BadData(f"{where}: {error}; encode this mask again") from error
    return ordered


def upload(path: Path, message: str) -> str:
    """Hand a submission to Kaggle's own client, which has the credentials; what it answers.

    Raises:
        Missing: there is no such file, or the client is not installed.
        BenchError: the client failed; what it wrote to standard error has gone there.
    """
    if not path.is_file():
        raise Missing(f"{path}: no such file; name a submission")
    command = [client(), "competitions", "submit", COMPETITION, "-f", str(path), "-m", message]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError(
            f"{path}: not uploaded, `kaggle` ended with code {done.returncode}; mend what it says "
            f"and upload again\n{done.stdout}"
        )
    return done.stdout
