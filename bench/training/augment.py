"""Augment samples by albumentations as a recipe says, reproducibly by seed.

And draw the crops that an edge network learns from: of photographs at their own size, of their maps
and masks.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import albumentations as A
import cv2
import numpy as np
from numpy import typing as npt

from bench.config.recipe import Recipe
from bench.data.dataset import DataSet
from bench.data.images import read_image
from bench.masks.types import THRESHOLD, Map, Mask, ReadMap, RgbImage
from bench.networks.edge import Seen, seen_by_edge, window
from bench.training.backgrounds.scene import Backgrounds

Crops = npt.NDArray[np.uint8]  # (crops, h, w, 6): what an edge network sees, target
JITTER = 4  # a crop's centre lies at most a fourth of its size from the place it is taken for

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
        """Return the augmented photograph (H, W, 3) and target, the same for equal seeds.

        Args:
            target: (H, W), or (H, W, C) with what else is seen of the photograph.
        """
        if self._backgrounds:
            image = self._backgrounds(image, target, seed)
        for place, step in enumerate(self._chain.transforms):
            step.set_random_seed(seed + (place << 64))  # of one seed, all would draw the same
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


def no_map(image: str) -> Map:
    """Refuse to give a map.

    Raises:
        TypeError: always.
    """
    raise TypeError(f"{image}: there is no map to sharpen; an edge network's task has a `read_map`")


def draw_crops(data: DataSet, read_map: ReadMap, recipe: Recipe, image: str) -> Crops:
    """Draw the crops of a photograph that an edge network learns from, the same for the same seed.

    A crop lies on the map's outline, every second one where the map is wrong.
    """
    rng = np.random.default_rng((recipe.seed, *image.encode()))
    photo, truth = read_image(data.train[image]), data.mask(image)
    seen = seen_by_edge(photo, read_map(image), recipe.reach)
    both, (height, width) = cast(Seen, cv2.merge([seen, truth * np.uint8(255)])), recipe.size
    crops = []
    for row, column in _places(seen, truth, recipe.crops, rng):
        top, left = (
            place - side // 2 + int(rng.integers(-side // JITTER, side // JITTER, endpoint=True))
            for place, side in ((row, height), (column, width))
        )
        crops.append(window(both, top, left, recipe.size))
    return np.stack(crops)


def _places(
    seen: Seen, truth: Mask, crops: int, rng: np.random.Generator
) -> Iterator[tuple[int, int]]:
    """Draw the places, as row and column, that crops are taken for."""
    band = np.flatnonzero(seen[..., -1])
    band = band if len(band) else np.arange(truth.size)  # a map without outline: anywhere
    wrong = band[((seen[..., 3] >= THRESHOLD) != truth).reshape(-1)[band]]
    halves = (band, wrong if len(wrong) else band)
    for crop in range(crops):
        yield divmod(int(rng.choice(halves[crop % 2])), truth.shape[1])
