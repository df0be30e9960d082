"""The page: everything that is known, put into the templates beside this file."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bench.report import (
    figures,
)
from bench.report import (
    heatmaps as heat,
)
from bench.report import (
    leaderboard as board,
)
from bench.report import (
    learning_curves as curves,
)
from bench.report import (
    provenance as made,
)
from bench.report.answer import answer
from bench.report.facts import Facts
from bench.report.pictures import Shown
from bench.report.svg import Drawing
from bench.scores.reported import NOTE
from bench.system.text import number

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Section:
    """A part of the page that holds nothing but figures and shaded tables."""

    name: str
    title: str
    text: str
    drawings: list[Drawing]
    heats: list[heat.Heat]


def render(facts: Facts, shown: list[Shown]) -> str:
    """The whole page as HTML; every name in it is escaped, and nothing of it lies elsewhere."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["number"] = number
    script = _own("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    lines, scale = board.lines(facts)
    return environment.get_template("page.html").render(
        facts=facts, answer=answer(facts), columns=board.columns(facts), lines=lines, scale=scale,
        width=board.WIDTH, shown=shown, sections=_sections(facts), made=made, note=NOTE,
        style=Markup(_own("page.css")), script=Markup(script), digest=digest,  # noqa: S704
    )  # fmt: skip


def _own(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _sections(facts: Facts) -> list[Section]:
    """The parts between leaderboard and pictures that have anything to show."""
    by_make = heat.by_make(facts)
    several = len(facts.members) > 1
    found = [
        Section(
            "ensembles", "What the ensembles gain",
            "Each ensemble against its best member and against the plain mean, and what is lost "
            "without each member.",
            [*figures.gains(facts), *figures.leave_one_out(facts)], [],
        ),
        Section(
            "members", "How members differ", _oracle(facts), figures.calibration(facts),
            [heat.disagreement(facts), heat.correlation(facts)] if several else [],
        ),
        Section(
            "where", "Where it is hard", "The same entries by the side from which a car is seen, "
            "by its make, and car by car.",
            figures.cars(facts), [heat.by_view(facts), *([by_make] if by_make else [])],
        ),
        Section(
            "cost", "What quality costs", "An ensemble costs what its members cost together.",
            figures.pareto(facts), [],
        ),
        Section(
            "curves", "How members learned", "Each line is a member by its number.",
            curves.learning(facts), [],
        ),
    ]  # fmt: skip
    return [each for each in found if each.drawings or each.heats]


def _oracle(facts: Facts) -> str:
    """What choosing the best member for each photograph would reach."""
    if len(facts.members) < 2:
        return ""
    best = number(float(facts.analysis["oracle"]["dice"]), 6)
    return (
        "An ensemble gains where members err on different pixels. Who chose the best member for "
        f"each photograph, knowing its mask, would reach a Dice of {best}."
    )
