"""A network run over a batch of photographs: the mean probability of its views."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from bench.networks.tta import View
from models.interface import normalise, padded_forward


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


def mean_probability(
    networks: Sequence[nn.Module],
    images: Tensor,
    seen: Sequence[View],
    accelerator: Accelerator,
    *,
    most: int | None = None,
    exact: bool = False,
) -> Tensor:
    """float32 (B, H, W) in [0, 1], on the accelerator, of uint8 images (B, 3, H, W).

    Args:
        most: images of one pass, mirror images among them; None: all.
        exact: float32 even where bf16 is faster.
    """
    images = images.to(accelerator.device)
    with nullcontext() if exact else accelerator.autocast():
        found = [probabilities(network, images, seen, most) for network in networks]
    return torch.stack(found).mean(0)
