"""An epoch: train on every batch, then score the network on photographs held back from training.

The score chooses the best epoch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bench.config.recipe import Recipe
from bench.data.dataset import DataSet
from bench.data.images import read_image
from bench.masks import rle
from bench.masks.types import ReadMap, Runs, Size
from bench.metrics.overlap import counts_from_runs, dice
from bench.networks.build import train_mode
from bench.networks.edge import Sharpener
from bench.networks.infer import probabilities, runs_of
from bench.networks.tta import View
from bench.system.device import Accelerator
from bench.system.errors import BenchError
from bench.system.threads import prefetch
from bench.training.dataset import Samples
from bench.training.losses import total_loss
from bench.training.optimiser import after_batch
from bench.training.state import State
from models.interface import normalise, padded_forward

# The mean Dice of the validation photographs, of which a network sees so many at once at most.
Score = Callable[[nn.Module, int | None], float]
VALID_BATCH = 8  # photographs that are scored at once
LEAST_SCALE = 1e-4  # of a loss in fp16; below it, gradients overflow whatever the scale (fairseq's)


def train_one_epoch(
    state: State,
    loader: Iterator[tuple[Tensor, Tensor]],
    recipe: Recipe,
    parts: list[int],
    accelerator: Accelerator,
    label: str,
) -> float:
    """Train on the batches of an epoch and return their mean loss.

    A batch goes through the network in micro-batches whose gradients add up to the batch's own, and
    so do those of all ranks; only batch norm sees the micro-batch.

    Args:
        loader: this rank's share of each batch.
        parts: images of each micro-batch of the share.

    Raises:
        BenchError: the loss is not finite, or gradients do not fit into fp16.
    """
    train_mode(state.network, recipe.freeze)
    shared = Shared(state.network, parts, accelerator) if accelerator.ranks > 1 else None
    losses: list[float] = []
    for images, targets in loader:
        split = torch.split(images, parts), torch.split(targets, parts)
        whole = recipe.batch if shared else len(images)
        batch_loss = 0.0
        if shared:
            shared.begin()
        for image, target in zip(*split, strict=True):
            loss = _loss(state.network, image, target, recipe, accelerator)
            share = len(image) / whole * loss
            state.scaler.scale(share).backward()  # type: ignore[no-untyped-call]
            batch_loss += share.item()
        if shared:
            batch_loss = shared.add_up(batch_loss)
        where = f"{label}, batch {len(losses) + 1}"
        _check(batch_loss, state, where)
        _step(state, where)
        losses.append(batch_loss)
    return sum(losses) / len(losses)


def _loss(
    network: nn.Module, image: Tensor, target: Tensor, recipe: Recipe, accelerator: Accelerator
) -> Tensor:
    """Return the loss of a micro-batch: uint8 (B, C, h, w), and targets (B, 1, h, w)."""
    photo = image.to(accelerator.device, non_blocking=True)
    target = target.to(accelerator.device, non_blocking=True)
    image = normalise(photo).contiguous(memory_format=torch.channels_last)
    with accelerator.autocast():
        logits = padded_forward(network, image)
    return total_loss(recipe, logits, target / 255, photo[:, :3] / 255)


class Shared:
    """What ranks add up after each batch, in one message: gradients, loss, running statistics.

    All that learns, and all that batch norms keep, is then what one process has after micro-batches
    of all ranks in their order, but for rounding.
    """

    def __init__(self, network: nn.Module, parts: list[int], accelerator: Accelerator) -> None:
        self._network, self._accelerator, self._mine = network, accelerator, len(parts)
        counts = torch.zeros(accelerator.ranks, dtype=torch.int64)
        counts[accelerator.rank] = len(parts)
        counts = accelerator.sum(counts)
        self._later, self._all = int(counts[accelerator.rank + 1 :].sum()), int(counts.sum())
        self._kept = [  # a statistic, and how much of it is left after a micro-batch
            (statistic, 1 - norm.momentum)
            for norm in network.modules()
            if isinstance(norm, _BatchNorm) and norm.training and norm.momentum
            for statistic in (norm.running_mean, norm.running_var)
            if statistic is not None
        ]

    def begin(self) -> None:
        """Remember the statistics before a batch."""
        self._before = [statistic.clone() for statistic, _ in self._kept]

    def add_up(self, loss: float) -> float:
        """Replace gradients and statistics by those of all ranks; return the sum of the losses."""
        for (statistic, kept), before in zip(self._kept, self._before, strict=True):
            statistic.sub_(kept**self._mine * before).mul_(kept**self._later)
        gradients = [each.grad for each in self._network.parameters() if each.grad is not None]
        total = torch.tensor([loss], device=self._accelerator.device)
        mine = [*gradients, *(statistic for statistic, _ in self._kept), total]
        sums = self._accelerator.sum(torch.cat([each.flatten() for each in mine]))
        for each, part in zip(mine, torch.split(sums, [e.numel() for e in mine]), strict=True):
            each.copy_(part.view_as(each))
        for (statistic, kept), before in zip(self._kept, self._before, strict=True):
            statistic.add_(kept**self._all * before)
        return total.item()


def _check(loss: float, state: State, where: str) -> None:
    if not loss < float("inf"):
        raise BenchError(
            f"{where}: the loss is {loss}; the last epoch's state is kept. Lower `lr` in the "
            f"recipe and train again{', or use --precision fp32' * state.scaler.is_enabled()}"
        )


def _step(state: State, where: str) -> None:
    """Change the weights by a batch's gradients, and all that follows them.

    In fp16 gradients may overflow: their scale is then halved, and the batch changes no weights, so
    that no average follows it, either. The learning rate goes on as the recipe's batches count.
    """
    scale = state.scaler.get_scale()
    state.scaler.step(state.optimiser)
    state.scaler.update()
    state.optimiser.zero_grad()
    after_batch(state.schedule)
    overflow = state.scaler.get_scale() < scale
    if state.average and not overflow:
        state.average.update_parameters(state.network)
    if overflow and state.scaler.get_scale() < LEAST_SCALE:
        raise BenchError(
            f"{where}: gradients overflow in fp16 however small their loss; the last epoch's state "
            "is kept. Use --precision fp32"
        )


@dataclass(frozen=True)
class Validation:
    """Held-back photographs on the network's grid, and their true masks at full size, as runs."""

    samples: Samples  # (N, h, w, 4)
    sizes: list[Size]
    truths: list[Runs]


