"""Turn a network's probabilities into uint8 maps or into runs, on the device they are on.

So only bytes or runs travel back from an accelerator. What the CPU computes, in resize.py and
rle.py, defines the result.
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
