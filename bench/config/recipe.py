"""Recipe: what decides a model, as a strict YAML file; library.py finds it by its name."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from bench.config import refinement as steps
from bench.config.strict import Strict, to_yaml
from bench.system.text import several

Loss = Literal["bce", "focal", "mse", "soft_dice", "gradient"]
PixelWeight = Literal["median_frequency", "boundary", "gradient_ratio"]
Augmentation = Literal["crop", "colour", "flip", "affine", "background"]
Figure = Literal[
    "dice", "jaccard", "dsc_percent", "one_minus_jaccard", "train_ms", "test_ms", "params"
]

# Bounds are wide: they refuse slips of the pen, and what would take all memory before it fails.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]  # what NumPy, torch and albumentations all take
Epochs = Annotated[int, Field(gt=0, le=100_000)]
Batch = Annotated[int, Field(gt=0, le=4096)]
SMALLEST = 8  # pixels
Side = Annotated[int, Field(ge=SMALLEST, le=8192)]
Rate = Annotated[float, Field(gt=0, le=1000)]
TtaScale = Annotated[float, Field(ge=0.1, le=8)]
LossFactor = Annotated[float, Field(gt=0, le=1e6)]

NOT_TRAINED = {"tta", "refine", "source", "goal", "reported"}  # fields that decide no training
MAPPED = {"network", "size", "tta", "edge"}


class Network(BaseModel):
    """The name of a network in `models/networks.py`; every other field is an option of its own."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    name: str

    @property
    def options(self) -> dict[str, Any]:
        """Every field but the name."""
        return dict(self.model_extra or {})


class Optimiser(Strict):
    """How weights are updated; `weight_decay` is the factor of the L2 penalty (SGD, Adam).

    The schedule `one_cycle` moves momentum, or the first beta, itself: 0.95 to 0.85 and back.
    """

    name: Literal["sgd", "adam", "adamw"]
    lr: Rate
    encoder_lr: Rate | None = None  # of the parameters below `encoder.`
    weight_decay: float = Field(default=0.0, ge=0, le=1000)
    momentum: float = Field(default=0.9, ge=0, lt=1)


class Step(Strict):
    """Multiply the learning rate by `factor` after each `every` epochs."""

    name: Literal["step"]
    every: Epochs
    factor: float = Field(gt=0, lt=1)


class Plateau(Strict):
    """Multiply the learning rate by `factor` when Dice rests for more than `patience` epochs.

    It rests where it grows by less than a ten-thousandth of itself: torch's `ReduceLROnPlateau`.
    """

    name: Literal["plateau"]
    patience: int = Field(ge=0, le=100_000)
    factor: float = Field(gt=0, lt=1)


Schedule = (
    Literal["constant", "cosine", "one_cycle"]
    | Annotated[Step | Plateau, Field(discriminator="name")]
)


class EarlyStopping(Strict):
    """End when the last `patience` epochs did not raise validation Dice by over `min_delta`."""

    patience: Epochs
    min_delta: float = Field(default=0.0, ge=0, le=1)


class Smaller(Strict):
    """Epochs at a smaller size, before those at the recipe's own."""

    scale: float = Field(gt=0, lt=1)
    epochs: Epochs


class Teach(Strict):
    """Soft labels: a share of each epoch's samples has a teacher's maps as targets.

    The teacher is an entry of a finished run. It teaches on the photographs that it has maps of: of
    test cars, and of training cars that it had itself held out.
    """

    run: str  # a folder, looked up beside the suite's file and among the runs
    entry: str
    share: float = Field(gt=0, le=1)

    @property
    def teacher(self) -> str:
        """The entry's name behind that of its run, as `compare` names it."""
        return f"{Path(self.run).name}/{self.entry}"


class Tta(Strict):
    """Views of a photograph whose maps are averaged: every scale, each with its mirror image."""

    flip: bool = True
    scales: tuple[TtaScale, ...] = Field(default=(1.0,), min_length=1, max_length=64, strict=False)


class Edge(Strict):
    """What makes a network an edge network: it sharpens the map of another entry of the suite.

    It sees pieces of the photograph at its own size, with the entry's map, and changes the map only
    within `reach` pixels of its outline.
    """

    of: str  # the entry: a recipe, as the suite names it, or an ensemble
    reach: int = Field(default=8, ge=1, le=64)  # pixels
    crops: int = Field(default=8, ge=1, le=256)  # of a photograph, drawn once


