"""Strict validation of a submission file as a stream: every row, every pair, the known mistakes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bench.data.carvana import SIZE
from bench.kaggle.encoding import Evidence, Look, padded_width
from bench.kaggle.reading import BYTE_ORDER_MARK, HEADER, Unreadable, bad_header, read_blocks
from bench.masks.compiled import runs as kernels
from bench.masks.rle import PADDING, WHY
from bench.system.threads import ahead

SHOWN = 20  # problems kept with line and cure; of the others there is the number
LONGEST_NAME = 200  # bytes of a file name, or of a line that has none, that are shown
TOKENS = {  # what kernels.read_pairs answers -> kind of problem, cure
    kernels.NOT_A_NUMBER: (
        "number",
        "write whole numbers and single spaces; an empty mask as nothing",
    ),
    kernels.ZERO: ("zero", "count pixels from 1 (add 1 to every start), and leave out empty runs"),
    kernels.ODD: ("odd", "write each run as two numbers, start and length"),
    kernels.UNSORTED: ("unsorted", "sort the runs by their start"),
    kernels.OVERLAP: ("overlap", "join runs that share pixels"),
    kernels.OUT_OF_RANGE: ("range", "encode masks of the photograph's own size, pixels from 1"),
}


@dataclass(frozen=True)
class Problem:
    """Something wrong: in which line (None: in none), of which image, and how to mend it."""

    kind: str
    line: int | None
    image: str | None
    what: str
    cure: str

    def __str__(self) -> str:
        where = [] if self.line is None else [f"line {self.line}"]
        where += [] if self.image is None else [self.image]
        return f"{', '.join(where)}: {self.what}; {self.cure}"


@dataclass
class Report:
    """What is wrong with a file: the number of problems of each kind, and the first of them."""

    path: Path
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    of_file: list[Problem] = field(default_factory=list)
    of_rows: list[Problem] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether no problem was found."""
        return not self.counts

    @property
    def problems(self) -> list[Problem]:
        """At most SHOWN problems: those of the whole file, then those of rows."""
        return (self.of_file + self.of_rows)[:SHOWN]

    def add(self, problem: Problem, *, of_file: bool = False) -> None:
        """Count a problem, and keep it while there is room."""
        self.counts[problem.kind] += 1
        kept = self.of_file if of_file else self.of_rows
        if len(kept) < SHOWN:
            kept.append(problem)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        return {
            "file": str(self.path),
            "rows": self.rows,
            "sound": self.sound,
            "counts": dict(self.counts),
            "problems": [asdict(problem) for problem in self.problems],
        }

    def __str__(self) -> str:
        if self.sound:
            return f"{self.path}: {self.rows} rows, no problem"
        counts = ", ".join(f"{kind} {count}" for kind, count in self.counts.most_common())
        lines = [f"{self.path}: {self.rows} rows, {self.counts.total()} problems ({counts})"]
        return "\n  ".join([*lines, *map(str, self.problems)])


class Row(NamedTuple):
    """A row as read: its file name, what is wrong with it, and what its mask shows."""

    name: str
    problem: tuple[str, str, str] | None  # kind, what, cure
    look: Look


def check(
    path: Path, expected: Iterable[str], size: tuple[int, int] = SIZE, jobs: int = 1
) -> Report:
    """Every problem of a submission file, found in one pass and little memory.

    Args:
        expected: file names that need a row each, as `writing.expected_images` gives them.
        size: height and width of the photographs; jobs: threads that read rows.

    Raises:
        Missing: there is no such file.
    """
    report, evidence = Report(path), Evidence(size)
    wanted, seen = set(expected), dict[str, int]()
    body = _Body(report)
    for block, found in ahead(partial(_scan, size=size), body.blocks(), jobs):
        for fields in found:
            row = _row(block, *fields)
            line = body.first_line + report.rows
            report.rows += 1
            evidence.add(line, row.name, row.look)
            for kind, what, cure in filter(None, (row.problem, _wrong_name(row, wanted, seen))):
                report.add(Problem(kind, line, row.name, what, cure))
            seen.setdefault(row.name, line)
    body.report_damage()
    for slip in evidence.slips():
        report.add(Problem(*slip), of_file=True)
    for name in () if body.broken else sorted(wanted.difference(seen)):
        what, cure = "this image has no row", "add it; an empty mask is an empty field"
        report.add(Problem("missing", None, name, what, cure))
    return report


