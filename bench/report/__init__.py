"""A finished run -> one page of its results, which opens from disk and loads no other file.

Reads  leaderboard.csv, scores.parquet, analysis.json, histories and manifests of a run; map stores,
       photographs and masks of the few images it shows.
Writes report.html.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.report.facts import Facts
from bench.report.page import render
from bench.report.pictures import draw
from bench.scores import columns
from bench.system.files import write_text

CODE = [  # a report older than one of these files is made again
    *sorted(path for path in Path(__file__).parent.rglob("*") if path.suffix != ".pyc"),
    Path(columns.__file__),
]


def run(facts: Facts, entries: Sequence[Entry], members: Members, target: Path) -> None:
    """Write the page.

    Args:
        entries: ready for maps, among them the one whose pictures are shown.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    write_text(target, render(facts, draw(facts, entries, members)))
