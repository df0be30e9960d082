"""What a person may switch on before the car is cut out: one list for command, API and page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from bench.rle import THRESHOLD, Map

BLUR, OPENING = 27, 39  # pixels; ExtractNet's


@dataclass(frozen=True)
class Switch:
    """A step from a map to another map, as a person chooses it."""

    title: str
    text: str
    apply: Callable[[Map], Map]


def _denoised(map: Map) -> Map:
    """Gaussian blur of 27 pixels, one half, opening of 39 pixels.

    Source: ExtractNet 2019, post-processing.
    """
    mask = np.asarray(cv2.GaussianBlur(map, (BLUR, BLUR), 0)) >= THRESHOLD
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (OPENING, OPENING))
    opened = cv2.morphologyEx(mask.astype(np.uint8) * 255, cv2.MORPH_OPEN, square)
    return np.asarray(opened, np.uint8)


def _largest_component(map: Map) -> Map:
    """The map, but 0 in every connected part of its mask except the largest, and around it."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(_mask(map), connectivity=8)
    if count <= 2:  # the background is one
        return map
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    others = ((labels != largest) & (labels != 0)).astype(np.uint8)
    around = np.asarray(cv2.dilate(others, np.ones((9, 9), np.uint8))).astype(bool)
    return np.where(around & (labels != largest), np.uint8(0), map)


def _fill_holes(map: Map) -> Map:
    """The map, but 255 in every hole of its mask that does not touch the border."""
    framed = np.pad(1 - _mask(map), 1, constant_values=1)
    cv2.floodFill(framed, None, (0, 0), (0,))
    holes = np.asarray(cv2.dilate(framed[1:-1, 1:-1], np.ones((3, 3), np.uint8)))
    return np.where(holes.astype(bool), np.uint8(255), map)


def _mask(map: Map) -> Map:
    return (map >= THRESHOLD).astype(np.uint8)


SWITCHES = {  # in the order in which they are applied
    "fill_holes": Switch(
        "Fill holes", "What the outline encloses counts as car, windows too.", _fill_holes
    ),
    "largest_component": Switch(
        "One piece", "Only the largest connected part stays.", _largest_component
    ),
    "denoise": Switch(
        "ExtractNet’s denoiser",
        "Blur of 27 pixels, threshold, opening of 39: no specks, but no antennas either.",
        _denoised,
    ),
}


def apply(names: Sequence[str], map: Map) -> Map:
    """The map after the steps named, in the order of `SWITCHES` whatever theirs is."""
    for name, switch in SWITCHES.items():
        if name in names:
            map = switch.apply(map)
    return map
