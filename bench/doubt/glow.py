"""A picture of where a map is unsure: the photograph dimmed, and what is doubtful glowing."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masks.types import Map, RgbImage

DIM = 0.45  # brightness of the photograph under the glow
BRIGHT = 96  # range of probabilities, of 255, from which on the glow hides the photograph


def glow(photo: RgbImage, maps: Sequence[Map], max_side: int) -> RgbImage:
    """Draw where members differ (a single one: where it is unsure) over the dimmed photograph.

    The glow is the range of the members' probabilities in each pixel, from dark to bright yellow.

    Args:
        max_side: pixels; a larger photograph is shrunk.
    """
    small = [shrunk(map, max_side) for map in maps]
    if len(small) > 1:
        spread = np.max(small, axis=0) - np.min(small, axis=0)
    else:
        spread = 255 - np.abs(2 * small[0].astype(np.int16) - 255).astype(np.uint8)
    grey = cv2.cvtColor(shrunk(photo, max_side), cv2.COLOR_RGB2GRAY).astype(np.float32)
    colours = cv2.applyColorMap(spread.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = np.clip(spread.astype(np.float32) / BRIGHT, 0, 1)[..., None]
    mixed = DIM * grey[..., None] * (1 - share) + colours * share
    return mixed.astype(np.uint8)


def shrunk(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    """Return an image (H, W) or (H, W, C) whose sides are at most `max_side`, in proportion."""
    height, width = image.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
