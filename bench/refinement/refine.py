"""A map -> a better mask of it: contours made smooth or moved, holes and specks taken out.

    refined(map, steps)  # uint8 map again, so that a refined model is an entry like any other

The outline is taken from the map once and handed from step to step with all of its sub-pixel
accuracy; it becomes pixels only for a step that works on regions, and at the end.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.config.refinement import (
    ActiveContours,
    AdaptiveSmoothing,
    Denoise,
    FillHoles,
    LargestComponent,
    RefinementStep,
)
from bench.masks.types import Map
from bench.refinement import (
    active_contours,
    adaptive_smoothing,
    denoise,
    fill_holes,
    largest_component,
)
from bench.refinement.state import RefinementState, clamped_to_mask

Apply = Callable[[RefinementState, Any], RefinementState]
STEPS: Mapping[type[RefinementStep], Apply] = {  # the function that carries out each step
    FillHoles: fill_holes.apply,
    LargestComponent: largest_component.apply,
    Denoise: denoise.apply,
    ActiveContours: active_contours.apply,
    AdaptiveSmoothing: adaptive_smoothing.apply,
}


def refined(map: Map, steps: Sequence[RefinementStep]) -> Map:
    """The map after the steps; without steps, the map itself.

    Only values where the mask has changed are changed: to the nearest value on the other side of
    the threshold.
    """
    return refine(map, steps).map if steps else map


def refine(map: Map, steps: Sequence[RefinementStep]) -> RefinementState:
    """The state after the steps: the map that `refined` returns, its sub-pixel outline, and counts.

    Steps on regions turn the outline into pixels, so list them before the steps that move it.
    """
    state = RefinementState.of(map)
    for step in steps:
        state = STEPS[type(step)](state, step)
    return state._replace(map=clamped_to_mask(map, state.mask))
