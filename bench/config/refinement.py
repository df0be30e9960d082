"""The steps of a refinement: their names, their options, and their texts for the page.

A recipe or an ensemble lists them in the order in which they are applied:

    refine: [fill_holes, {name: adaptive_smoothing, alpha: 0.4}]
"""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, field_validator, model_serializer
from pydantic import SerializerFunctionWrapHandler as Write

from bench.config.strict import Strict


class RefinementStep(Strict):
    """A step: its name in files, its options, and a title and a text for a person."""

    name: str
    title: ClassVar[str]
    text: ClassVar[str]  # may quote options: {alpha}

    def describe(self) -> str:
        """Return the text for a person, with this step's options in it."""
        return self.text.format(**dict(self))

    @model_serializer(mode="wrap")
    def _keyed_by_name(self, write: Write) -> dict[str, Any]:
        """Write `{name: options}`, the form by which map stores and run folders know a step."""
        options = write(self)
        return {options.pop("name"): options}


class FillHoles(RefinementStep):
    """Fill the holes of the mask."""

    name: Literal["fill_holes"] = "fill_holes"
    title = "Fill holes"
    text = "What the outline encloses counts as car, windows too."


class LargestComponent(RefinementStep):
    """Keep the largest connected part of the mask."""

    name: Literal["largest_component"] = "largest_component"
    title = "One piece"
    text = "Only the largest connected part stays."


class Denoise(RefinementStep):
    """Blur the map, threshold it at one half, and open the mask."""

    name: Literal["denoise"] = "denoise"
    title = "ExtractNet’s denoiser"
    text = (
        "Blur of {blur} pixels, threshold, opening of {opening}: no specks, but no antennas either."
    )
    blur: int = Field(default=27, ge=1, le=999)  # pixels across, odd
    opening: int = Field(default=39, ge=1, le=999)  # pixels across, odd

    @field_validator("blur", "opening")
    @classmethod
    def _has_a_middle(cls, across: int) -> int:
        if across % 2 == 0:
            raise ValueError("an odd number of pixels across, so that the mask stays in its place")
        return across


class ActiveContours(RefinementStep):
    """Move the uncertain stretches of the outline to the map's steepest edge."""

    name: Literal["active_contours"] = "active_contours"
    title = "Pull to edges"
    text = "Where the models are unsure, the outline moves to the steepest edge."
    alpha: float = Field(default=0.01, ge=0, le=1000)  # weight of a short path
    beta: float = Field(default=0.1, ge=0, le=1000)  # weight of a smooth path


class AdaptiveSmoothing(RefinementStep):
    """Smooth the certain stretches of the outline by less than half a pixel."""

    name: Literal["adaptive_smoothing"] = "adaptive_smoothing"
    title = "Smooth outline"
    text = "Where the models are sure, the outline loses its steps."
    alpha: float = Field(
        default=0.5, gt=0, le=1000
    )  # how much the width may change from point to point


def _as_record(step: Any) -> Any:
    """Read a bare name, and the `{name: options}` of suites and run folders, as a record."""
    if isinstance(step, RefinementStep):
        return step
    if isinstance(step, str):
        step = {"name": step}
    if isinstance(step, dict) and len(step) == 1 and "name" not in step:
        ((name, options),) = step.items()
        step = {"name": name, **options} if isinstance(options, dict) else None
    if not isinstance(step, dict) or step.get("name") not in list(DEFAULT_STEPS):
        raise ValueError(f"a step is exactly one of {', '.join(DEFAULT_STEPS)}")
    return step


Step = Annotated[  # the one list of steps; those that a person chooses are applied in its order
    FillHoles | LargestComponent | Denoise | ActiveContours | AdaptiveSmoothing,
    Field(discriminator="name"),
    BeforeValidator(_as_record),
]
Steps = tuple[Step, ...]

STEP_TYPES: tuple[type[Step], ...] = get_args(get_args(Step)[0])
DEFAULT_STEPS: dict[str, Step] = {step.name: step for step in (kind() for kind in STEP_TYPES)}


def in_order(names: Collection[str]) -> Steps:
    """Return the named steps with default options, in the order of DEFAULT_STEPS."""
    return tuple(step for name, step in DEFAULT_STEPS.items() if name in names)


def to_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return the steps as a run folder lists them, with every option."""
    return [step.model_dump() for step in steps]


def from_json(steps: Sequence[Any]) -> Steps:
    """Read the steps of a list, each in any form that a recipe may use.

    >>> from_json(["fill_holes", {"name": "denoise", "blur": 9}, {"denoise": {"blur": 9}}])[1:]
    (Denoise(name='denoise', blur=9, opening=39), Denoise(name='denoise', blur=9, opening=39))
    """
    return TypeAdapter(Steps).validate_python(steps)


def names_of(steps: Sequence[Step]) -> str:
    """Return the names of the steps, as a table shows them.

    >>> names_of([FillHoles(), Denoise()])
    'fill_holes, denoise'
    """
    return ", ".join(step.name for step in steps)
