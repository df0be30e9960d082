"""Test-time augmentation: views of a photograph, each undone, and their mean probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from bench.config.recipe import Tta


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


def views(tta: Tta) -> list[View]:
    """The views that a recipe asks for: every scale, and its mirror image where `flip` is set."""
    mirrors = (False, True) if tta.flip else (False,)
    return [View(scale, mirror) for scale in tta.scales for mirror in mirrors]
