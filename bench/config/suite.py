"""Suite: what decides a benchmark, as a strict YAML file; library.py finds it by its name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from bench.config import refinement as steps
from bench.config.recipe import (
    Augmentation,
    Batch,
    Epochs,
    Loss,
    LossFactor,
    Network,
    Optimiser,
    Schedule,
    Seed,
    Smaller,
)
from bench.config.strict import Strict
from bench.config.variation import Settings, Variation, grid
from bench.system.text import nearest, several

SUFFIXES = (".yaml", ".yml")  # of the file of a suite or recipe

Cars = Annotated[int, Field(gt=0, le=1_000_000)]
Weight = Annotated[int, Field(ge=1, le=1000)]  # of all members' maps, a sum in 32 bits


class Override(Strict):
    """What a suite may replace in every recipe: fields of `Recipe`, and one of its network.

    A field that is None stays as each recipe has it.
    """

    network: Network | None = None
    pretrained: bool | None = None  # the option of networks that have it
    epochs: Epochs | None = None
    gradual: tuple[Smaller, ...] | None = Field(default=None, strict=False)
    batch: Batch | None = None
    optimiser: Optimiser | None = None
    schedule: Schedule | None = None
    loss: dict[Loss, LossFactor] | None = Field(default=None, min_length=1)
    augment: tuple[Augmentation, ...] | None = Field(default=None, strict=False)
    seed: Seed | None = None


class Ensemble(Strict):
    """A rule over members' maps. Integer weights, one a member, count in a vote or a mean.

    Which rules there are, and which of them take weights, only bench/ensembles/rules knows.
    """

    rule: str
    members: tuple[str, ...] = Field(default=(), strict=False)  # empty: every recipe of the suite
    weights: tuple[Weight, ...] = Field(default=(), strict=False)  # empty: all 1
    refine: steps.Steps = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights and len(self.weights) != len(self.members):
            weights = several(len(self.weights), "weight")
            members = several(len(self.members), "named member")
            raise ValueError(f"{weights} for {members}; list `members`, and a weight for each")
        return self


class Reported(Strict):
    """A published figure that stands beside ours on the leaderboard."""

    entry: str
    dice: float | None = Field(default=None, ge=0, le=1)
    one_minus_jaccard: float | None = Field(default=None, ge=0, le=1)
    source: str

    @model_validator(mode="after")
    def _has_a_figure(self) -> Self:
        if self.dice is None and self.one_minus_jaccard is None:
            raise ValueError("name `dice` or `one_minus_jaccard`")
        return self


class Folds(Strict):
    """Cars held out together: fold k is scored by the model that never saw its cars.

    `valid_cars` of the training cars choose the best epoch and are neither trained on nor scored.
    """

    count: int = Field(default=5, ge=2, le=1000)
    run: tuple[int, ...] = Field(default=(0,), min_length=1, strict=False)
    valid_cars: Cars = 4
    seed: Seed = 0

    @model_validator(mode="after")
    def _folds_exist(self) -> Self:
        wrong = [fold for fold in self.run if not 0 <= fold < self.count]
        if wrong:
            there = f"there are folds 0 to {self.count - 1}"
            raise ValueError(f"run names fold {wrong[0]}; {there}: name these, or raise `count`")
        return self


class Demo(Strict):
    """Size of the drawn data set that a suite uses without `--data`."""

    cars: int = Field(gt=0, le=10_000)
    test_cars: int = Field(gt=0, le=10_000)
    seed: Seed = 0


@dataclass(frozen=True)
class Single:
    """A single model of a suite: its name in a run, its recipe's in the suite, what varies it."""

    name: str
    recipe: str
    varied: Settings


class Suite(Strict):
    """A benchmark: data, folds, recipes, ensembles and the scale of every recipe's size.

    `set` holds for every recipe. With `seeds` or a `sweep`, whose keys are fields of recipes, each
    recipe is a single model for every combination of their values.
    """

    title: str
    recipes: tuple[str, ...] = Field(min_length=1, strict=False)
    ensembles: dict[str, Ensemble] = Field(default={})
    reported: tuple[Reported, ...] = Field(default=(), strict=False)
    scale: float = Field(default=1.0, gt=0, le=8)
    override: Override = Override()
    set: dict[str, Any] | None = None
    seeds: tuple[Seed, ...] | None = Field(default=None, min_length=1, strict=False)
    sweep: dict[str, Annotated[list[Any], Field(min_length=1)]] | None = None
    split: Literal["car", "image_random"] = "car"
    folds: Folds = Folds()
    limit: Cars | None = None  # of the cars
    demo: Demo | None = None

    @model_validator(mode="after")
    def _a_field_is_given_once(self) -> Self:
        varied = [*(["seed"] if self.seeds else []), *(self.sweep or {})]
        for path in varied:
            if varied.count(path) > 1 or path in (self.set or {}):
                raise ValueError(f"{path!r} varies, and is given a value elsewhere; keep one")
        return self

    @model_validator(mode="after")
    def _members_are_singles(self) -> Self:
        known = dict.fromkeys([*self.recipes, *(single.name for single in self.singles)])
        for name, ensemble in self.ensembles.items():
            strangers = [member for member in ensemble.members if member not in known]
            if strangers:
                near = nearest(strangers[0], known, "member among `recipes` is called")
                raise ValueError(f"ensemble {name!r}: {near}")
            members = self.members(name) if ensemble.members else ()
            if twice := [member for member in members if members.count(member) > 1]:
                raise ValueError(
                    f"ensemble {name!r} has member {twice[0]!r} twice; name it once, with "
                    "`weights` if it is to count for more"
                )
        return self

    @property
    def variations(self) -> Sequence[Variation]:
        """Every combination of the values of `seeds` and `sweep`; of neither, one of nothing."""
        seeds = {"seed": self.seeds} if self.seeds else {}
        return grid({**(self.sweep or {}), **seeds})

    @property
    def singles(self) -> Sequence[Single]:
        """The single models, each recipe's variations one after the other."""
        return [
            Single(short_name(recipe) + each.label, recipe, each.settings)
            for recipe in self.recipes
            for each in self.variations
        ]

    def members(self, ensemble: str) -> tuple[str, ...]:
        """Names of the single models whose maps an ensemble combines."""
        return tuple(name for name, _ in self.weights(ensemble))

    def weights(self, ensemble: str) -> Sequence[tuple[str, int]]:
        """Name and weight of each member of an ensemble; a recipe stands for all its variations."""
        given = self.ensembles[ensemble]
        members = given.members or self.recipes
        weights = given.weights or (1,) * len(members)
        return [
            (single.name, weight)
            for member, weight in zip(members, weights, strict=True)
            for single in self.singles
            if member in (single.recipe, single.name)
        ]


def short_name(name: str) -> str:
    """Return the name of a suite or recipe in a run: its own, or the stem of its path."""
    return Path(name).stem if is_path(name) else name


def seen_anywhere(name: str) -> str:
    """Return the name of a suite or recipe as it is understood in any working directory."""
    return str(Path(name).absolute()) if is_path(name) else name


def is_path(name: str) -> bool:
    """Whether a suite or recipe is named by the path of its file, not by its name in the library.

    >>> is_path("mine.yaml"), is_path("mine/suite.YML"), is_path("demo")
    (True, True, False)
    """
    return Path(name).suffix.lower() in SUFFIXES
