"""Largest component: specks beside the car leave the mask."""

import cv2
import numpy as np

from bench.config.refinement import LargestComponent
from bench.masks import rle
from bench.masks.contours import enclosed_pixels
from bench.masks.types import Mask
from bench.refinement.state import RefinementState


def apply(state: RefinementState, options: LargestComponent) -> RefinementState:
    """The state with the largest component as its mask; with one component, the state itself."""
    outer = sum(enclosed_pixels(contour, state.map.shape) > 0 for contour in state.contours)
    return state.with_mask(largest_component(state.mask)) if outer > 1 else state


def largest_component(mask: Mask) -> Mask:
    """The component with the most pixels, diagonal neighbours joined; on a tie, the upper one."""
    padded = np.pad(mask, ((0, 0), (0, 1)))  # so that no run goes on in the next row
    count, labels = cv2.connectedComponents(padded.view(np.uint8), connectivity=8)
    if count <= 2:  # the background counts as one
        return mask
    starts, lengths = rle.runs(padded).T
    of_runs = labels.ravel()[starts - 1]
    sizes = np.bincount(of_runs, lengths)
    largest: Mask = labels[:, :-1] == of_runs[np.argmax(sizes[of_runs])]
    return largest
