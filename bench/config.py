"""Suite: what decides a benchmark, as a strict YAML file; and recipes and suites by their names."""

import difflib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from bench import steps
from bench.errors import BadConfig
from bench.recipe import Augmentation, Loss, Network, Optimiser, Recipe, Schedule, Smaller
from bench.strict import Config, Strict, faults, read

RECIPES = Path(__file__).parent.parent / "models" / "recipes"
SUITES = Path(__file__).parent / "suites"


class Override(Strict):
    """Fields of every recipe that a suite replaces; what is absent stays as the recipe says."""

    network: Network | None = None
    pretrained: bool | None = None
    epochs: int | None = Field(default=None, gt=0)
    gradual: tuple[Smaller, ...] | None = Field(default=None, strict=False)
    batch: int | None = Field(default=None, gt=0)
    optimiser: Optimiser | None = None
    schedule: Schedule | None = None
    loss: dict[Loss, float] | None = Field(default=None, min_length=1)
    augment: tuple[Augmentation, ...] | None = Field(default=None, strict=False)
    seed: int | None = None


Rule = Literal[
    "vote", "mean",  # the rest learns on held-out maps, see learned.py
    "greedy", "weights_dice", "weights_likelihood", "threshold", "staple", "stacking",
]  # fmt: skip


class Ensemble(Strict):
    """A rule over members' maps. Integer weights, one a member, count in a vote or a mean."""

    rule: Rule
    members: tuple[str, ...] = Field(default=(), strict=False)  # empty: every recipe of the suite
    weights: tuple[int, ...] = Field(default=(), strict=False)  # empty: all 1
    refine: steps.Steps = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights and len(self.weights) != len(self.members):
            raise ValueError(f"{len(self.weights)} weights for {len(self.members)} named members")
        if any(weight < 1 for weight in self.weights):
            raise ValueError("weights are whole numbers of at least 1")
        if self.weights and self.rule not in ("vote", "mean"):
            raise ValueError(f"rule {self.rule!r} takes no weights; it finds its own")
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

    count: int = Field(default=5, ge=2)
    run: tuple[int, ...] = Field(default=(0,), min_length=1, strict=False)
    valid_cars: int = Field(default=4, ge=1)
    seed: int = 0

    @model_validator(mode="after")
    def _folds_exist(self) -> Self:
        wrong = [fold for fold in self.run if not 0 <= fold < self.count]
        if wrong:
            raise ValueError(f"run names fold {wrong[0]}; there are folds 0 to {self.count - 1}")
        return self


class Demo(Strict):
    """Size of the drawn data set that a suite uses when no folder of photographs is given."""

    cars: int = Field(gt=0)
    test_cars: int = Field(gt=0)
    seed: int = 0


class Suite(Strict):
    """A benchmark: data, folds, recipes, ensembles and the scale of every recipe's size."""

    title: str
    recipes: tuple[str, ...] = Field(min_length=1, strict=False)
    ensembles: dict[str, Ensemble] = Field(default={})
    reported: tuple[Reported, ...] = Field(default=(), strict=False)
    scale: float = Field(default=1.0, gt=0)
    override: Override = Override()
    split: Literal["car", "image_random"] = "car"
    folds: Folds = Folds()
    limit: int | None = Field(default=None, gt=0)  # of the cars
    demo: Demo | None = None

    @model_validator(mode="after")
    def _members_are_recipes(self) -> Self:
        for name, ensemble in self.ensembles.items():
            strangers = sorted(set(ensemble.members) - set(self.recipes))
            if strangers:
                raise ValueError(f"ensemble {name!r}: {strangers[0]!r} is not among `recipes`")
        return self

    def members(self, ensemble: str) -> tuple[str, ...]:
        """Names of the recipes whose maps an ensemble combines."""
        return tuple(map(short_name, self.ensembles[ensemble].members or self.recipes))


def load_recipe(name: str, beside: Path = Path()) -> Recipe:
    """The recipe of `models/recipes/<name>.yaml`, or of a path that ends in .yaml.

    Args:
        beside: the suite's file; a relative path is looked up in its folder.
    """
    path = str(beside.parent / name) if name.endswith(".yaml") else name
    return _load(path, RECIPES, Recipe, "recipe")


def load_suite(name: str) -> Suite:
    """The suite of `bench/suites/<name>.yaml`, or of a path that ends in .yaml."""
    return _load(name, SUITES, Suite, "suite")


def names(folder: Path) -> list[str]:
    """Names of all YAML files below a folder, as recipes and suites are called."""
    return sorted(
        path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")
    )


def short_name(name: str) -> str:
    """What a suite or recipe is called in a run: its name, or the stem of the path given."""
    return Path(name).stem if name.endswith(".yaml") else name


def in_suite(recipe: Recipe, suite: Suite) -> Recipe:
    """The recipe as a suite runs it: sizes scaled, fields replaced as its `override` says.

    A recipe of 0 epochs has nothing to override but its size and `pretrained`.

    Raises:
        BadConfig: the override does not go with the recipe.
    """
    change = {
        field: getattr(suite.override, field)
        for field in Recipe.model_fields
        if field in Override.model_fields
    }
    change = {field: value for field, value in change.items() if value is not None}
    if not recipe.epochs:
        change = {}
    network = change.get("network", recipe.network)
    if suite.override.pretrained is not None and "pretrained" in network.options:
        network = network.model_copy(update={"pretrained": suite.override.pretrained})
    change |= {"size": scaled(recipe.size, suite.scale), "network": network}
    try:
        return Recipe.model_validate({**dict(recipe), **change})
    except ValidationError as error:
        raise BadConfig(f"suite {suite.title!r}, override:" + faults(error, Recipe)) from error


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """A size, height x width, times `scale`."""
    return round(size[0] * scale), round(size[1] * scale)


def changed(suite: Suite, seed: int | None, limit: int | None) -> Suite:
    """The suite with another seed for its folds and trainings, or with fewer cars."""
    update: dict[str, Any] = {}
    if seed is not None:
        update["folds"] = suite.folds.model_copy(update={"seed": seed})
        update["override"] = suite.override.model_copy(update={"seed": seed})
    if limit is not None:
        update["limit"] = limit
    return suite.model_copy(update=update)


def _load(name: str, folder: Path, kind: type[Config], word: str) -> Config:
    if name.endswith(".yaml"):
        return read(Path(name), kind)
    known = names(folder)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or known
        raise BadConfig(f"no {word} {name!r}; nearest: {', '.join(near)}")
    return read(folder / f"{name}.yaml", kind)
