"""Test-time augmentation: views of a photograph, each undone, and their mean probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from bench.config.recipe import Tta


@dataclass(frozen=True)
class View:
    """A change of a photograph that can be undone: another scale, the mirror image, or both."""

    scale: float = 1.0
    flip: bool = False

    def forward(self, image: Tensor) -> Tensor:
        """Return the images (B, C, H, W) as this view shows them."""
        if self.scale != 1.0:
            size = [max(1, round(side * self.scale)) for side in image.shape[-2:]]
            image = _resize(image, size)
        return image.flip(-1) if self.flip else image

    def undo(self, result: Tensor, size: Sequence[int]) -> Tensor:
        """Return a result (B, C, h, w) for this view on the images' own grid, of `size`."""
        result = result.flip(-1) if self.flip else result
        return result if result.shape[-2:] == tuple(size) else _resize(result, size)


def _resize(image: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(image, list(size), mode="bilinear", align_corners=False, antialias=True)


def views(tta: Tta) -> list[View]:
    """Return the views that a recipe averages: every scale, each with its mirror image if `flip`.

    >>> views(Tta(flip=True, scales=(1.0, 1.5)))[1:3]
    [View(scale=1.0, flip=True), View(scale=1.5, flip=False)]
    """
    mirrors = (False, True) if tta.flip else (False,)
    return [View(scale, mirror) for scale in tta.scales for mirror in mirrors]
