"""Check a submission file strictly, as a stream: every row, every run, the common mistakes."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.data.carvana import SIZE
from bench.data.tables import Unreadable
from bench.kaggle.encoding import EncodingSigns, RunSigns, padded_width
from bench.kaggle.names import Finding, RowNames
from bench.kaggle.reading import BYTE_ORDER_MARK, HEADER, bad_header, read_blocks
from bench.masks.compiled.runs import NOT_A_NUMBER, ODD, OUT_OF_RANGE, OVERLAP, UNSORTED, ZERO
from bench.masks.compiled.submission_lines import QUOTE, scan_lines
from bench.masks.rle import PADDING, WHY
from bench.masks.types import Size
from bench.system.text import several
from bench.system.threads import prefetch

Letters = NDArray[np.uint8]
Numbers = NDArray[np.int64]
MAX_PROBLEMS = 20  # kept with line and cure; all others are only counted
MAX_NAME = 200  # characters shown of a file name, or of a line without one
TOKEN_PROBLEMS = {  # answer of read_pairs -> kind of problem, cure
    NOT_A_NUMBER: (
        "number",
        "write whole numbers and single spaces; an empty mask as nothing",
    ),
    ZERO: ("zero", "count pixels from 1 (add 1 to every start), and leave out empty runs"),
    ODD: ("odd", "write each run as two numbers, start and length"),
    UNSORTED: ("unsorted", "sort the runs by their start"),
    OVERLAP: ("overlap", "join runs that share pixels"),
    OUT_OF_RANGE: ("range", "encode masks of the photograph's own size, pixels from 1"),
}


@dataclass(frozen=True)
class SubmissionProblem:
    """A problem of a submission file, and its cure; `line` and `image` where it belongs to one."""

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
class SubmissionReport:
    """The number of problems of each kind in a submission file, and the first of them."""

    path: Path
    rows: int = 0
    empty_masks: int = 0  # rows without runs
    counts: Counter[str] = field(default_factory=Counter)
    of_file: list[SubmissionProblem] = field(default_factory=list)
    of_rows: list[SubmissionProblem] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether no problem was found."""
        return not self.counts

    @property
    def problems(self) -> list[SubmissionProblem]:
        """At most MAX_PROBLEMS problems: those of the whole file, then those of rows."""
        return (self.of_file + self.of_rows)[:MAX_PROBLEMS]

    def add(self, problem: SubmissionProblem, *, of_file: bool = False) -> None:
        """Count a problem, and keep it while fewer than MAX_PROBLEMS are kept."""
        self.counts[problem.kind] += 1
        kept = self.of_file if of_file else self.of_rows
        if len(kept) < MAX_PROBLEMS:
            kept.append(problem)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON can hold it."""
        return {
            "file": str(self.path),
            "rows": self.rows,
            "empty_masks": self.empty_masks,
            "sound": self.sound,
            "counts": dict(self.counts),
            "problems": [asdict(problem) for problem in self.problems],
        }

    def __str__(self) -> str:
        rows, problems = several(self.rows, "row"), several(self.counts.total(), "problem")
        if self.sound:
            empty = ", but every mask is empty" if self.empty_masks == self.rows else ""
            return f"{self.path}: {rows}, no problem{empty}"
        counts = ", ".join(f"{kind} {count}" for kind, count in self.counts.most_common())
        lines = [f"{self.path}: {rows}, {problems} ({counts})"]
        return "\n  ".join([*lines, *map(str, self.problems)])


class CheckedRow(NamedTuple):
    """A row's file name, the first problem of its text, and what its runs say."""

    name: str
    problem: Finding | None
    signs: RunSigns
    is_empty: bool  # whether there are none

    @property
    def has_columns(self) -> bool:
        """Whether the line holds a file name and runs."""
        return not self.problem or self.problem[0] != "columns"


def check_submission(
    path: Path, expected: Iterable[str], sizes: Size | Mapping[str, Size] = SIZE, jobs: int = 1
) -> SubmissionReport:
    """Find every problem of a submission file, in one pass and little memory.

    Args:
        expected: file names that need a row each, as `writing.expected_images` returns them.
        sizes: height and width of all photographs, or of each, as `writing.expected_sizes` returns
            them; jobs: threads that read rows.

    Raises:
        Missing: there is no such file.
    """
    of_each = sizes if isinstance(sizes, Mapping) else {}
    different = set(of_each.values()) if isinstance(sizes, Mapping) else {sizes}
    size = different.pop() if len(different) == 1 else None
    report, signs = SubmissionReport(path), EncodingSigns(size)
    names, body = RowNames(expected), _BodyReader(report)
    scan = partial(_scan, size=size) if size else partial(_scan_each, sizes=of_each)
    for block, lines in prefetch(scan, body.blocks(), jobs):
        for fields in lines:
            row = _check_row(block, *fields)
            line = body.first_line + report.rows
            report.rows += 1
            report.empty_masks += row.is_empty
            signs.add(line, row.name, row.signs)
            name_problem = names.add(row.name, line) if row.name else None
            problems = (row.problem, name_problem if row.has_columns else None)
            for kind, what, cure in filter(None, problems):
                shown = row.name[:MAX_NAME] or None
                report.add(SubmissionProblem(kind, line, shown, what, cure))
    body.report_damage()
    for mistake in signs.mistakes():
        report.add(SubmissionProblem(*mistake), of_file=True)
    for name in () if body.damage else names.missing():
        what, cure = "this image has no row", "add it; an empty mask is an empty field"
        report.add(SubmissionProblem("missing", None, name, what, cure))
    return report


