"""Score a network on photographs held back from training; the score chooses the best epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from bench.data.carvana import Carvana
from bench.masks import rle
from bench.masks.types import Runs, Size
from bench.metrics.overlap import counts_from_runs, dice
from bench.networks.infer import probabilities
from bench.networks.outputs import runs_of
from bench.networks.tta import View
from bench.system.device import Accelerator
from bench.training.dataset import Samples

BATCH = 8


@dataclass(frozen=True)
class Validation:
    """Held-back photographs on the network's grid, and their true masks at full size, as runs."""

    samples: Samples  # (N, h, w, 4)
    sizes: list[Size]
    truths: list[Runs]


def validation_set(data: Carvana, valid: Sequence[str], samples: Samples) -> Validation:
    """Return samples of the validation images with their masks at full size."""
    masks = [data.mask(image) for image in valid]
    sizes = [(mask.shape[0], mask.shape[1]) for mask in masks]
    return Validation(samples, sizes, [rle.runs(mask) for mask in masks])


def evaluate(network: nn.Module, validation: Validation, accelerator: Accelerator) -> float:
    """Return the mean Dice of the validation photographs at full size, without augmentation."""
    network.eval()
    scores = []
    for first in range(0, len(validation.sizes), BATCH):
        rows = slice(first, first + BATCH)
        images = torch.from_numpy(validation.samples[rows, ..., :3]).permute(0, 3, 1, 2)
        with accelerator.autocast():
            batch = probabilities(network, images.to(accelerator.device), [View()])
        sizes, truths = validation.sizes[rows], validation.truths[rows]
        for probability, size, truth in zip(batch, sizes, truths, strict=True):
            scores.append(dice(counts_from_runs(runs_of(probability, size), truth)))
    return sum(scores) / len(scores)
