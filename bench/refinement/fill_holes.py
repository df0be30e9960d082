"""Fill holes: what the outline encloses belongs to the mask."""

from bench.config.refinement import FillHoles
from bench.masks.contours import enclosed_pixels
from bench.refinement.state import RefinementState


def apply(state: RefinementState, options: FillHoles) -> RefinementState:
    """The state without the contours of holes; the others stay to the last digit."""
    shape = state.map.shape
    outer = [contour for contour in state.contours if enclosed_pixels(contour, shape) > 0]
    return state._replace(contours=outer)
