"""What the report reads of a finished run, and what it calls things."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.layout import Layout
from bench.config.recipe import Recipe
from bench.config.suite import Suite
from bench.data.carvana import Carvana, car_of, is_drawn, is_real, metadata
from bench.ensembles.rules import RULES
from bench.scores.ranking import methods
from bench.scores.tables import read_leaderboard
from bench.system.errors import Missing


@dataclass(frozen=True)
class Facts:
    """Tables and notes of a run, as they lie in its folder."""

    name: str
    suite: Suite
    recipes: Mapping[str, Recipe]
    board: pd.DataFrame  # leaderboard.csv
    scores: pd.DataFrame  # scores.parquet
    analysis: dict[str, Any]
    histories: dict[tuple[str, int], pd.DataFrame]  # (recipe, fold) -> history.csv
    manifests: dict[tuple[str, int], dict[str, Any]]
    environment: dict[str, Any]
    leaks: dict[str, str]  # fold -> what training and scoring share
    cars: dict[str, tuple[str, str, str]]  # car -> year, make, model
    real: bool  # the competition's photographs
    drawn: bool
    root: Path
    repeat: Sequence[str]  # the commands that make this run

    @cached_property
    def scored(self) -> pd.DataFrame:
        """The lines that were scored here, best first."""
        return self.board[self.board["kind"] != "reported"].reset_index(drop=True)

    @property
    def entries(self) -> list[str]:
        """Names of the scored lines, best first."""
        return [str(name) for name in self.scored["entry"]]

    @property
    def members(self) -> list[str]:
        """The single models, in the suite's order."""
        return list(self.recipes)

    @cached_property
    def ensemble(self) -> str:
        """The line that pictures and the answer are about: the best ensemble, else the best."""
        several = self.scored[(self.scored["kind"] == "ensemble") & (self.scored["members"] > 1)]
        return str((several if len(several) else self.scored)["entry"].iloc[0])

    @cached_property
    def dice(self) -> pd.DataFrame:
        """Dice, one row an entry, one column an image."""
        return self.scores.pivot(index="entry", columns="image", values="dice")

    @property
    def leaky(self) -> bool:
        """Whether scored cars were trained on."""
        return bool(self.scored["leaky"].any())

    @property
    def images(self) -> int:
        """Photographs scored."""
        return len(self.dice.columns)

    @property
    def car_count(self) -> int:
        """Cars scored."""
        return len({car_of(image) for image in self.dice.columns})

    @property
    def statistics(self) -> dict[str, Any]:
        """How intervals and p-values came about."""
        return methods(self.car_count, len(self.scored))

    def row(self, entry: str) -> "pd.Series[Any]":
        """The leaderboard's line of an entry."""
        found = self.scored[self.scored["entry"] == entry].iloc[0]
        return found.rename(entry)

    def analysed(self, entry: str) -> dict[str, Any] | None:
        """What analysis.json says of an ensemble."""
        found = [each for each in self.analysis["ensembles"] if each["entry"] == entry]
        return found[0] if found else None

    @property
    def better_than_mean(self) -> list[str]:
        """Rules that learn and beat the plain mean by more than the interval of the difference."""
        beat = self.analysis["beat_plain_mean"]
        return [each["entry"] for each in self.beside_mean if each["entry"] in beat]

    @property
    def beside_mean(self) -> list[dict[str, Any]]:
        """What analysis.json says of the rules that learn beside a plain mean of their members."""
        return [
            each
            for each in self.analysis["ensembles"]
            if each["over_plain_mean"] and RULES[each["rule"]].learns
        ]

    @cached_property
    def _prefix(self) -> str:
        """What all recipes' names begin with: a folder such as `cpu/`."""
        folders = {name.rpartition("/")[0] for name in self.members}
        return f"{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""

    def label(self, entry: str) -> str:
        """A name without the folder that all recipes share."""
        return entry.removeprefix(self._prefix)

    def number(self, member: str) -> int:
        """The number that stands for a single model in every figure, from 1."""
        return self.members.index(member) + 1

    def about_car(self, car: str) -> str:
        """Make and model, or the car's id where they are not known."""
        year, make, model = self.cars.get(car, ("", "", ""))
        return f"{make} {model} {year}".strip() if make else car


def read(
    name: str,
    suite: Suite,
    recipes: Mapping[str, Recipe],
    data: Carvana,
    layout: Layout,
    repeat: Sequence[str],
) -> Facts:
    """What a run's folder says.

    Raises:
        Missing: a table is not there yet.
    """
    for path in (layout.leaderboard("csv"), layout.scores, layout.analysis):
        if not path.exists():
            raise Missing(f"{path}: not there yet; run the stage `score` first")
    trainings = {
        (recipe, fold): layout.training(recipe, fold)
        for recipe in recipes for fold in suite.folds.run
    }  # fmt: skip
    return Facts(
        name=name,
        suite=suite,
        recipes=recipes,
        board=read_leaderboard(layout.leaderboard("csv")),
        scores=pd.read_parquet(layout.scores),
        analysis=_json(layout.analysis),
        histories={
            key: pd.read_csv(folder / "history.csv")
            for key, folder in trainings.items() if (folder / "history.csv").exists()
        },
        manifests={key: _json(folder / "manifest.json") for key, folder in trainings.items()},
        environment=_json(layout.environment),
        leaks=_json(layout.leaks),
        cars=metadata(data.root),
        real=is_real(data),
        drawn=is_drawn(data),
        root=data.root,
        repeat=repeat,
    )  # fmt: skip


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
