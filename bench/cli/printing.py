"""What verbs print: results as JSON or YAML, tables, and verdicts on data and submissions."""

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bench.cli.arguments import DATA
from bench.system.errors import BadData
from bench.system.progress import say

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.data.check import DataReport
    from bench.run.run import Run

WIDE = 240  # characters of a table that goes into a file


def show(given: argparse.Namespace, found: Any) -> None:
    """Print a result as JSON, or as YAML, which reads well."""
    import yaml

    if given.json:
        print(json.dumps(found, indent=2))
    else:
        print(yaml.safe_dump(found, sort_keys=False, width=100), end="")


def show_tables(tables: Sequence[Table]) -> None:
    """Print tables, as wide as they need where no terminal is."""
    console = Console(width=None if sys.stdout.isatty() else WIDE)
    for table in tables:
        console.print(table)


def show_leaderboard(opened: "Run", form: str) -> None:
    """Print a run's leaderboard, and say where the rest of it lies."""
    print(opened.layout.leaderboard(form).read_text(), end="")
    say(f"the run is in {opened.layout.folder}, submission files are in {opened.submissions}")


def show_data(given: argparse.Namespace, report: "DataReport") -> None:
    """Print what is in a data folder.

    Raises:
        BadData: something in it is wrong.
    """
    if given.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        Console().print(report.to_table())
    if not report.ok:
        raise BadData(report.verdict)


def check_submission(given: argparse.Namespace) -> None:
    """Print what is wrong with a submission file, and its scores where masks are given.

    Raises:
        BadData: Kaggle would refuse or misread it.
    """
    from bench.data.carvana import open_folder
    from bench.kaggle import scoring, validation, writing

    expected = writing.expected_images(open_folder(given.data or DATA))
    report = validation.check_submission(given.check, expected, jobs=given.jobs)
    if not given.json:
        print(report)
    scores: dict[str, Any] = {}
    if given.against:
        scores = scoring.score_submission(given.check, scoring.KnownMasks(given.against)).to_json()
    if given.json:
        show(given, report.to_json() | scores)
    elif scores:
        show(given, scores)
    if not report.sound:
        raise BadData(f"{given.check}: Kaggle would refuse or misread it; see above")
