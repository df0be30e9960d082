"""Loss terms that a recipe names with factors; each is the mean over the images of a batch."""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.config import Loss

FOCUS = 2.0  # gamma of the focal loss, Lin et al. 2017


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy. Both (B, 1, H, W); the target in [0, 1] may be soft."""
    return F.binary_cross_entropy_with_logits(logits, target)


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy weighted by |target - p|**gamma, so that easy pixels count little.

    Source: Lin et al. 2017, equation 4 with alpha = 1, in the form that allows soft targets.
    """
    error = (target - torch.sigmoid(logits)).abs()
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (error**FOCUS * entropy).mean()


def mse(logits: Tensor, target: Tensor) -> Tensor:
    """Mean squared error of probabilities."""
    return F.mse_loss(torch.sigmoid(logits), target)


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice of each image, then the mean over images; an empty target costs no NaN.

    Source: Heitzinger and Kampel 2020, equation 2.
    """
    probability = torch.sigmoid(logits).flatten(1)
    target = target.flatten(1)
    overlap = (probability * target).sum(1)
    total = probability.sum(1) + target.sum(1)
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


TERMS: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": bce,
    "focal": focal,
    "mse": mse,
    "soft_dice": soft_dice,
}


def total_loss(factors: Mapping[Loss, float], logits: Tensor, target: Tensor) -> Tensor:
    """The sum of a recipe's terms, each times its factor, in fp32.

    Args:
        factors: name in TERMS -> factor.
        logits, target: (B, 1, H, W); target in [0, 1].
    """
    logits, target = logits.float(), target.float()
    terms = [factor * TERMS[name](logits, target) for name, factor in factors.items()]
    return torch.stack(terms).sum()
