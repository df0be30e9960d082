"""Backgrounds that are drawn: shapes before each other, with textures and colours as of things.

Shapes of all sizes that hide each other have the statistics of photographs ("dead leaves": Lee,
Mumford & Huang, Occlusion models for natural images, 2001), and so has noise that is stronger the
coarser it is. Most colours are near grey.
"""

import cv2
import numpy as np

from bench.masks.types import FloatImage, RgbImage, Size

VERSION = 2  # raised when the same generator would draw something else: trainings then differ
FIELDS = 4  # textures of a scene
MOST_LEAVES = 250  # at most as many shapes as a byte has labels
SMALLEST, LARGEST = 0.01, 0.6  # half of a shape, of the scene's height
BRICKS = 0.3  # of scenes that have a regular pattern in one of their textures


def drawn(size: Size, rng: np.random.Generator) -> RgbImage:
    """Draw a background that no studio has, uint8 (H, W, 3); the same for an equal generator."""
    labels = _leaves(size, rng)
    fields = np.stack([_texture(size, rng) for _ in range(FIELDS)])
    if rng.random() < BRICKS:
        fields[0] += _bricks(size, rng)
    textures = rng.integers(FIELDS, size=256)
    scene = np.take_along_axis(fields, textures[labels][None, :, :, None], 0)[0]
    scene = scene * rng.uniform(0, 1.5, 256)[labels][..., None] + _colours(rng)[labels]
    return np.clip(scene, 0, 255).astype(np.uint8)


def _leaves(size: Size, rng: np.random.Generator) -> "np.typing.NDArray[np.uint8]":
    """Return which shape each pixel shows, (H, W); 0 is the ground behind them all."""
    height, width = size
    labels = np.zeros(size, np.uint8)
    labels[int(height * rng.uniform(0.1, 0.9)) :] = 255  # below a horizon
    for label in range(1, rng.integers(1, MOST_LEAVES)):
        middle = (int(rng.integers(width)), int(rng.integers(height)))
        half = height * SMALLEST * (LARGEST / SMALLEST) ** (rng.random() ** 2)
        halves = (int(half * rng.uniform(0.3, 2)) + 1, int(half) + 1)
        turned = float(rng.uniform(0, 180)) * float(rng.integers(2))
        if rng.integers(2):
            cv2.ellipse(labels, middle, halves, turned, 0, 360, label, -1)
        else:
            corners = cv2.boxPoints((middle, (2 * halves[0], 2 * halves[1]), turned))
            cv2.fillPoly(labels, [corners.astype(np.int32)], label)
    return labels


def _texture(size: Size, rng: np.random.Generator) -> FloatImage:
    """Return noise of every fineness, float32 (H, W, 3) around 0."""
    height, width = size
    fall, grey = rng.uniform(0.2, 1.2), rng.uniform(0.5, 1)
    total = np.zeros((height, width, 3), np.float32)
    cells = 2
    while cells <= height:
        noise = rng.standard_normal((cells, cells * width // height + 1, 3), np.float32)
        noise = grey * noise.mean(axis=2, keepdims=True) * 3**0.5 + (1 - grey) * noise
        total += cv2.resize(noise, (width, height)) * cells**-fall
        cells *= 2
    total *= rng.uniform(5, 50) / (total.std() + 1e-6)
    return total


def _bricks(size: Size, rng: np.random.Generator) -> FloatImage:
    """Return a grid of lines, turned and in perspective or not, float32 (H, W, 3)."""
    height, width = size
    side = int(rng.integers(8, max(9, height // 4)))
    flat = np.zeros((2 * height, 2 * width, 3), np.float32)
    thick = max(1, int(side * rng.uniform(0.05, 0.4)))
    for row in range(0, 2 * height, side):
        flat[row : row + thick] = 1
    for column in range(0, 2 * width, int(side * rng.uniform(1, 3))):
        flat[:, column : column + thick] = 1
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * (width, height)
    seen = corners * 2 + rng.uniform(-0.3, 0.3, (4, 2)) * (width, height)
    turned = cv2.getPerspectiveTransform(seen.astype(np.float32), corners.astype(np.float32))
    return cv2.warpPerspective(flat, turned, (width, height)) * rng.uniform(-120, 120)


def _colours(rng: np.random.Generator) -> FloatImage:
    """Return the colour of each shape, (256, 3), most of them near grey."""
    grey = rng.uniform(0, 255, (256, 1))
    vivid = rng.beta(0.6, 2.5, (256, 1)) * rng.integers(2)
    colours: FloatImage = (grey + vivid * rng.uniform(-200, 200, (256, 3))).astype(np.float32)
    return colours
