"""Sharpen a map: an edge network looks at the photograph's own pixels around the map's outline.

The band is all that lies within `reach` pixels of a map's outline. Strips cover it, as high as the
recipe's tiles without their margins; a strip is shown with a margin as wide as the network can
look, so that the map is the same wherever strips meet. Outside the band the map stays as it is, to
the bit.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple, cast

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
from bench.system.threads import batched
from models.interface import margin_of, stride_of, takes_one_size

Seen = NDArray[np.uint8]  # (H, W, 5): red, green, blue, map, and band as 0 or 255
MOST_CORES = 8  # side by side in a strip; strips of few lengths are fast, and share batches
OUTLINE_PX, USUAL_CORES = 3900, 2.8  # of a car's strips: their lengths together, and cores of one


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


class Strip(NamedTuple):
    """A piece of the band: as high as a tile's core, and as wide as some cores side by side."""

    cores: int
    top: int
    left: int


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
        plan = meta_network(recipe)
        self._reach, self._margin, self._stride = recipe.reach, margin_of(plan), stride_of(plan)
        self._core = _core(recipe.size, self._margin)
        self._batch_width = recipe.batch * recipe.size[1]
        room = self._batch_width - 2 * self._margin
        self._longest = min(MOST_CORES, room // self._core[1])
        if accelerator.device.type != "cpu" or any(map(takes_one_size, networks)):
            self._longest = 1  # for each size, a GPU tries anew which way is fastest
        self._networks, self._views = networks, views(recipe.tta)
        self._accelerator, self._exact = accelerator, exact

    def __call__(self, photo: RgbImage, map: Map) -> Map:
        """Return the sharpened map, uint8 (H, W), of a photograph (H, W, 3) and its map (H, W).

        As many pixels as the recipe's batch has are in memory at once.
        """
        seen, sharpened, margin = seen_by_edge(photo, map, self._reach), map.copy(), self._margin
        for strips in self._batches(seen):
            for (cores, top, left), said in zip(strips, self._say(seen, strips), strict=True):
                here = np.s_[top : top + self._core[0], left : left + cores * self._core[1]]
                inside = seen[here][..., -1] > 0
                rows, columns = inside.shape
                core = said[margin : margin + rows, margin : margin + columns]
                np.copyto(sharpened[here], as_map(core), where=inside)
        return sharpened

    def _batches(self, seen: Seen) -> Iterator[list[Strip]]:
        """Yield strips of one length, together no more pixels than the recipe's batch."""
        for cores, strips in groupby(self._strips(seen), lambda strip: strip.cores):
            yield from batched(strips, self._batch_width // self._shown(cores)[1])

    def _shown(self, cores: int) -> Size:
        """Return the size of a strip with its margins."""
        return self._core[0] + 2 * self._margin, cores * self._core[1] + 2 * self._margin

    def _strips(self, seen: Seen) -> list[Strip]:
        """Return strips that cover the band, the shortest first.

        Parts of the band that are nearer to each other than two margins share a strip.
        """
        strips, (height, width) = [], self._core
        for top in range(0, seen.shape[0], height):
            columns = np.flatnonzero(seen[top : top + height, :, -1].any(axis=0))
            for part in np.split(columns, np.flatnonzero(np.diff(columns) > 2 * self._margin) + 1):
                if not len(part):
                    continue
                first, last = int(part[0]) // self._stride * self._stride, int(part[-1])
                lefts = range(first, last + 1, width)
                strips += [
                    Strip(min(self._longest, len(lefts) - k), top, lefts[k])
                    for k in range(0, len(lefts), self._longest)
                ]
        return sorted(strips)

    def _say(self, seen: Seen, strips: Sequence[Strip]) -> NDArray[np.float32]:
        """Return the probabilities (B, h, w) of strips of one length, margins included."""
        margin, size = self._margin, self._shown(strips[0].cores)
        shown = [window(seen, top - margin, left - margin, size) for _, top, left in strips]
        said = mean_probability(
            self._networks,
            torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2),
            self._views,
            self._accelerator,
            max_batch=len(strips),
            exact=self._exact,
        )
        return said.cpu().numpy()


def _core(size: Size, margin: int) -> Size:
    """Return the size of a tile without its margins."""
    return size[0] - 2 * margin, size[1] - 2 * margin


def typical_tiles(recipe: Recipe) -> int:
    """Return about how many tiles' pixels a car's strips have; 1 where the network is no edge's.

    Fitted to strips of many cores, as on a CPU, and square tiles of 96 to 512 pixels.
    """
    if recipe.edge is None:
        return 1
    margin = margin_of(meta_network(recipe))
    strips = OUTLINE_PX / (USUAL_CORES * _core(recipe.size, margin)[0])
    return max(1, round((OUTLINE_PX + strips * 2 * margin) / recipe.size[1]))
