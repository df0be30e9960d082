"""The steps of a refinement as recipes and ensembles name them, with their options."""

from collections.abc import Sequence
from typing import Any

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)  # fmt: skip

from bench.config.strict import Strict


class AdaptiveSmoothing(Strict):
    """Smooths the certain stretches of the outline by less than half a pixel, see smoothing.py."""

    alpha: float = Field(default=0.5, gt=0)  # how fast the width may change from point to point


class ActiveContours(Strict):
    """Moves the uncertain stretches to the map's steepest edge, see snake.py."""

    alpha: float = Field(default=0.01, ge=0)  # for a short way
    beta: float = Field(default=0.1, ge=0)  # for a smooth one


class Denoise(Strict):
    """Blurs the map, cuts it at one half and opens the mask, see morphology.py."""

    blur: int = Field(default=27, ge=1)  # pixels across, odd
    opening: int = Field(default=39, ge=1)

    @field_validator("blur")
    @classmethod
    def _has_a_middle(cls, blur: int) -> int:
        if blur % 2 == 0:
            raise ValueError("a blur is an odd number of pixels across")
        return blur


class Plain(Strict):
    """A step without options: `{}`."""


class Step(Strict):
    """One step of a refinement: exactly one of these."""

    adaptive_smoothing: AdaptiveSmoothing | None = None
    active_contours: ActiveContours | None = None
    denoise: Denoise | None = None
    largest_component: Plain | None = None
    fill_holes: Plain | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_one(cls, given: Any) -> Any:
        if isinstance(given, dict) and (
            len(given) != 1 or not given.keys() <= cls.model_fields.keys()
        ):
            raise ValueError(f"a step is exactly one of {', '.join(cls.model_fields)}")
        return given

    @model_serializer(mode="wrap")
    def _named_alone(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Only the step that it is, or it could not be read again."""
        return {name: options for name, options in write(self).items() if options is not None}


Steps = tuple[Step, ...]


def to_json(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The steps as a recipe lists them, every option written out."""
    return [step.model_dump() for step in steps]


def from_json(steps: Sequence[Any]) -> Steps:
    """What `to_json` wrote."""
    return tuple(Step.model_validate(step) for step in steps)


def title(steps: Sequence[Step]) -> str:
    """The names of the steps, as a table shows them.

    >>> title([Step(fill_holes=Plain()), Step(denoise=Denoise())])
    'fill_holes, denoise'
    """
    return ", ".join(name for step in to_json(steps) for name in step)
