"""Test-time augmentation: views of a photograph, each undone, and their mean probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

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
def probabilities(
    network: nn.Module, images: Tensor, seen: Sequence[View], most: int | None = None
) -> Tensor:
    """Mean probability over views, merged as probabilities and not as logits.

    The views of one scale, photographs and their mirror images, go through the network together.

    Args:
        network: in evaluation mode.
        images: uint8 (B, 3, H, W) RGB.
        seen: the views to average.
        most: images of one pass; None: all.

    Returns:
        float32 (B, H, W) in [0, 1].
    """
    ready = normalise(images).contiguous(memory_format=torch.channels_last)
    size = ready.shape[-2:]
    total = torch.zeros(images.shape[0], *size, device=images.device)
    for scale in dict.fromkeys(view.scale for view in seen):
        alike = [view for view in seen if view.scale == scale]
        shown = torch.cat([view.forward(ready) for view in alike])
        passes = [
            padded_forward(network, some).float() for some in torch.split(shown, most or len(shown))
        ]
        found = torch.sigmoid(torch.cat(passes))
        for view, one in zip(alike, found.chunk(len(alike)), strict=True):
            total += view.undo(one, size)[:, 0]
    return total / len(seen)
