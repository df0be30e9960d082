"""Run networks over a batch of photographs: the mean probability over their views.

Probabilities become uint8 maps or runs on the device they are on, so that only bytes or runs travel
back from an accelerator. What the CPU computes, in resize.py and rle.py, defines the result.
"""

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.masks.resize import fits, grow
from bench.masks.rle import map_runs
from bench.masks.types import THRESHOLD, Runs, Size
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
        images: uint8 (B, C, H, W): RGB, and what else the network sees.
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
        images: uint8 (B, C, H, W): RGB, and what else the network sees.
        max_batch: images of one pass, mirror images among them; None: all.
        exact: float32 even where half precision is faster.

    Returns:
        float32 (B, H, W) in [0, 1].
    """
    images = images.to(accelerator.device)
    with nullcontext() if exact else accelerator.autocast():
        each = [probabilities(network, images, views, max_batch) for network in networks]
    return torch.stack(each).mean(0)


def map_of(probability: Tensor, photo: Size) -> NDArray[np.uint8]:
    """Return the map, uint8 (H, W), of probabilities, float32 (h, w), as `resize.grow` does."""
    if probability.device.type == "cpu":
        return grow(probability.numpy(), photo)
    return grow_on_device(probability, photo).cpu().numpy()


def runs_of(probability: Tensor, photo: Size) -> Runs:
    """Return the runs, int64 (N, 2), of the map of probabilities, as `rle.map_runs` does."""
    if probability.device.type == "cpu":
        return map_runs(map_of(probability, photo))
    return map_runs_on_device(grow_on_device(probability, photo)).cpu().numpy()


def map_runs_on_device(map: Tensor) -> Tensor:
    """Return the runs, int64 (N, 2), of a map, uint8 (H, W), on its device, as `rle.map_runs`."""
    inside = (map.reshape(-1) >= THRESHOLD).to(torch.int8)
    begin, end = F.pad(inside, (1, 1)).diff().nonzero().reshape(-1, 2).unbind(1)
    return torch.stack([begin + 1, end - begin], 1)


def grow_on_device(probability: Tensor, photo: Size) -> Tensor:
    """Return `resize.grow` of probabilities, float32 (h, w), on their device: uint8 (H, W)."""
    full = probability[: photo[0], : photo[1]]
    if not fits(photo, (probability.shape[0], probability.shape[1])):
        full = F.interpolate(probability[None, None], photo, mode="bilinear")[0, 0]
    return (full * 255 + 0.5).to(torch.uint8)
