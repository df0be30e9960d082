"""A finished run -> one page of its results, which opens from disk and loads no other file.

Reads  leaderboard.csv, scores.parquet, analysis.json, histories and manifests of a run; map stores,
       photographs and masks of the few images it shows.
Writes report.html, from the templates beside this file.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.report import (
    TEMPLATES,
    figures,
    heatmaps,
    leaderboard,
    learning_curves,
    pictures,
    provenance,
)
from bench.report.answer import answer
from bench.report.facts import Facts
from bench.report.heatmaps import HeatMap
from bench.report.pictures import ShownPhotograph
from bench.report.svg import Drawing
from bench.scores.reported import NOTE
from bench.system.files import write_text
from bench.system.text import number


@dataclass(frozen=True)
class Section:
    """A part of the page that holds nothing but figures and heat maps."""

    name: str  # of its anchor
    title: str
    text: str
    drawings: list[Drawing]
    heatmaps: list[HeatMap]


def run(facts: Facts, entries: Sequence[Entry], members: Members, target: Path) -> None:
    """Write the page.

    Args:
        entries: ready for maps, among them the one whose pictures are shown.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    write_text(target, render(facts, pictures.draw(facts, entries, members)))


def render(facts: Facts, photographs: list[ShownPhotograph]) -> str:
    """Return the whole page as HTML: every name in it is escaped, and it loads no other file."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    script = _template("page.js")
    rows, scale = leaderboard.rows(facts)
    return environment.get_template("page.html").render(
        facts=facts,
        answer=answer(facts),
        columns=leaderboard.columns(facts),
        rows=rows,
        scale=scale,
        width=leaderboard.SCALE_WIDTH,
        photographs=photographs,
        sections=_sections(facts),
        provenance=provenance,
        note=NOTE,
        style=Markup(_template("page.css")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _sections(facts: Facts) -> list[Section]:
    """The parts between the photographs and the provenance, without those that have no content."""
    tables = [heatmaps.by_view(facts), heatmaps.by_make(facts)]
    unit = facts.unit
    several = len(facts.members) > 1
    sections = [
        Section(
            "ensembles",
            "What the ensembles gain",
            "Each ensemble against its best member and against the plain mean, and what is lost "
            "without each member.",
            [*figures.gains(facts), *figures.leave_one_out(facts)],
            [],
        ),
        Section(
            "members",
            "How members differ",
            _oracle(facts),
            figures.calibration(facts),
            [heatmaps.disagreement(facts), heatmaps.correlation(facts)] if several else [],
        ),
        Section(
            "where",
            "Where it is hard",
            "The same entries by the side from which a car is seen, by its make, and car by car."
            if unit == "car"
            else f"The same entries, {unit} by {unit}.",
            figures.cars(facts),
            [table for table in tables if table],
        ),
        Section(
            "cost",
            "What quality costs",
            "An ensemble costs what its members cost together.",
            figures.pareto(facts),
            [],
        ),
        Section(
            "curves",
            "How members learned",
            "Each line is a member by its number.",
            learning_curves.draw(facts),
            [],
        ),
    ]
    return [section for section in sections if section.drawings or section.heatmaps]


def _oracle(facts: Facts) -> str:
    """Say what Dice the best member of each photograph would reach; nothing of a single member."""
    if len(facts.members) < 2:
        return ""
    best = number(float(facts.analysis.oracle.dice), 6)
    return (
        "An ensemble gains where members err on different pixels. Who chose the best member for "
        f"each photograph, knowing its mask, would reach a Dice of {best}."
    )
