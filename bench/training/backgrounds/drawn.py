"""Backgrounds that are drawn: a sky and a ground, shapes before them, and texture over all."""

import cv2
import numpy as np

from bench.masks.types import FloatImage, RgbImage, Size

MOST_SHAPES = 24
TEXTURES = (3, 12, 48)  # cells of noise along the height, from clouds to gravel
STRONGEST = 40.0  # standard deviation of a texture, of 255


def drawn(size: Size, rng: np.random.Generator) -> RgbImage:
    """Draw a background that no studio has, uint8 (H, W, 3); the same for an equal generator."""
    height, width = size
    scene = np.empty((height, width, 3), np.float32)
    horizon = int(height * rng.uniform(0.1, 0.9))
    scene[:horizon], scene[horizon:] = rng.uniform(0, 255, (2, 3))
    for _ in range(rng.integers(MOST_SHAPES, endpoint=True)):
        _draw_shape(scene, rng)
    for cells in TEXTURES:
        grid = rng.normal(0, rng.uniform(0, STRONGEST), (cells, cells * width // height + 1, 3))
        grey = rng.uniform(0, 1)  # how much less colour a texture has than it could
        mixed = grey * grid.mean(axis=2, keepdims=True) + (1 - grey) * grid
        scene += cv2.resize(mixed.astype(np.float32), (width, height))
    return np.clip(scene, 0, 255).astype(np.uint8)


def _draw_shape(scene: FloatImage, rng: np.random.Generator) -> None:
    """Draw a block, a round thing or a pole of any colour."""
    height, width = scene.shape[:2]
    middle = (int(rng.integers(width)), int(rng.integers(height)))
    half = (int(width * rng.uniform(0.01, 0.2)), int(height * rng.uniform(0.01, 0.3)))
    colour = tuple(rng.uniform(0, 255, 3).tolist())
    kind = rng.integers(3)
    if kind == 0:
        corners = [tuple(m + s * h for m, h in zip(middle, half, strict=True)) for s in (-1, 1)]
        cv2.rectangle(scene, corners[0], corners[1], colour, -1)
    elif kind == 1:
        cv2.ellipse(scene, middle, half, float(rng.uniform(0, 180)), 0, 360, colour, -1)
    else:
        end = (middle[0] + int(rng.normal(0, width / 8)), int(rng.integers(height)))
        cv2.line(scene, middle, end, colour, int(rng.integers(1, 2 + height // 40)))
