"""VGG-16 as SegNet uses it: batch norm after each convolution, and pooling that can be undone."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.blocks import convolutions
from models.encoders import build_encoder

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
PRETRAINED_STAGES = 4  # of the five: the first ten convolutions


class PoolingEncoder(nn.Module):
    """The thirteen convolutions of VGG-16 in five stages, each followed by 2x2 max pooling.

    Input   (B, channels, H, W); H and W are multiples of 32.
    Output  the deepest map (B, 512, H/32, W/32), each stage's map before its pooling, and the
            indices of the maxima in it, both from fine to coarse.
    """

    def __init__(self, *, channels: int, pretrained: bool) -> None:
        super().__init__()
        before = (channels, *(widths[-1] for widths in WIDTHS))
        self.stages = nn.ModuleList(map(convolutions, before, WIDTHS))
        if pretrained:
            fill_from_vgg16(self.stages[:PRETRAINED_STAGES])

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Return the deepest map, the maps before pooling, and the indices of their maxima."""
        maps, places = [], []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
            x, indices = F.max_pool2d(x, 2, return_indices=True)
            places.append(indices)
        return x, maps, places


def unpool(x: Tensor, indices: Tensor) -> Tensor:
    """Double height and width: each value goes where its maximum was, zeros elsewhere."""
    return F.max_unpool2d(x, indices, (2, 2))


def fill_from_vgg16(stages: Iterable[nn.Module]) -> None:
    """Give the first convolutions of each stage the ImageNet weights of the same stage of VGG-16.

    Input channels beyond those of VGG-16 keep their random weights.

    Raises:
        MissingWeights: VGG-16's weights are neither on this machine nor on the hub.
    """
    pretrained = iter(_convolutions(build_encoder("vgg16", pretrained=True)))
    for stage, widths in zip(stages, WIDTHS, strict=False):
        sources = [next(pretrained) for _ in widths]
        for own, source in zip(_convolutions(stage), sources, strict=False):
            (weight, bias), (source_weight, source_bias) = own.parameters(), source.parameters()
            with torch.no_grad():
                weight[:, : source.in_channels] = source_weight
                bias.copy_(source_bias)


def _convolutions(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]
