"""What an edge network learns from, and its score: photographs at their own size with their maps.

Nothing is cached: photographs, masks and maps are read again in every epoch, and several crops are
taken of each. A crop lies on the map's outline; every second one where the map is wrong.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from bench.config.recipe import Recipe
from bench.data.carvana import Carvana
from bench.data.images import read_image
from bench.masks import rle
from bench.masks.types import THRESHOLD, Map
from bench.metrics.overlap import counts_from_runs, dice
from bench.networks.edge import Seen, Sharpener, seen_by_edge, window
from bench.training.augment import Augment

ReadMap = Callable[[str], Map]  # image id -> the map that is sharpened
JITTER = 4  # a crop's centre lies at most a fourth of its size from the place it is taken for


def no_map(image: str) -> Map:
    """Refuse to give a map.

    Raises:
        TypeError: always.
    """
    raise TypeError(f"{image}: there is no map to sharpen; an edge network's task has a `read_map`")


@dataclass
class EdgeSet(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops of one epoch, the same for the same seed and epoch on any worker.

    Each item is the crops of a photograph: what the network sees, uint8 (crops, 5, h, w), and the
    targets, uint8 (crops, 1, h, w) with 255 = car.
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

    def _middles(
        self, seen: Seen, truth: NDArray[np.bool_], rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        """Draw the places that crops are taken for, as row and column."""
        band = np.flatnonzero(seen[..., -1])
        band = band if len(band) else np.arange(truth.size)  # a map without outline: anywhere
        wrong = band[((seen[..., 3] >= THRESHOLD) != truth).reshape(-1)[band]]
        halves = (band, wrong if len(wrong) else band)
        drawn = [int(rng.choice(halves[crop % 2])) for crop in range(self.recipe.crops)]
        return [divmod(place, truth.shape[1]) for place in drawn]

    def _crop(
        self, both: Seen, middle: tuple[int, int], rng: np.random.Generator
    ) -> NDArray[np.uint8]:
        size = self.recipe.size
        top, left = (
            place - side // 2 + int(rng.integers(-side // JITTER, side // JITTER, endpoint=True))
            for place, side in zip(middle, size, strict=True)
        )
        crop, seed = window(both, top, left, size), int(rng.integers(2**32))
        photo, rest = np.ascontiguousarray(crop[..., :3]), np.ascontiguousarray(crop[..., 3:])
        return np.dstack(self.augment(photo, rest, seed))


@dataclass(frozen=True)
class EdgeScore:
    """The score of an edge network: the mean Dice of validation photographs' sharpened maps."""

    data: Carvana
    images: Sequence[str]
    read_map: ReadMap
    recipe: Recipe
    accelerator: Accelerator

    def __call__(self, network: nn.Module) -> float:
        """Return the mean Dice at full size."""
        network.eval()
        sharpen = Sharpener(self.recipe, [network], self.accelerator)
        scores = []
        for image in self.images:
            map = sharpen(read_image(self.data.train[image]), self.read_map(image))
            counts = counts_from_runs(rle.map_runs(map), rle.runs(self.data.mask(image)))
            scores.append(dice(counts))
        return sum(scores) / len(scores)
