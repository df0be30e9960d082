"""What post-processing does to whole regions of a mask: specks, thin parts, smaller components."""

import cv2
import numpy as np

from bench.masks.types import THRESHOLD, Map, Mask


def denoised(map: Map, blur: int, opening: int) -> Mask:
    """The mask of a blurred map, less what is thinner than a square of `opening` pixels.

    The blur's sigma is OpenCV's for a kernel of this size (27: 4.4 px). Beyond the edge of the
    image the car goes on, so one that is cut off loses nothing there.

    Source: ExtractNet 2019 (27, one half, 39); the square is our reading.
    """
    blurred = np.asarray(cv2.GaussianBlur(map, (blur, blur), 0))
    mask = (blurred >= THRESHOLD).view(np.uint8)
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (opening, opening))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, square)).view(np.bool_)


def largest_component(mask: Mask) -> Mask:
    """The component of the most pixels, diagonal neighbours joined; of equals the upper one."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    if count <= 2:  # the background is one
        return mask
    largest: Mask = labels == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return largest
