"""Denoise: a blur, a cut at one half and an opening take specks and thin parts out of the mask.

Source: ExtractNet 2019 (blur 27, threshold one half, opening 39); the square is our choice.
"""

import cv2
import numpy as np

from bench.config.refinement import Denoise
from bench.masks.types import THRESHOLD, Map, Mask
from bench.refinement.state import RefinementState, clamped_to_mask


def apply(state: RefinementState, options: Denoise) -> RefinementState:
    """The state with its mask denoised."""
    map = clamped_to_mask(state.map, state.mask)
    return state.with_mask(denoised(map, options.blur, options.opening))


def denoised(map: Map, blur: int, opening: int) -> Mask:
    """The mask of a blurred map, less what is thinner than a square of `opening` pixels.

    The blur's sigma is OpenCV's for a kernel of this size (27: 4.4 px). The car is
    taken to go on beyond the edge of the image, so a car that is cut off loses nothing there.
    """
    blurred = np.asarray(cv2.GaussianBlur(map, (blur, blur), 0))
    mask = (blurred >= THRESHOLD).view(np.uint8)
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (opening, opening))
    beyond = cv2.copyMakeBorder(mask, *(opening,) * 4, cv2.BORDER_REPLICATE)
    opened = np.asarray(cv2.morphologyEx(beyond, cv2.MORPH_OPEN, square)).view(np.bool_)
    return opened[opening:-opening, opening:-opening]
