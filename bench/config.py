"""Recipe and Suite: what decides a model and what decides a benchmark, as strict YAML files."""

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench import steps
from bench.errors import BadConfig
from bench.strict import Config, Strict, faults, read

RECIPES = Path(__file__).parent.parent / "models" / "recipes"
SUITES = Path(__file__).parent / "suites"

Loss = Literal["bce", "focal", "mse", "soft_dice", "gradient"]
PixelWeight = Literal["median_frequency", "boundary", "gradient_ratio"]
Augmentation = Literal["crop", "colour", "flip", "affine"]
Figure = Literal[
    "dice", "jaccard", "dsc_percent", "one_minus_jaccard", "train_ms", "test_ms", "params"
]


class Network(BaseModel):
    """The name of a network in `models.NETWORKS`; every other field is an option of its own."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Every field but the name."""
        return dict(self.model_extra or {})


class Optimiser(Strict):
    """How weights are updated; `weight_decay` is the factor of the L2 penalty (SGD, Adam)."""

    name: Literal["sgd", "adam", "adamw"]
    lr: float = Field(gt=0)
    encoder_lr: float | None = Field(default=None, gt=0)  # of the parameters below `encoder.`
    weight_decay: float = Field(default=0.0, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)


class Step(Strict):
    """The learning rate times `factor` after every so many epochs."""

    name: Literal["step"]
    every: int = Field(gt=0)
    factor: float = Field(gt=0, lt=1)


class Plateau(Strict):
    """The learning rate times `factor` when validation Dice stood still for `patience` epochs."""

    name: Literal["plateau"]
    patience: int = Field(ge=0)
    factor: float = Field(gt=0, lt=1)


Schedule = (
    Literal["constant", "cosine", "one_cycle"]
    | Annotated[Step | Plateau, Field(discriminator="name")]
)


class EarlyStopping(Strict):
    """End when no epoch of the last `patience` bettered validation Dice by over `min_delta`."""

    patience: int = Field(gt=0)
    min_delta: float = Field(default=0.0, ge=0)


class Smaller(Strict):
    """Epochs at a smaller size, before those at the recipe's own."""

    scale: float = Field(gt=0, lt=1)
    epochs: int = Field(gt=0)


class Tta(Strict):
    """Views of a photograph whose maps are averaged: every scale, each with its mirror image."""

    flip: bool = True
    scales: tuple[float, ...] = Field(default=(1.0,), min_length=1, strict=False)


class Recipe(Strict):
    """How one model is trained and used. `size` is height x width of what the network sees."""

    network: Network
    size: tuple[int, int] = Field(strict=False)
    loss: dict[Loss, float] = Field(min_length=1)
    pixel_weights: tuple[PixelWeight, ...] = Field(default=(), strict=False)  # of bce, focal, mse
    gradient_sigma: float = Field(default=1.0, ge=0.5)  # pixels of `size`, in losses and weights
    optimiser: Optimiser
    schedule: Schedule = "constant"
    epochs: int = Field(ge=0)  # in all, those of `gradual` among them; 0: used as it is built
    gradual: tuple[Smaller, ...] = Field(default=(), strict=False)
    early_stopping: EarlyStopping | None = None
    batch: int = Field(gt=0)
    augment: tuple[Augmentation, ...] = Field(default=(), strict=False)
    start_from: str | None = None  # a safetensors file; what fits by name and shape is taken
    freeze: tuple[str, ...] = Field(default=(), strict=False)  # modules, for example `encoder`
    ema: float | None = Field(default=None, gt=0, lt=1)  # decay of the averaged weights
    tta: Tta = Tta()
    # of it as an entry; not as a member. None is left out of the YAML whose hash map stores keep
    refine: steps.Steps | None = Field(default=None, strict=False)
    seed: int = 0
    source: str
    goal: str
    reported: dict[Figure, float] = Field(default={})

    @model_validator(mode="after")
    def _epochs_are_left(self) -> Self:
        if self.gradual and sum(each.epochs for each in self.gradual) >= self.epochs:
            raise ValueError(f"`gradual` leaves none of {self.epochs} epochs for the full size")
        return self

    @property
    def unrefined(self) -> Self:
        """All of it that decides the maps: the recipe a training and a map store are made by."""
        return self.model_copy(update={"refine": None})

    @property
    def reported_dice(self) -> float | None:
        """The paper's own mean Dice of this model, 0..1."""
        percent = self.reported.get("dsc_percent")
        return self.reported.get("dice", percent and percent / 100)

    def stages(self) -> list[tuple[float, int]]:
        """Scale of the size and number of epochs of every part of the training, in order."""
        smaller = [(each.scale, each.epochs) for each in self.gradual]
        return [*smaller, (1.0, self.epochs - sum(epochs for _, epochs in smaller))]

    @model_validator(mode="after")
    def _pixel_weights_weigh(self) -> Self:
        if self.pixel_weights and not {"bce", "focal", "mse"} & set(self.loss):
            raise ValueError("`pixel_weights` weigh bce, focal and mse; `loss` names none of them")
        return self


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
