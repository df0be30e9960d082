"""What verbs print: results as JSON or YAML, tables, leaderboards, and what is in a data folder."""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console, RenderableType
from rich.measure import Measurement

from bench.system.errors import BadData
from bench.system.progress import say

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.own.data_report import DataReport
    from bench.run.run import Run

CUT = "\N{HORIZONTAL ELLIPSIS}"  # what a table puts for the end of a word that does not fit


def print_result(args: argparse.Namespace, result: Any) -> None:
    """Print a result as YAML, or with `--json` as JSON."""
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(
            yaml.safe_dump(result, sort_keys=False, width=sys.maxsize, allow_unicode=True), end=""
        )


def print_made(args: argparse.Namespace, made: Iterable[Path], **facts: Any) -> None:
    """With `--json`, print the paths of what a verb made, and facts about it."""
    if args.json:
        print_result(args, {"made": [str(path) for path in made], **facts})


def print_tables(tables: Sequence[RenderableType]) -> None:
    """Print tables, as wide as a terminal, or as wide as they need.

    They are that wide in a file, and where a terminal would cut a name or a path, which somebody
    may want to copy.
    """
    console = Console()
    for table in tables:
        with console.capture() as fitted:
            console.print(table, soft_wrap=True)
        text = fitted.get()
        if CUT in text or not sys.stdout.isatty():
            unlimited = console.options.update(width=sys.maxsize)
            needed = Measurement.get(console, unlimited, table).maximum
            Console(width=needed).print(table, soft_wrap=True)
        else:
            print(text, end="")


def print_leaderboard(run: "Run", form: str) -> None:
    """Print a run's leaderboard, and say where the rest of it lies."""
    print(run.layout.leaderboard(form).read_text(), end="")
    handed_in = any(run.submission(entry).exists() for entry in run.entries)
    where = f", submission files are in {run.submissions}" if handed_in else ""
    say(f"the run is in {run.layout.folder}{where}")


def print_data_report(args: argparse.Namespace, report: "DataReport") -> None:
    """Print what is in a data folder.

    Raises:
        BadData: something in it is wrong.
    """
    if args.json:
        print_result(args, report.to_json())
    else:
        print_tables([report.to_table()])
    if not report.ok:
        raise BadData(report.verdict)
