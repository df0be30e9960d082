"""Write submission files, mend them, and hand them to Kaggle's own client.

Reads  sample_submission.csv, and submission files (.csv, .csv.gz, .zip).
Writes submissions/<name>.csv.gz (`img,rle_mask`) and <name>.json, which says what made it.
"""

import io
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any, Self

from isal import igzip
from pydantic import BaseModel

from bench.data.carvana import SIZE
from bench.data.dataset import MASK_COLUMNS, DataSet
from bench.data.doubts import COMPETITION_CAR
from bench.data.image_ids import car_of
from bench.data.images import image_size
from bench.data.listing import id_in_table
from bench.data.tables import read_table
from bench.kaggle.client import COMPETITION, run_client
from bench.kaggle.names import SUFFIX
from bench.kaggle.reading import HEADER
from bench.masks import rle
from bench.masks.types import Size
from bench.system.errors import BadConfig, BadFile, Missing
from bench.system.files import check_is_file, read_json, replacing, sha256, write_json
from bench.system.threads import prefetch

BUFFER_BYTES = 2**18  # compressed at once
COMPRESSION_LEVEL = 3  # of isal: twenty times as fast as gzip's 9 for a file 7 % larger


class RowCounts(BaseModel):
    """The part of the JSON file beside a submission that counts its rows."""

    rows: int
    empty_masks: int


class SubmissionWriter:
    """Context manager that writes a submission row by row to `path`, which ends in .csv.gz.

    The file appears only when the block ends without an error. The same rows give the same bytes:
    the file stores neither a date nor its name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self.empty_masks = 0
        self._open_files = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opening:
            file = opening.enter_context(opening.enter_context(replacing(self.path)).open("wb"))
            level = COMPRESSION_LEVEL
            compressed: Any = igzip.IGzipFile("", "wb", level, file, 0)  # type: ignore[no-untyped-call]
            opening.enter_context(compressed)
            self._rows = opening.enter_context(io.BufferedWriter(compressed, BUFFER_BYTES))
            self._open_files = opening.pop_all()
        self._rows.write(f"{HEADER}\n".encode())
        return self

    def write_row(self, name: str, text: str) -> None:
        """Write a row: a photograph's file name and the run-length text of its mask."""
        self._rows.write(f"{name},{text}\n".encode())
        self.rows += 1
        self.empty_masks += not text

    def __exit__(self, *error: Any) -> None:
        self._open_files.__exit__(*error)


def write_submission(path: Path, rows: Iterable[tuple[str, str]]) -> int:
    """Write a submission from pairs of file name and run-length text; return the number of rows."""
    with SubmissionWriter(path) as writer:
        for name, text in rows:
            writer.write_row(name, text)
    return writer.rows


def sidecar_of(path: Path) -> Path:
    """Return the path of the JSON file beside a submission."""
    return path.with_name(f"{path.name.removesuffix('.gz').removesuffix('.csv')}.json")


