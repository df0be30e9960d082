"""What a check of a data folder found: facts, what must be mended, and what is worth knowing."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

MAX_SHOWN = 20  # problems that are printed; the JSON holds all


@dataclass(frozen=True)
class DataProblem:
    """A file that must be mended before the data can be used."""

    file: str
    what: str
    cure: str


@dataclass
class DataReport:
    """Facts about a data folder, what must be mended, and what is only worth knowing."""

    root: str
    deep: bool
    facts: dict[str, str] = field(default_factory=dict)
    problems: list[DataProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing must be mended."""
        return not self.problems

    @property
    def verdict(self) -> str:
        """The result of the check in one line."""
        read = "every file was read" if self.deep else "a sample was read; --deep reads every file"
        state = "ready" if self.ok else f"problems: {len(self.problems)}"
        return f"{self.root}: {state} ({read})"

    def add(self, file: Path | str, what: str, cure: str) -> None:
        """Note a problem, once."""
        problem = DataProblem(str(file), what, cure)
        if problem not in self.problems:
            self.problems.append(problem)

    def to_json(self) -> dict[str, Any]:
        """The whole report, for JSON."""
        return {"ok": self.ok, "verdict": self.verdict, **asdict(self)}

    def to_table(self) -> Group:
        """The whole report for a terminal: facts as a table, problems as lines with whole names."""
        facts = Table(show_header=False)
        for name, value in self.facts.items():
            facts.add_row(name, value)
        for note in self.notes:
            facts.add_row("note", escape(note))
        alike: dict[tuple[str, str], list[str]] = {}
        for each in self.problems:
            alike.setdefault((each.what, each.cure), []).append(each.file)
        lines = [_line(files, *problem) for problem, files in alike.items()]
        if len(lines) > MAX_SHOWN:
            lines[MAX_SHOWN:] = [f"... and {len(lines) - MAX_SHOWN} more; see all with --json"]
        return Group(facts, *map(Text, lines), Text(self.verdict))


def _line(files: list[str], what: str, cure: str) -> str:
    more = f" (and {len(files) - 1} more files, see --json)" if len(files) > 1 else ""
    return f"{files[0]}{more}: {what}; {cure}"
