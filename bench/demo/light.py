"""The studio's light: where it comes from, and how a photograph is developed from it."""

import math
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.jit import kernel
from bench.masks.types import FloatImage, Floats, RgbImage

HIGHLIGHTS_FROM = 232.0  # display value above which highlights are compressed


def octahedral(size: int) -> Floats:
    """(size, size, 3) unit directions of a table of light; shader.py looks it up."""
    u, v = np.meshgrid(*[(np.arange(size) + 0.5) / size * 2 - 1] * 2)
    z = 1 - np.abs(u) - np.abs(v)
    fold = np.maximum(-z, 0)
    direction = np.stack([u - np.sign(u) * fold, v - np.sign(v) * fold, z], axis=-1)
    return direction / np.linalg.norm(direction, axis=-1, keepdims=True)


def _step(value: Floats, soft: float) -> Floats:
    """A smooth step from 0 below zero to 1 above it, `soft` wide."""
    return 1 / (1 + np.exp(-np.clip(value / soft, -40, 40)))


def surroundings(floor: Floats) -> tuple[FloatImage, FloatImage]:
    """Linear RGB from each direction, in focus and blurred, as octahedral tables (256, 256, 3).

    A bright wall with dark lettering far away, a ceiling with three lamps, a floor of display
    colour `floor`, darker straight below.
    """
    towards = octahedral(256)
    azimuth, up = np.arctan2(towards[..., 1], towards[..., 0]), towards[..., 2]
    wall = 0.86 - 0.14 * _step(up - 0.3, 0.1) - 0.14 * np.cos(azimuth - 0.7)
    letters = _step(0.11 - np.abs(up - 0.22), 0.02) * _step(np.sin(azimuth) - 0.5, 0.1)
    wall = wall * (1 - 0.75 * letters * _step(np.sin(azimuth * 18), 0.15))
    ceiling = 0.50 + 0.1 * up
    for lamp in (-0.9, 0.0, 0.9):
        strip = _step(0.13 - np.abs(towards[..., 0] / np.maximum(up, 0.05) - lamp), 0.03)
        ceiling = ceiling + 4.5 * strip * _step(up - 0.55, 0.03)
    high = _step(up - 0.62, 0.04)
    above = (wall * (1 - high) + ceiling * high)[..., None]
    below = 0.8 * (floor / 255) ** 2 * (1 - 0.35 * _step(-up - 0.55, 0.15))[..., None]
    horizon = _step(up + 0.015, 0.012)[..., None]
    table = np.ascontiguousarray(horizon * above + (1 - horizon) * below, dtype=np.float32)
    return table, _blurred(table)


def _blurred(table: FloatImage) -> FloatImage:
    """The light on a rough surface: all directions, weighted by their cosine to the fifth."""
    coarse = cv2.resize(table, (24, 24), interpolation=cv2.INTER_AREA).reshape(-1, 3)
    lobes = np.maximum(octahedral(64).reshape(-1, 3) @ octahedral(24).reshape(-1, 3).T, 0) ** 5
    blurred = (lobes @ coarse / lobes.sum(axis=1, keepdims=True)).reshape(64, 64, 3)
    return cv2.resize(blurred.astype(np.float32), table.shape[1::-1])


@partial(kernel, error_model="numpy")
def develop(
    room: FloatImage,
    dim: FloatImage,
    colour: FloatImage,
    cover: NDArray[np.uint8],
    corner: tuple[int, int],
    grain: tuple[float, int],
) -> RgbImage:
    """The photograph (H, W, 3) uint8: car over room, display curve, grain of the sensor.

    Args:
        room: display values 0..255 of the empty room, (H, W, 3).
        dim: share of them left by shadow, (H, W).
        colour: linear RGB of the car, (h, w, 3); its first pixel lies at row and column `corner`.
        cover: how many of each pixel's four sub-samples are car, (h, w).
        grain: its strength in display levels, and its seed.
    """
    height, width = room.shape[:2]
    photograph = np.empty((height, width, 3), np.uint8)
    strength, seed = grain
    state = np.uint64(seed * 2654435761 + 88172645463325252)
    low, high = np.uint64(255), np.uint64(8)
    for y in range(height):
        for x in range(width):
            row, column = y - corner[0], x - corner[1]
            alpha = 0.0
            if 0 <= row < cover.shape[0] and 0 <= column < cover.shape[1]:
                alpha = cover[row, column] * 0.25
            state ^= state << np.uint64(13)
            state ^= state >> np.uint64(7)
            state ^= state << np.uint64(17)
            noise = (state & low) + (state >> high & low) + (state >> np.uint64(16) & low)
            for channel in range(3):
                shown = room[y, x, channel] * dim[y, x]
                if alpha > 0.0:
                    light = (shown / 255.0) ** 2 * (1 - alpha)
                    light += colour[row, column, channel] * alpha
                    shown = 255.0 * math.sqrt(light)
                tint = (state >> np.uint64(24 + 8 * channel) & low) / 128.0 - 1.0
                shown += strength * ((noise - 382.5) / 128.0 + 0.6 * tint)
                if shown > HIGHLIGHTS_FROM:
                    rest = 255.0 - HIGHLIGHTS_FROM
                    shown = 255.0 - rest * math.exp((HIGHLIGHTS_FROM - shown) / rest)
                photograph[y, x, channel] = max(0, int(shown + 0.5))
    return photograph