def write_sidecar(written: SubmissionWriter, made_by: dict[str, Any]) -> None:
    """Write the JSON file beside a submission that says what is in it and what made it.

    Args:
        written: the closed writer of the submission.
        made_by: entry, members, weights, threshold, commit, ..., as JSON can hold it.
    """
    facts = {
        "file": written.path.name,
        "sha256": sha256(written.path),
        "rows": written.rows,
        "empty_masks": written.empty_masks,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_json(sidecar_of(written.path), facts | made_by)


def has_only_empty_masks(path: Path) -> bool:
    """Whether all masks of a submission are empty, as the JSON file beside it says.

    Raises:
        Missing: there is none. BadFile: it is damaged, or of an older version.
    """
    said = read_json(sidecar_of(path), RowCounts, "write the submission again")
    return said.rows == said.empty_masks


def expected_images(data: DataSet) -> set[str]:
    """Return the file names that need a row each: of sample_submission.csv, else of test/.

    Raises:
        Missing: the data set has neither.
    """
    if data.sample:
        return set(data.sample_names)
    if not data.test:
        lacking = "neither sample_submission.csv nor test/; see data/README.md"
        if data.own:
            lacking = "no test photographs; name some by `--test` of `prepare`"
        raise Missing(f"{data.root}: {lacking}")
    return {_row_name(data, image) for image in data.test}


def expected_sizes(data: DataSet, jobs: int) -> dict[str, Size]:
    """Return the file names that need a row each, and the size of each one's mask.

    A photograph that is not here is of the competition's size, and so are all where the first is.

    Raises:
        Missing: as `expected_images`. BadData: a photograph cannot be read.
    """
    names = {_row_name(data, image): path for image, path in data.test.items()}
    sizes = dict.fromkeys(expected_images(data), SIZE)
    if data.own or (names and image_size(next(iter(names.values()))) != SIZE):
        sizes |= dict(zip(names, prefetch(image_size, names.values(), jobs), strict=True))
    return sizes


def _row_name(data: DataSet, image: str) -> str:
    return data.own.names[image] if data.own else data.test[image].name


def names_to_submit(data: DataSet) -> dict[str, str]:
    """Return test image -> the file name in its row: of sample_submission.csv, else of its file.

    They differ where a photograph's suffix is in capitals, or its accents are written in parts.
    """
    listed = {id_in_table(name): name for name in expected_images(data)} if data.sample else {}
    return {image: listed.get(image, _row_name(data, image)) for image in data.test}


def repair_submission(path: Path, out: Path) -> int:
    """Write a submission again, mended where the cure is certain; return the number of rows.

    The encoding, the delimiter, the columns, line ends, empty lines, quotes, spaces, the order of
    runs, and names without a suffix, or of Kaggle's photographs with another one than .jpg, are
    mended. No mask is changed.

    Args:
        out: ends in .csv.gz.

    Raises:
        BadConfig: `out` ends otherwise. Missing: there is no such file.
        BadData: another mistake was found; the message names its line.
    """
    if not out.name.endswith(".csv.gz"):
        raise BadConfig(f"{out}: a mended submission is packed; name it *.csv.gz")
    return write_submission(out, _mended_rows(path))


def _mended_rows(path: Path) -> Iterator[tuple[str, str]]:
    lines: dict[str, int] = {}  # name -> its line
    for number, (raw, text) in read_table(path, MASK_COLUMNS):
        name = _mended_name(raw)
        if (first := lines.setdefault(name, number)) != number:
            what = f"a second row for {name}, the first is line {first}"
            raise BadFile(f"{path}, line {number}", what, "remove one")
        try:
            yield name, _sorted_runs(text)
        except ValueError as error:
            where = f"{path}, line {number}, {name}"
            raise BadFile(where, str(error), "encode this mask again") from error


def _mended_name(name: str) -> str:
    """Add .jpg to a name without a suffix; Kaggle's own photographs have no other one."""
    stem = SUFFIX.sub("", name)
    return f"{stem}.jpg" if stem == name or COMPETITION_CAR.fullmatch(car_of(stem)) else name


def _sorted_runs(text: str) -> str:
    """Return run-length text with its runs in order.

    Raises:
        ValueError: a token is no number or has no partner, or as `rle.parse`.
    """
    tokens = text.split()
    if wrong := [token for token in tokens if not (token.isascii() and token.isdigit())]:
        raise ValueError(f"{wrong[0]!r} is not a whole number")
    if len(tokens) % 2:
        raise ValueError(f"the last start, {tokens[-1]}, has no length")
    runs = sorted(zip(tokens[::2], tokens[1::2], strict=True), key=lambda run: int(run[0]))
    ordered = " ".join(chain.from_iterable(runs))
    rle.parse(ordered)
    return ordered


def upload_submission(path: Path, message: str) -> None:
    """Hand a submission to Kaggle's own client, which has the credentials and shows its answer.

    Raises:
        Missing: there is no such file, or as `run_client`. BenchError: the client failed.
    """
    check_is_file(path, "a submission (.csv, .csv.gz or .zip)")
    run_client(["competitions", "submit", COMPETITION, "-f", str(path), "-m", message], str(path))