class _Body:
    """The blocks of a file behind its header; problems of either go to the report."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.first_line = 2  # the number of the first row's line
        self.broken: Unreadable | None = None

    def blocks(self) -> Iterator[bytes]:
        """Blocks as of `reading.read_blocks`, up to the end or to what cannot be read."""
        try:
            for number, block in enumerate(read_blocks(self.report.path)):
                yield block if number else self._behind_header(block)
        except Unreadable as error:
            self.broken = error

    def report_damage(self) -> None:
        """Report why the blocks ended early, if they did; to be called behind the last row."""
        if self.broken:
            line = self.first_line + self.report.rows if self.report.rows else 1
            self._add(self.broken.kind, line, self.broken.what, self.broken.cure)

    def _behind_header(self, block: bytes) -> bytes:
        first, _, rest = block.partition(b"\n")
        if first.startswith(BYTE_ORDER_MARK):
            self._add("encoding", 1, "a byte order mark stands in front", "save as plain UTF-8")
        line = first.removeprefix(BYTE_ORDER_MARK).decode("utf-8", errors="replace").rstrip("\r")
        if re.fullmatch(r"[^,]+,[0-9 ]*", line):
            self._add("header", 1, "the header is missing", f"begin with the line {HEADER!r}")
            self.first_line = 1
            return block.removeprefix(BYTE_ORDER_MARK)
        if line == '"img","rle_mask"':
            self._add("quotes", 1, "the header is quoted", "write fields without quotes")
        elif line != HEADER:
            raise bad_header(self.report.path, line)
        return rest

    def _add(self, kind: str, line: int, what: str, cure: str) -> None:
        self.report.add(Problem(kind, line, None, what, cure), of_file=True)


def _scan(block: bytes, size: tuple[int, int]) -> tuple[bytes, list[list[int]]]:
    """A block as of `reading.read_blocks`, and what `kernels.scan_lines` finds in it."""
    height, width = size
    letters = np.frombuffer(block, dtype=np.uint8)[: len(block) - len(PADDING)]
    found = np.empty((block.count(b"\n") - len(PADDING), 8), dtype=np.int64)
    pairs = np.empty((len(block) // 4 + 1, 2), dtype=np.int64)
    kernels.scan_lines(letters, height, width, padded_width(width), pairs, found)
    return block, found.tolist()


def _row(
    block: bytes, begin: int, comma: int, last: int, problem: int, token: int, *look: int
) -> Row:
    """The row `block[begin:last]` with its first comma at `comma` and a problem of TOKENS, or 0."""
    name = block[begin : min(comma, begin + LONGEST_NAME)].decode("utf-8", errors="replace")
    seen = Look(*look)
    if begin == last:
        return Row(name, ("columns", "the line is empty", "remove it"), seen)
    if comma == last:
        cure = "write the file name, a comma, the runs"
        return Row(name, ("columns", "there is no comma in the line", cure), seen)
    if kernels.QUOTE in (block[begin], block[last - 1]):
        return Row(name.strip('"'), ("quotes", "a field is quoted", "write it without"), seen)
    if not problem:
        return Row(name, None, seen)
    kind, cure = TOKENS[problem]
    word = block[comma + 1 : last].split(b" ")[token - 1][:20].decode("utf-8", errors="replace")
    return Row(name, (kind, f"token {token} ({word!r}) {WHY[problem]}", cure), seen)


def _wrong_name(row: Row, wanted: set[str], seen: dict[str, int]) -> tuple[str, str, str] | None:
    """Kind, what and cure where the row's image is unknown or had a row before."""
    name = row.name
    if name in seen:
        return "doubled", f"the image has a row already, line {seen[name]}", "keep one of them"
    if name in wanted or (row.problem and row.problem[0] == "columns"):
        return None
    stem = Path(name.strip()).stem
    near = next((known for ending in (".jpg", ".png") if (known := stem + ending) in wanted), None)
    if near:
        return "name", f"the photograph is called {near}", "write its name"
    return "unknown", "there is no such photograph in the test set", "remove the row"