class Recipe(Strict):
    """How one model is trained and used. `size` is height x width of what the network sees.

    A recipe's name is that of its file, as a suite names it. The name is no field: it is not
    written to YAML, and recipes that differ in nothing else are equal.
    """

    _name: str = PrivateAttr(default="unnamed")
    network: Network
    size: tuple[Side, Side] = Field(strict=False)
    loss: dict[Loss, LossFactor] = Field(min_length=1)
    pixel_weights: tuple[PixelWeight, ...] = Field(default=(), strict=False)  # of bce, focal, mse
    gradient_sigma: float = Field(
        default=1.0, ge=0.5, le=100
    )  # pixels of `size`, in losses and weights
    optimiser: Optimiser
    schedule: Schedule = "constant"
    epochs: int = Field(
        ge=0, le=100_000
    )  # in all, those of `gradual` among them; 0: used as it is built
    gradual: tuple[Smaller, ...] = Field(default=(), strict=False)
    early_stopping: EarlyStopping | None = None
    batch: Batch
    augment: tuple[Augmentation, ...] = Field(default=(), strict=False)
    backgrounds: str | None = None  # folder of the pictures of `background`; None: drawn ones
    start_from: str | None = None  # a safetensors file; what fits by name and shape is taken
    freeze: tuple[str, ...] = Field(default=(), strict=False)  # modules, for example `encoder`
    teach: Teach | None = None
    ema: float | None = Field(default=None, gt=0, lt=1)  # decay of the averaged weights
    edge: Edge | None = None
    tta: Tta = Tta()
    refine: steps.Steps = Field(default=(), strict=False)  # of the model's own entry; no map's
    seed: Seed = 0
    source: str
    goal: str
    reported: dict[Figure, float] = Field(default={})

    @model_validator(mode="after")
    def _epochs_are_left(self) -> Self:
        smaller = sum(each.epochs for each in self.gradual)
        if self.gradual and smaller >= self.epochs:
            raise ValueError(
                f"`gradual` leaves none of {several(self.epochs, 'epoch')} for the full size; set "
                f"`epochs` to {smaller + 1} or more, or `gradual` to []"
            )
        return self

    @model_validator(mode="after")
    def _is_there_to_be_taught(self) -> Self:
        if self.teach and not self.epochs:
            raise ValueError(
                "`teach` needs epochs to teach in; raise `epochs`, or leave `teach` out"
            )
        return self

    @model_validator(mode="after")
    def _backgrounds_are_used(self) -> Self:
        if self.backgrounds and "background" not in self.augment:
            raise ValueError(
                "`backgrounds` needs `background` in `augment`; add that, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _smaller_sizes_are_sizes(self) -> Self:
        for each in self.gradual:
            small = scaled(self.size, each.scale)
            if min(small) < SMALLEST:
                raise ValueError(
                    f"`gradual`: scale {each.scale:g} leaves {small[0]}x{small[1]} pixels "
                    f"of `size`; raise that scale until a side has at least {SMALLEST}"
                )
        return self

    @model_validator(mode="after")
    def _edges_are_seen_at_full_size(self) -> Self:
        if self.edge is None:
            return self
        if (
            self.gradual
            or {"crop", "affine", "background"} & set(self.augment)
            or self.tta.scales != (1.0,)
        ):
            raise ValueError(
                "an `edge` network sees photographs at their own size: leave out `gradual`, "
                "`tta.scales`, and `crop`, `affine` and `background` of `augment`"
            )
        if self.teach:
            raise ValueError("an `edge` network learns from masks alone: leave out `teach`")
        if not self.epochs:
            raise ValueError("an `edge` network that is not trained changes nothing: set `epochs`")
        return self

    def __eq__(self, other: object) -> bool:
        """Whether another recipe has the same fields, whatever the two are called."""
        return isinstance(other, Recipe) and dict(self) == dict(other)

    @property
    def name(self) -> str:
        """The name of the recipe in messages, folders and tables."""
        return self._name

    def named(self, name: str) -> Self:
        """Return the same recipe under another name."""
        copy = self.model_copy()
        copy._name = name
        return copy

    def training_yaml(self) -> str:
        """Return the text that a training keeps as its recipe.yaml: every field but `refine`."""
        return to_yaml(self, without={"refine"})

    def training_fields(self) -> dict[str, str]:
        """Return the fields that decide a training, as JSON.

        Fields at their default are left out: older recipes do not know every field.
        """
        return _as_json(self.model_dump(mode="json", exclude_defaults=True, exclude=NOT_TRAINED))

    def map_fields(self) -> dict[str, str]:
        """Return the fields that decide, beside the weights, the maps of a trained network."""
        return _as_json(self.model_dump(mode="json", exclude_defaults=True, include=MAPPED))

    @property
    def reported_dice(self) -> float | None:
        """The paper's own mean Dice of this model, 0..1."""
        percent = self.reported.get("dsc_percent")
        return self.reported.get("dice", percent and percent / 100)

    def stages(self) -> list[tuple[float, int]]:
        """Return each stage of the training, in order: its scale of the size, and its epochs."""
        smaller = [(each.scale, each.epochs) for each in self.gradual]
        return [*smaller, (1.0, self.epochs - sum(epochs for _, epochs in smaller))]

    @property
    def crops(self) -> int:
        """How many crops of a photograph an epoch has: an edge network's, and 1 of any other."""
        return self.edge.crops if self.edge else 1

    @property
    def reach(self) -> int:
        """How far from its outline an edge network changes a map, in pixels; 0 of any other."""
        return self.edge.reach if self.edge else 0

    @property
    def full_size_epochs(self) -> float:
        """The training's work in epochs at the full size: an epoch at scale s counts s**2."""
        return sum(epochs * scale**2 for scale, epochs in self.stages())

    @model_validator(mode="after")
    def _pixel_weights_weigh(self) -> Self:
        if self.pixel_weights and not {"bce", "focal", "mse"} & set(self.loss):
            raise ValueError(
                "`pixel_weights` weigh bce, focal and mse; name one in `loss`, or leave them out"
            )
        return self


def scaled(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a size, height x width, times `scale`, in whole pixels."""
    return round(size[0] * scale), round(size[1] * scale)


def _as_json(fields: dict[str, Any]) -> dict[str, str]:
    return {name: json.dumps(value, sort_keys=True) for name, value in fields.items()}
