"""What the report reads of a finished run."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel

from bench.config.layout import Layout
from bench.config.recipe import Recipe
from bench.config.suite import Suite
from bench.data.carvana import is_drawn, is_real, metadata
from bench.data.dataset import DataSet
from bench.data.image_ids import car_of
from bench.metrics.statistics import Gain
from bench.networks.manifest import TrainingManifest, read_manifest
from bench.networks.quantised import in_int8
from bench.networks.wanted import noted_other_cores
from bench.report.names import Names
from bench.scores.pairs import SCORE, matrix, read_scores
from bench.scores.tables import read_leaderboard
from bench.system.errors import Missing
from bench.system.files import read_csv, read_json

WITHOUT_CURVE = "make the report again, which then lacks this training's curves"


class Computer(BaseModel):
    """The machine of environment.json."""

    system: str = "unknown"
    processor: str = "unknown"
    cores: int | None = None
    memory_gb: float | None = None


class Environment(BaseModel):
    """The part of environment.json that the report shows."""

    version: str = ""
    commit: str = "unknown"
    clean_tree: bool = False
    code_sha256: str = ""
    python: str = "unknown"
    libraries: dict[str, str] = {}
    machine: Computer = Computer()


class MemberWorth(BaseModel):
    """What a member adds to an ensemble's Dice, with an interval; of one car, nobody knows."""

    member: str
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan


class EnsembleAnalysis(BaseModel):
    """What analysis.json says of an ensemble."""

    entry: str
    rule: str
    best_member: str
    over_plain_mean: Gain | None  # of which p is corrected
    leave_one_out: list[MemberWorth]


class Oracle(BaseModel):
    """The best member of each photograph, chosen by who knows its mask."""

    dice: float


class Analysis(BaseModel):
    """The part of analysis.json that the report shows."""

    members: list[str]
    disagreement: list[list[float]]
    error_correlation: list[list[float | None]]
    calibration: list[dict[str, float | None]]
    oracle: Oracle
    ensembles: list[EnsembleAnalysis]
    beat_plain_mean: list[str]
    disputed_px: dict[str, int]


@dataclass(frozen=True)
class Origin:
    """What made a run: its data, code, machine and trainings."""

    root: Path  # of the data
    real: bool  # whether the photographs are the competition's
    drawn: bool  # whether they are the demo's
    leaks: Mapping[str, str]  # fold -> what training and scoring share
    manifests: Mapping[tuple[str, int], TrainingManifest]  # of trainings: (recipe, fold)
    environment: Environment
    commands: Sequence[str]  # that make the run again
    other_cores: float  # that other programs kept busy, at most, while times were taken
    in_int8: Sequence[str]  # the recipes that predicted in it


@dataclass(frozen=True)
class Facts:
    """A run's tables and notes."""

    name: str
    suite: Suite
    recipes: Mapping[str, Recipe]
    leaderboard: pd.DataFrame  # leaderboard.csv
    scores: pd.DataFrame  # scores.parquet
    analysis: Analysis
    histories: Mapping[tuple[str, int], pd.DataFrame]  # (recipe, fold) -> history.csv
    names: Names
    origin: Origin

    @cached_property
    def scored(self) -> pd.DataFrame:
        """The leaderboard's rows that were scored here, best first."""
        return self.leaderboard[self.leaderboard["kind"] != "reported"].reset_index(drop=True)

    @property
    def entries(self) -> list[str]:
        """Names of the scored entries, best first."""
        return [str(name) for name in self.scored["entry"]]

    @property
    def members(self) -> list[str]:
        """Names of the single models, in the suite's order."""
        return list(self.recipes)

    @cached_property
    def ensemble(self) -> str:
        """The entry that pictures and the answer are about: the best ensemble, else the best."""
        several = self.scored[(self.scored["kind"] == "ensemble") & (self.scored["members"] > 1)]
        return str((several if len(several) else self.scored)["entry"].iloc[0])

    @cached_property
    def dice(self) -> pd.DataFrame:
        """Dice of the scored entries: one row an entry, one column an image."""
        return matrix(self.scores, self.entries)

    @property
    def leaky(self) -> bool:
        """Whether scored cars were trained on."""
        return bool(self.scored["leaky"].any())

    @property
    def images(self) -> int:
        """The number of photographs scored."""
        return len(self.dice.columns)

    @property
    def unit(self) -> str:
        """What is held out together: a "car" or a "group"."""
        return self.names.unit

    @property
    def cars(self) -> int:
        """The number of cars, or groups, scored."""
        return len({car_of(image) for image in self.dice.columns})

    def row(self, entry: str) -> dict[str, Any]:
        """The leaderboard's row of a scored entry."""
        row = self.scored[self.scored["entry"] == entry].iloc[0]
        return {str(key): value for key, value in row.items()}

    def analysed(self, entry: str) -> EnsembleAnalysis | None:
        """What analysis.json says of an ensemble; None where it says nothing."""
        return next((each for each in self.analysis.ensembles if each.entry == entry), None)


def read(
    name: str,
    suite: Suite,
    recipes: Mapping[str, Recipe],
    data: DataSet,
    layout: Layout,
    commands: Sequence[str],
) -> Facts:
    """Read the tables and notes in a run's folder.

    Raises:
        Missing: a table is not there yet.
    """
    for path in (layout.leaderboard("csv"), layout.scores, layout.analysis):
        if not path.exists():
            raise Missing(f"{path}: not there yet; run the stage `score` first")
    trainings = layout.trainings(recipes, suite.folds.run)
    manifests = {key: read_manifest(folder.manifest) for key, folder in trainings.items()}
    return Facts(
        name=name,
        suite=suite,
        recipes=recipes,
        leaderboard=read_leaderboard(layout.leaderboard("csv")),
        scores=read_scores(layout.scores),
        analysis=read_json(layout.analysis, Analysis, SCORE),
        histories={
            key: read_csv(folder.history, ("epoch", "scale", "valid_dice"), WITHOUT_CURVE)
            for key, folder in trainings.items()
            if folder.history.exists()
        },
        names=Names(list(recipes), metadata(data), data.unit),
        origin=Origin(
            root=data.root,
            real=is_real(data),
            drawn=is_drawn(data),
            leaks=read_json(layout.leaks, dict[str, str], "run the suite again"),
            manifests=manifests,
            environment=_environment(layout.environment),
            commands=commands,
            other_cores=other_cores(
                manifests.values(), [layout.maps(recipe, "heldout") for recipe in recipes]
            ),
            in_int8=in_int8(trainings),
        ),
    )


def other_cores(manifests: Iterable[TrainingManifest], stores: Iterable[Path]) -> float:
    """Return how many cores other programs kept busy, at most, while a run's times were taken.

    Args:
        manifests, stores: of all trainings and of all maps of the run.
    """
    return max(0.0, *(each.other_cores for each in manifests), *map(noted_other_cores, stores))


def _environment(path: Path) -> Environment:
    """What environment.json says; nothing where it is gone, since nobody knows it any more."""
    cure = "make the report again, which then lacks these facts"
    return read_json(path, Environment, cure) if path.exists() else Environment()
