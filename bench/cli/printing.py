"""What verbs print: results as JSON or YAML, tables, leaderboards, and what is in a data folder."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console
from rich.table import Table

from bench.system.errors import BadData
from bench.system.progress import say

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.data.check import DataReport
    from bench.run.run import Run

FILE_WIDTH = 240  # characters of a table that goes into a file


def print_result(args: argparse.Namespace, result: Any) -> None:
    """Print a result as YAML, or with `--json` as JSON."""
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        print(yaml.safe_dump(result, sort_keys=False, width=100), end="")


def print_tables(tables: Sequence[Table]) -> None:
    """Print tables, as wide as a terminal or, into a file, as wide as they need."""
    console = _console()
    for table in tables:
        console.print(table)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else FILE_WIDTH)


def print_leaderboard(run: "Run", form: str) -> None:
    """Print a run's leaderboard, and say where the rest of it lies."""
    print(run.layout.leaderboard(form).read_text(), end="")
    say(f"the run is in {run.layout.folder}, submission files are in {run.submissions}")


def print_data_report(args: argparse.Namespace, report: "DataReport") -> None:
    """Print what is in a data folder.

    Raises:
        BadData: something in it is wrong.
    """
    if args.json:
        print_result(args, report.to_json())
    else:
        _console().print(report.to_table(), soft_wrap=True)  # a name is never cut, nor broken
    if not report.ok:
        raise BadData(report.verdict)
