"""Train on the batches of an epoch: gradients of micro-batches that add up, one step a batch."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from bench.config.recipe import Recipe
from bench.networks.build import train_mode
from bench.system.device import Accelerator
from bench.system.errors import BenchError
from bench.training.losses import total_loss
from bench.training.optimiser import after_batch
from bench.training.state import State
from models.interface import normalise, padded_forward

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

    A batch goes through the network in micro-batches whose gradients add up to the batch's own;
    only batch norm sees the micro-batch, as it does on several devices.

    Args:
        parts: images of each micro-batch of a batch.

    Raises:
        BenchError: the loss is not finite, or gradients do not fit into fp16.
    """
    train_mode(state.network, recipe.freeze)
    losses: list[float] = []
    for images, targets in loader:
        split = torch.split(images, parts), torch.split(targets, parts)
        batch_loss = 0.0
        for image, target in zip(*split, strict=True):
            loss = _loss(state.network, image, target, recipe, accelerator)
            share = len(image) / len(images) * loss
            state.scaler.scale(share).backward()  # type: ignore[no-untyped-call]
            batch_loss += share.item()
        where = f"{label}, batch {len(losses) + 1}"
        _check(batch_loss, state, where)
        _step(state, where)
        losses.append(batch_loss)
    return sum(losses) / len(losses)


def _loss(
    network: nn.Module, image: Tensor, target: Tensor, recipe: Recipe, accelerator: Accelerator
) -> Tensor:
    """Return the loss of a micro-batch: uint8 (B, 3, h, w), and targets (B, 1, h, w)."""
    photo = image.to(accelerator.device, non_blocking=True)
    target = target.to(accelerator.device, non_blocking=True)
    image = normalise(photo).contiguous(memory_format=torch.channels_last)
    with accelerator.autocast():
        logits = padded_forward(network, image)
    return total_loss(recipe, logits, target / 255, photo / 255)


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
