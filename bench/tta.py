"""Test-time augmentation: views of a photograph, each undone, and their mean probability.

On an accelerator the mean grows to the photograph's size, too, and returns as a map of bytes or as
the runs of its mask.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.resize import Size, fits, grow
from bench.rle import THRESHOLD, Runs, map_runs
from models.blocks import normalise, padded_forward


@dataclass(frozen=True)
class View:
    """A way to look at a photograph that can be undone: at another scale, in a mirror, or both."""

    scale: float = 1.0
    flip: bool = False

    def forward(self, image: Tensor) -> Tensor:
        """The images (B, C, H, W) as this view shows them."""
        if self.scale != 1.0:
            size = [max(1, round(side * self.scale)) for side in image.shape[-2:]]
            image = _resize(image, size)
        return image.flip(-1) if self.flip else image

    def undo(self, result: Tensor, size: Sequence[int]) -> Tensor:
        """A result (B, C, h, w) of this view back on the grid `size` of the images."""
        result = result.flip(-1) if self.flip else result
        return result if result.shape[-2:] == tuple(size) else _resize(result, size)


def _resize(image: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(image, list(size), mode="bilinear", align_corners=False, antialias=True)


def views(scales: Sequence[float], flip: bool) -> list[View]:
    """Every scale, and its mirror image where `flip` asks for it."""
    mirrors = (False, True) if flip else (False,)
    return [View(scale, mirror) for scale in scales for mirror in mirrors]


@torch.inference_mode()
def probabilities(network: nn.Module, images: Tensor, seen: Sequence[View]) -> Tensor:
    """Mean probability over views, merged as probabilities and not as logits.

    The views of one scale, a photograph and its mirror image, are one batch.

    Args:
        network: in evaluation mode.
        images: uint8 (B, 3, H, W) RGB.
        seen: the views to average.

    Returns:
        float32 (B, H, W) in [0, 1].
    """
    ready = normalise(images).contiguous(memory_format=torch.channels_last)
    size = ready.shape[-2:]
    total = torch.zeros(images.shape[0], *size, device=images.device)
    for scale in dict.fromkeys(view.scale for view in seen):
        alike = [view for view in seen if view.scale == scale]
        shown = torch.cat([view.forward(ready) for view in alike])
        found = torch.sigmoid(padded_forward(network, shown).float())
        for view, one in zip(alike, found.chunk(len(alike)), strict=True):
            total += view.undo(one, size)[:, 0]
    return total / len(seen)


def map_of(probability: Tensor, photo: Size) -> NDArray[np.uint8]:
    """`resize.grow` of probabilities, float32 (h, w), where they are: only bytes travel back."""
    if probability.device.type == "cpu":
        return grow(probability.numpy(), photo)
    return grown(probability, photo).cpu().numpy()


def runs_of(probability: Tensor, photo: Size) -> Runs:
    """`rle.map_runs` of that map; from an accelerator nothing but the runs travels back."""
    if probability.device.type == "cpu":
        return map_runs(grow(probability.numpy(), photo))
    return found_runs(grown(probability, photo)).cpu().numpy()


def found_runs(map: Tensor) -> Tensor:
    """As `rle.map_runs`, int64 (N, 2), on the device of the map, uint8 (H, W)."""
    inside = (map.reshape(-1) >= THRESHOLD).to(torch.int8)
    begin, end = F.pad(inside, (1, 1)).diff().nonzero().reshape(-1, 2).unbind(1)
    return torch.stack([begin + 1, end - begin], 1)


def grown(probability: Tensor, photo: Size) -> Tensor:
    """As `resize.grow`, uint8 (H, W), on the device of the probabilities, float32 (h, w)."""
    full = probability[: photo[0], : photo[1]]
    if not fits(photo, (probability.shape[0], probability.shape[1])):
        full = F.interpolate(probability[None, None], photo, mode="bilinear")[0, 0]
    return (full * 255 + 0.5).to(torch.uint8)
