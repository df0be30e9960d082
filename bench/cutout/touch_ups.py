"""What a person may switch on before the car is cut out: one list for command, API and page."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.config.refinement import ActiveContours, AdaptiveSmoothing, Denoise, Plain, Step
from bench.masks.types import Map
from bench.refinement.refine import settled


@dataclass(frozen=True)
class Switch:
    """A step of a refinement, as a person chooses it."""

    title: str
    text: str
    step: Step


SWITCHES = {  # in the order in which they are applied
    "fill_holes": Switch(
        "Fill holes",
        "What the outline encloses counts as car, windows too.",
        Step(fill_holes=Plain()),
    ),
    "largest_component": Switch(
        "One piece",
        "Only the largest connected part stays.",
        Step(largest_component=Plain()),
    ),
    "denoise": Switch(
        "ExtractNet’s denoiser",
        "Blur of 27 pixels, threshold, opening of 39: no specks, but no antennas either.",
        Step(denoise=Denoise()),
    ),
    "active_contours": Switch(
        "Pull to edges",
        "Where the models are unsure, the outline moves to the steepest edge.",
        Step(active_contours=ActiveContours()),
    ),
    "adaptive_smoothing": Switch(
        "Smooth outline",
        "Where the models are sure, the outline loses its steps.",
        Step(adaptive_smoothing=AdaptiveSmoothing()),
    ),
}


def apply(names: Sequence[str], map: Map) -> Map:
    """The map after the steps named, in the order of `SWITCHES` whatever theirs is."""
    return settled(map, [switch.step for name, switch in SWITCHES.items() if name in names])
