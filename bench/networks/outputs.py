"""Probabilities of a network, on any device, as maps of photographs or as the runs of their masks.

On an accelerator they grow, are rounded and cut there, so that only bytes or runs travel back. The
CPU's own way, in resize.py and rle.py, says what is to come out.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from bench.masks.resize import fits, grow
from bench.masks.rle import map_runs
from bench.masks.types import THRESHOLD, Runs, Size


def map_of(probability: Tensor, photo: Size) -> NDArray[np.uint8]:
    """`resize.grow` of probabilities, float32 (h, w), where they are: only bytes travel back."""
    if probability.device.type == "cpu":
        return grow(probability.numpy(), photo)
    return grown(probability, photo).cpu().numpy()


def runs_of(probability: Tensor, photo: Size) -> Runs:
    """`rle.map_runs` of that map; from an accelerator nothing but the runs travels back."""
    if probability.device.type == "cpu":
        return map_runs(map_of(probability, photo))
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