class _BodyReader:
    """The blocks of a file below its header; problems of both go to the report."""

    def __init__(self, report: SubmissionReport) -> None:
        self.report = report
        self.first_line = 2  # the number of the first row's line
        self.damage: Unreadable | None = None

    def blocks(self) -> Iterator[bytes]:
        """Yield blocks as `reading.read_blocks` does, up to the end or to the first damage."""
        try:
            for number, block in enumerate(read_blocks(self.report.path)):
                yield block if number else self._below_header(block)
        except Unreadable as error:
            self.damage = error

    def report_damage(self) -> None:
        """Report why the blocks ended early, if they did; call this after the last row."""
        if self.damage:
            line = self.first_line + self.report.rows if self.report.rows else 1
            self._add(self.damage, line)

    def _below_header(self, block: bytes) -> bytes:
        first, _, rest = block.partition(b"\n")
        text = first.decode("utf-8", errors="replace").rstrip("\r")
        line = text.removeprefix(BYTE_ORDER_MARK.decode())
        if line != text:
            self._add(bad_header(self.report.path, text), 1)
        if re.fullmatch(r"[^,]+,[0-9 ]*", line):
            what, cure = "the header is missing", f"begin with the line {HEADER!r}"
            self._add(Unreadable(self.report.path, "header", what, cure), 1)
            self.first_line = 1
            return block.removeprefix(BYTE_ORDER_MARK)
        if line != HEADER:
            error = bad_header(self.report.path, line)
            if error.kind != "quotes":
                raise error
            self._add(error, 1)
        return rest

    def _add(self, error: Unreadable, line: int) -> None:
        problem = SubmissionProblem(error.kind, line, None, error.what, error.cure)
        self.report.add(problem, of_file=True)


def _letters_and_room(block: bytes) -> tuple[Letters, Numbers, Numbers]:
    """Return a block's letters, and room for the pairs and the lines that `scan_lines` writes."""
    letters = np.frombuffer(block, dtype=np.uint8)[: len(block) - len(PADDING)]
    pairs = np.empty((len(block) // 4 + 1, 2), dtype=np.int64)
    lines = np.empty((block.count(b"\n") - len(PADDING), 8), dtype=np.int64)
    return letters, pairs, lines


def _scan(block: bytes, size: Size) -> tuple[bytes, list[list[int]]]:
    """Return a block of `reading.read_blocks` and, for each line, the fields of `scan_lines`."""
    height, width = size
    letters, pairs, lines = _letters_and_room(block)
    scan_lines(letters, height, width, padded_width(width), pairs, lines)
    return block, lines.tolist()


def _scan_each(block: bytes, sizes: Mapping[str, Size]) -> tuple[bytes, list[list[int]]]:
    """Return the same as `_scan` where each line's mask has a size of its own.

    A line of no photograph is read at the competition's size: it is refused for its name.
    """
    letters, pairs, lines = _letters_and_room(block)
    begin = 0
    for place in range(len(lines)):
        end = block.index(b"\n", begin)
        name = block[begin:end].partition(b",")[0].decode("utf-8", errors="replace")
        height, width = sizes.get(name, SIZE)
        here = lines[place : place + 1]
        scan_lines(letters[begin:], height, width, padded_width(width), pairs, here)
        here[:, :3] += begin
        begin = end + 1
    return block, lines.tolist()


def _check_row(
    block: bytes, begin: int, comma: int, last: int, problem: int, token: int, *signs: int
) -> CheckedRow:
    """Check the row `block[begin:last]` by the fields that `scan_lines` read of its line.

    Args:
        comma: place of the first comma; problem: a key of TOKEN_PROBLEMS, or 0; token: its number.
    """
    name = block[begin:comma].decode("utf-8", errors="replace")
    finding: Finding | None = None
    if begin == last:
        finding = ("columns", "the line is empty", "remove it")
    elif comma == last:
        finding = (
            "columns",
            "there is no comma in the line",
            "write the file name, a comma, the runs",
        )
    elif QUOTE in (block[begin], block[last - 1]):
        name, finding = name.strip('"'), ("quotes", "a field is quoted", "write it without")
    elif problem:
        kind, cure = TOKEN_PROBLEMS[problem]
        word = block[comma + 1 : last].split(b" ")[token - 1][:20].decode("utf-8", errors="replace")
        finding = (kind, f"token {token} ({word!r}) {WHY[problem]}", cure)
    return CheckedRow(name, finding, RunSigns(*signs), comma + 1 == last)
