"""Augment samples by albumentations as a recipe says, reproducibly by seed.

And draw the crops that an edge network learns from: of photographs at their own size, of their maps
and masks, all of which are read again in every epoch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import albumentations as A
import cv2
import numpy as np
import torch
from numpy import typing as npt
from torch import Tensor
from torch.utils.data import Dataset

from bench.config.recipe import Recipe
from bench.data.carvana import Carvana
from bench.data.images import read_image
from bench.masks.types import THRESHOLD, Map, Mask, RgbImage
from bench.networks.edge import Seen, seen_by_edge, window

ReadMap = Callable[[str], Map]  # image id -> the map that an edge network sharpens
JITTER = 4  # a crop's centre lies at most a fourth of its size from the place it is taken for

# Interpolation of targets is named everywhere: albumentations' default, nearest, would make soft
# targets hard again.
LINEAR = {"interpolation": cv2.INTER_LINEAR, "mask_interpolation": cv2.INTER_LINEAR}


class Augment:
    """The chain of augmentations that a recipe names, in the order in which it names them."""

    def __init__(self, names: Sequence[str], size: tuple[int, int]) -> None:
        self._chain = A.Compose([step for name in names for step in _steps(name, size)])

    def __call__(self, image: RgbImage, target: Map, seed: int) -> tuple[RgbImage, Map]:
        """Return the augmented photograph (H, W, 3) and target (H, W), the same for equal seeds."""
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


def no_map(image: str) -> Map:
    """Refuse to give a map.

    Raises:
        TypeError: always.
    """
    raise TypeError(f"{image}: there is no map to sharpen; an edge network's task has a `read_map`")


@dataclass
class EdgeSet(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops of one epoch, the same for the same seed and epoch on any worker.

    A crop lies on the map's outline, every second one where the map is wrong. Each item is the
    crops of a photograph: what the network sees, uint8 (crops, 5, h, w), and the targets, uint8
    (crops, 1, h, w) with 255 = car.
    """

    data: Carvana
    images: Sequence[str]
    read_map: ReadMap
    recipe: Recipe
    epoch: int = 0
    augment: Augment = field(init=False)

    def __post_init__(self) -> None:
        self.augment = Augment(self.recipe.augment, self.recipe.size)

    def __len__(self) -> int:
        return len(self.images)

    def begin(self, epoch: int) -> None:
        """Draw the crops of an epoch from here on."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the crops of photograph `index`, chosen and augmented for this epoch."""
        image = self.images[index]
        rng = np.random.default_rng((self.recipe.seed, self.epoch, index))
        photo, truth = read_image(self.data.train[image]), self.data.mask(image)
        seen = seen_by_edge(photo, self.read_map(image), self.recipe.reach)
        both = np.dstack([seen, truth * np.uint8(255)])
        crops = [self._crop(both, middle, rng) for middle in self._middles(seen, truth, rng)]
        shown = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        return shown[:, :-1], shown[:, -1:]

    def _middles(self, seen: Seen, truth: Mask, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Draw the places that crops are taken for, as row and column."""
        band = np.flatnonzero(seen[..., -1])
        band = band if len(band) else np.arange(truth.size)  # a map without outline: anywhere
        wrong = band[((seen[..., 3] >= THRESHOLD) != truth).reshape(-1)[band]]
        halves = (band, wrong if len(wrong) else band)
        drawn = [int(rng.choice(halves[crop % 2])) for crop in range(self.recipe.crops)]
        return [divmod(place, truth.shape[1]) for place in drawn]

    def _crop(
        self, both: Seen, middle: tuple[int, int], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        size = self.recipe.size
        top, left = (
            place - side // 2 + int(rng.integers(-side // JITTER, side // JITTER, endpoint=True))
            for place, side in zip(middle, size, strict=True)
        )
        crop, seed = window(both, top, left, size), int(rng.integers(2**32))
        photo, rest = np.ascontiguousarray(crop[..., :3]), np.ascontiguousarray(crop[..., 3:])
        return np.dstack(self.augment(photo, rest, seed))
