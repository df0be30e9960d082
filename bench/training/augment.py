"""Augment samples by albumentations as a recipe says, reproducibly by seed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import albumentations as A
import cv2

from bench.masks.types import Map, RgbImage
from bench.training.backgrounds.scene import Backgrounds

# Interpolation of targets is named everywhere: albumentations' default, nearest, would make soft
# targets hard again.
LINEAR = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_LINEAR}


class Augment:
    """The chain of augmentations that a recipe names, in the order in which it names them.

    `background` comes before all others, so that they change the new background as well.

    Args:
        size: height x width of the samples.
        backgrounds: the folder of the pictures of `background`; None: they are drawn.

    Raises:
        Missing, BadData: the folder is not there, or has no pictures.
    """

    def __init__(
        self, names: Sequence[str], size: tuple[int, int], backgrounds: Path | None = None
    ) -> None:
        others = [name for name in names if name != "background"]
        self._chain = A.Compose([step for name in others for step in _steps(name, size)])
        self._backgrounds = Backgrounds(size, backgrounds) if "background" in names else None

    def __call__(self, image: RgbImage, target: Map, seed: int) -> tuple[RgbImage, Map]:
        """Return the augmented photograph (H, W, 3) and target (H, W), the same for equal seeds."""
        if self._backgrounds:
            image = self._backgrounds(image, target, seed)
        self._chain.set_random_seed(seed)
        augmented = self._chain(image=image, mask=target)
        return augmented["image"], augmented["mask"]


def _steps(name: str, size: tuple[int, int]) -> list[Any]:
    height, width = size
    match name:
        case "crop":  # part of the photograph, of an aspect ratio within a fifth of its own
            shape = width / height
            crop = A.RandomResizedCrop(
                size, (0.5, 1.0), (shape / 1.2, shape * 1.2), **LINEAR, p=0.8
            )
            return [crop]
        case "colour":
            return [A.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.7, 1.3), (-0.05, 0.05), p=0.8)]
        case "flip":
            return [A.HorizontalFlip(p=0.5)]
        case "affine":
            shift = {"x": (-0.06, 0.06), "y": (-0.06, 0.06)}
            border = {"border_mode": cv2.BORDER_REPLICATE}
            return [A.Affine((0.9, 1.1), shift, rotate=(-5, 5), **LINEAR, **border, p=0.8)]
    raise ValueError(f"no augmentation {name!r}")
