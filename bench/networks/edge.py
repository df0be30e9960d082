"""Sharpen a map: an edge network looks at the photograph's own pixels around the map's outline.

The band is all that lies within `reach` pixels of a map's outline. Square tiles cover it; a tile is
shown with a margin as wide as the network can look, so that the map is the same wherever tiles
meet. Outside the band the map stays as it is, to the bit.
"""

from collections.abc import Iterator, Sequence
from typing import cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.config.recipe import Recipe
from bench.masks.resize import as_map
from bench.masks.types import THRESHOLD, Map, Mask, RgbImage, Size
from bench.networks.build import meta_network
from bench.networks.infer import mean_probability
from bench.networks.tta import views
from bench.system.device import Accelerator
from models.interface import margin_of

Seen = NDArray[np.uint8]  # (H, W, 5): red, green, blue, map, and band as 0 or 255
OUTLINE_PX = 4200  # length of a car's outline: of 96 photographs, tiles times their sides


def band_of(map: Map, reach: int) -> Mask:
    """Return the pixels within `reach` pixels of a map's outline, counted along rows and columns.

    A pixel is in the band if the square around it holds both car and background. A map without
    outline has no band.
    """
    square = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    car = (map >= THRESHOLD).view(np.uint8)
    return np.not_equal(cv2.dilate(car, square), cv2.erode(car, square))


def seen_by_edge(photo: RgbImage, map: Map, reach: int) -> Seen:
    """Return all that an edge network sees of a photograph (H, W, 3) and its map (H, W)."""
    return cast(Seen, cv2.merge([photo, map, band_of(map, reach) * np.uint8(255)]))


def window(seen: Seen, top: int, left: int, size: Size) -> Seen:
    """Cut a window of `size` out of an image (H, W, C), whose rows and columns beyond it repeat.

    Some of it lies in the image.
    """
    bottom, right, (height, width) = top + size[0], left + size[1], seen.shape[:2]
    inside = seen[max(0, top) : bottom, max(0, left) : right]
    above, below = max(0, -top), max(0, bottom - height)
    before, behind = max(0, -left), max(0, right - width)
    whole = cv2.copyMakeBorder(inside, above, below, before, behind, cv2.BORDER_REPLICATE)
    return cast(Seen, whole)


class Sharpener:
    """An edge network, or the mean of several, in evaluation mode, that sharpens maps.

    Args:
        recipe: of the edge network.
        networks: on the accelerator's device.
        exact: float32 even where bf16 is faster.
    """

    def __init__(
        self,
        recipe: Recipe,
        networks: Sequence[nn.Module],
        accelerator: Accelerator,
        *,
        exact: bool = False,
    ) -> None:
        self._reach, self._size, self._batch = recipe.reach, recipe.size, recipe.batch
        self._margin = margin_of(meta_network(recipe))
        self._networks, self._views = networks, views(recipe.tta)
        self._accelerator, self._exact = accelerator, exact

    def __call__(self, photo: RgbImage, map: Map) -> Map:
        """Return the sharpened map, uint8 (H, W), of a photograph (H, W, 3) and its map (H, W).

        As many tiles as the recipe's batch are in memory at once.
        """
        seen, sharpened, margin = seen_by_edge(photo, map, self._reach), map.copy(), self._margin
        height, width = self._core
        tiles = list(self._tiles(seen))
        for first in range(0, len(tiles), self._batch):
            some = tiles[first : first + self._batch]
            shown = [window(seen, top - margin, left - margin, self._size) for top, left in some]
            for (top, left), said in zip(some, self._say(np.stack(shown)), strict=True):
                here = np.s_[top : top + height, left : left + width]
                inside = seen[here][..., -1] > 0
                rows, columns = inside.shape
                core = said[margin : margin + rows, margin : margin + columns]
                np.copyto(sharpened[here], as_map(core), where=inside)
        return sharpened

    @property
    def _core(self) -> Size:
        """Return the size of a tile without its margins."""
        return self._size[0] - 2 * self._margin, self._size[1] - 2 * self._margin

    def _tiles(self, seen: Seen) -> Iterator[tuple[int, int]]:
        """Yield the top and left of every tile, without its margin, that holds some of the band."""
        height, width = self._core
        for top in range(0, seen.shape[0], height):
            for left in range(0, seen.shape[1], width):
                if seen[top : top + height, left : left + width, -1].any():
                    yield top, left

    def _say(self, shown: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probabilities (B, h, w) of tiles (B, h, w, 5)."""
        images = torch.from_numpy(shown).permute(0, 3, 1, 2)
        said = mean_probability(
            self._networks,
            images,
            self._views,
            self._accelerator,
            max_batch=self._batch,
            exact=self._exact,
        )
        return said.cpu().numpy()


def typical_tiles(recipe: Recipe) -> int:
    """Return about how many tiles a photograph of a car has; 1 where the network is no edge's."""
    if recipe.edge is None:
        return 1
    side = min(recipe.size) - 2 * margin_of(meta_network(recipe))
    return max(1, round(OUTLINE_PX / side))
