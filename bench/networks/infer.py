"""Run networks over a batch of photographs: the mean probability over their views."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from bench.networks.tta import View
from bench.system.device import Accelerator
from models.interface import normalise, padded_forward


@torch.inference_mode()
def probabilities(
    network: nn.Module, images: Tensor, views: Sequence[View], max_batch: int | None = None
) -> Tensor:
    """Return the mean probability over views, merged as probabilities and not as logits.

    Views of one shape, such as a photograph and its mirror image, go through the network together.

    Args:
        network: in evaluation mode.
        images: uint8 (B, 3, H, W) RGB.
        views: the views to average.
        max_batch: images of one pass through the network; None: all.

    Returns:
        float32 (B, H, W) in [0, 1].
    """
    photographs = normalise(images).contiguous(memory_format=torch.channels_last)
    size = photographs.shape[-2:]
    total = torch.zeros(images.shape[0], *size, device=images.device)
    by_shape: dict[torch.Size, list[tuple[View, Tensor]]] = {}
    for view in views:
        shown = view.forward(photographs)
        by_shape.setdefault(shown.shape, []).append((view, shown))
    for group in by_shape.values():
        together = torch.cat([shown for _, shown in group])
        logits = [
            padded_forward(network, batch).float()
            for batch in torch.split(together, max_batch or len(together))
        ]
        chunks = torch.sigmoid(torch.cat(logits)).chunk(len(group))
        for (view, _), probability in zip(group, chunks, strict=True):
            total += view.undo(probability, size)[:, 0]
    return total / len(views)


def mean_probability(
    networks: Sequence[nn.Module],
    images: Tensor,
    views: Sequence[View],
    accelerator: Accelerator,
    *,
    max_batch: int | None = None,
    exact: bool = False,
) -> Tensor:
    """Return the mean probability over networks and views, on the accelerator.

    Args:
        images: uint8 (B, 3, H, W) RGB.
        max_batch: images of one pass, mirror images among them; None: all.
        exact: float32 even where half precision is faster.

    Returns:
        float32 (B, H, W) in [0, 1].
    """
    images = images.to(accelerator.device)
    with nullcontext() if exact else accelerator.autocast():
        each = [probabilities(network, images, views, max_batch) for network in networks]
    return torch.stack(each).mean(0)
