"""Flat sheets (textures) that a car's details are painted on, in metres."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masks.types import Floats

TEXEL = 0.0025  # metres
SHEET_SIZE = (900, 2440)  # height x width of every sheet: 2.25 m x 6.1 m
MIDDLE_Z = 1.1  # the Z in the middle of the upright sheets
SHIFT = 4  # OpenCV draws at 1/16 texel
Outline = list[tuple[float, float]] | Floats


class Sheet:
    """One sheet: the first coordinate runs to the right, the second one up, 0 is the middle.

    `material` says what a texel is made of, `bright` (0..255) how much light seams and slats leave.
    """

    def __init__(self) -> None:
        self.material = np.zeros(SHEET_SIZE, np.uint8)
        self.bright = np.full(SHEET_SIZE, 255, np.uint8)

    def fill(self, points: Outline, material: int, bright: float = 1.0) -> None:
        """Draw a filled polygon."""
        corners = [_texels(points)]
        cv2.fillPoly(self.material, corners, material, cv2.LINE_8, SHIFT)
        cv2.fillPoly(self.bright, corners, round(255 * bright), cv2.LINE_8, SHIFT)

    def disc(
        self, centre: tuple[float, float], radius: float, material: int, bright: float
    ) -> None:
        """Draw a filled circle."""
        self.fill(np.array(centre) + radius * circle(48), material, bright)

    def stroke(
        self,
        points: Outline,
        width: float,
        material: int,
        bright: float = 1.0,
        closed: bool = False,
    ) -> None:
        """Draw a line of `width` metres of a material."""
        thick = max(1, round(width / TEXEL))
        for plane, value in ((self.material, material), (self.bright, round(255 * bright))):
            cv2.polylines(plane, [_texels(points)], closed, value, thick, cv2.LINE_8, SHIFT)

    def seam(self, points: Outline, width: float, bright: float, closed: bool = False) -> None:
        """Draw a line of `width` metres that darkens the material under it."""
        thick, value = max(1, round(width / TEXEL)), round(255 * bright)
        line = np.full_like(self.bright, 255)
        cv2.polylines(line, [_texels(points)], closed, value, thick, cv2.LINE_AA, SHIFT)
        np.minimum(self.bright, line, out=self.bright)


def _texels(points: Outline) -> NDArray[np.int32]:
    place = np.asarray(points, dtype=np.float64) / TEXEL
    place = np.stack([place[:, 0] + SHEET_SIZE[1] / 2, SHEET_SIZE[0] / 2 - place[:, 1]], axis=1)
    return np.rint((place - 0.5) * 2**SHIFT).astype(np.int32)


def circle(count: int) -> Floats:
    """(count, 2) points of the unit circle, anticlockwise."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def box(left: float, right: float, low: float, high: float) -> Floats:
    """(4, 2) corners of a rectangle."""
    return np.array([(left, low), (right, low), (right, high), (left, high)])


def rounded(points: Outline) -> Floats:
    """The polygon with each corner rounded over a fifth of its sides."""
    corners = np.asarray(points)
    before, after = np.roll(corners, 1, axis=0), np.roll(corners, -1, axis=0)
    t = np.linspace(0, 1, 7)[:, None, None]
    start, end = corners + 0.2 * (before - corners), corners + 0.2 * (after - corners)
    arcs = (1 - t) ** 2 * start + 2 * t * (1 - t) * corners + t**2 * end
    return arcs.transpose(1, 0, 2).reshape(-1, 2)


def mirrored_pair(points: Outline) -> list[Floats]:
    """The polygon and its mirror image in the first coordinate."""
    right = np.asarray(points)
    return [right, right * np.array([-1.0, 1.0])]
