"""Drawn shoes of three sizes in two folders, as a stranger keeps them: masks are palette PNGs."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

SIZES = [(48, 64), (60, 45), (75, 100)]  # height, width
SHOE, LACE = 1, 2  # values of masks; 0 is the floor
FLOOR_RED_GREEN = [0, 0, 0, 255, 0, 0, 0, 255, 0]


def draw_shoe(number: int, shot: int) -> tuple[np.ndarray, np.ndarray]:
    """A photograph, uint8 (H, W, 3), and its values, uint8 (H, W)."""
    random = np.random.default_rng([number, shot])
    height, width = SIZES[(number + shot) % 3]
    values = np.zeros((height, width), np.uint8)
    x, y = int(width * (0.45 + 0.1 * random.random())), int(height * 0.55)
    cv2.ellipse(values, (x, y), (width // 3, height // 6), 0, 0, 360, SHOE, -1)
    cv2.circle(values, (x - width // 8, y - height // 8), height // 12, LACE, -1)
    colours = np.array([[205] * 3, random.integers(20, 150, 3), [240, 240, 60]])
    photograph = colours[values] + random.normal(0, 6, (height, width, 3))
    return np.clip(photograph, 0, 255).astype(np.uint8), values


def draw_shoes(root: Path, shoes: int = 6, shots: int = 2) -> Path:
    """Write `photos/<side>/shoe<n>_<shot>.jpg` and `labels/<side>/shoe<n>_<shot>.png`."""
    for number in range(shoes):
        side = "left" if number % 2 else "right"
        for shot in range(shots):
            photograph, values = draw_shoe(number, shot)
            name = f"{side}/shoe{number}_{shot}"
            for folder in ("photos", "labels"):
                (root / folder / side).mkdir(parents=True, exist_ok=True)
            Image.fromarray(photograph).save(root / "photos" / f"{name}.jpg", quality=92)
            mask = Image.fromarray(values, mode="P")
            mask.putpalette(FLOOR_RED_GREEN)
            mask.save(root / "labels" / f"{name}.png")
    return root


def words(root: Path, *more: str, masks: str = "labels/{folder}/{stem}.png") -> list[str]:
    """The command line that describes them in `mine`; groups and values are among `more`."""
    places = ["--images", str(root / "photos/**/*.jpg"), "--masks", str(root / masks)]
    return ["prepare", *places, "--out", str(root / "mine"), "--jobs", "1", *more]


BY_SHOE = ("--group-by", "(shoe[0-9]+)_")
BOTH = ("--value", str(SHOE), str(LACE))