def validation_set(data: DataSet, valid: Sequence[str], samples: Samples, jobs: int) -> Validation:
    """Return samples of the validation images with their masks at full size."""
    sizes, truths = _true_masks(data, valid, jobs)
    return Validation(samples, sizes, truths)


def _true_masks(data: DataSet, images: Sequence[str], jobs: int) -> tuple[list[Size], list[Runs]]:
    """Return the sizes of images, and their masks as runs."""

    def read(image: str) -> tuple[Size, Runs]:
        mask = data.mask(image)
        return (mask.shape[0], mask.shape[1]), rle.runs(mask)

    sizes, truths = zip(*prefetch(read, images, jobs), strict=True)
    return list(sizes), list(truths)


def evaluate(
    network: nn.Module, max_batch: int | None, validation: Validation, accelerator: Accelerator
) -> float:
    """Return the mean Dice of the validation photographs at full size, without augmentation.

    Several ranks share the batches.

    Args:
        max_batch: photographs of one pass through the network; None: VALID_BATCH.
    """
    network.eval()
    scores = torch.zeros(len(validation.sizes), dtype=torch.float64)
    starts = range(0, len(scores), VALID_BATCH)
    for first in starts[accelerator.rank :: accelerator.ranks]:
        rows = slice(first, first + VALID_BATCH)
        images = torch.from_numpy(validation.samples[rows, ..., :3]).permute(0, 3, 1, 2)
        with accelerator.autocast():
            batch = probabilities(network, images.to(accelerator.device), [View()], max_batch)
        truths = zip(batch, validation.sizes[rows], validation.truths[rows], strict=True)
        found = [
            dice(counts_from_runs(runs_of(probability, size), truth))
            for probability, size, truth in truths
        ]
        scores[rows] = torch.tensor(found, dtype=torch.float64)
    return sum(accelerator.sum(scores).tolist()) / len(scores)


def edge_score(
    data: DataSet,
    valid: Sequence[str],
    read_map: ReadMap,
    recipe: Recipe,
    accelerator: Accelerator,
    jobs: int,
) -> Score:
    """Return the score of an edge network: the mean Dice of sharpened maps at full size."""
    truths = _true_masks(data, valid, jobs)[1]

    def score(network: nn.Module, _: int | None) -> float:
        network.eval()
        sharpen = Sharpener(recipe, [network], accelerator)
        scores = []
        for image, truth in zip(valid, truths, strict=True):
            map = sharpen(read_image(data.train[image]), read_map(image))
            scores.append(dice(counts_from_runs(rle.map_runs(map), truth)))
        return sum(scores) / len(scores)

    return score
