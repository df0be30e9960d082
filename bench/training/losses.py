"""Loss terms that a recipe names with factors, and the maps that weigh its pixels.

Terms take logits and targets (B, 1, H, W); targets lie in [0, 1] and may be soft. Weight maps are
made of targets and photographs alone, so no gradient flows through them.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.config.recipe import Loss, PixelWeight, Recipe

FOCUS = 2.0  # gamma of the focal loss, Lin et al. 2017
EDGE = 1e-3  # squared gradient of three channels that each change by 5 / 255 a pixel: no edge yet


def gradient(y: Tensor, sigma: float) -> Tensor:
    """Return the gradient of every channel, smoothed by a Gaussian: change in value per pixel.

    Two passes of one-dimensional kernels; a ramp of slope 1 has gradient 1, whatever `sigma`. The
    border is repeated outwards, so a constant has gradient 0 everywhere.

    Args:
        y: (B, C, H, W); half precision is raised to fp32, also under autocast.
        sigma: of the Gaussian, in pixels; kernels span 2 sigma to either side.

    Returns:
        (B, 2C, H, W): down and right of the first channel, down and right of the second, ...

    Source: Heitzinger and Kampel 2020, notation of section 4.
    """
    smooth, derive = _kernels(sigma)
    reach = len(smooth) // 2
    y = F.pad(_precise(y), (reach, reach, reach, reach), mode="replicate")
    down = _correlate(_correlate(y, smooth, dim=3), derive, dim=2)
    right = _correlate(_correlate(y, derive, dim=3), smooth, dim=2)
    return torch.stack([down, right], dim=2).flatten(1, 2)


def _kernels(sigma: float) -> tuple[list[float], list[float]]:
    """Return a Gaussian of sum 1, and its derivative, which maps a ramp to its slope."""
    reach = max(1, int(2 * sigma))
    at = torch.arange(-reach, reach + 1, dtype=torch.float64)
    density = torch.exp(-(at**2) / (2 * sigma**2))
    derivative = at * density / (at**2 * density).sum()
    return (density / density.sum()).tolist(), derivative.tolist()


def _correlate(y: Tensor, kernel: Sequence[float], dim: int) -> Tensor:
    """Return the sum of shifted copies of `y` times the kernel's weights; `dim` gets shorter.

    Sums and products keep fp32 where a convolution would fall to half precision or TF32.
    """
    length = y.shape[dim] - len(kernel) + 1
    shifted = (weight * y.narrow(dim, shift, length) for shift, weight in enumerate(kernel))
    return sum(shifted, start=y.new_zeros(()))


def _precise(y: Tensor) -> Tensor:
    return y.to(torch.promote_types(y.dtype, torch.float32))


def median_frequency_weights(t: Tensor) -> Tensor:
    """Return weights (B, 1, H, W) by which car and background each weigh N / 2 in an image.

    A soft pixel takes part in both classes; where an image lacks a class, the other weighs 1 / 2.
    The paper's other form, one pair of weights for the data set, is not offered: how much of a
    photograph a car fills depends on its view.

    Source: Heitzinger and Kampel 2020, equation 4, N being the number of pixels.
    """
    t = _precise(t)
    tiny = torch.finfo(t.dtype).tiny
    shares = [side / side.sum((2, 3), keepdim=True).clamp_min(tiny) for side in (t, 1 - t)]
    return t[0].numel() / 2 * (shares[0] + shares[1])


def boundary_weights(t: Tensor, sigma: float, c: float = 5) -> Tensor:
    """Return weights (B, 1, H, W) that grow towards the contour: 1 + c |gradient of t|^2.

    Source: Heitzinger and Kampel 2020, section 4, boundary proximity.
    """
    return 1 + c * _steepness(t, sigma)


def gradient_ratio_weights(t: Tensor, x: Tensor, sigma: float, c: float = 0.1) -> Tensor:
    """Return weights (B, 1, H, W) that grow where the contour crosses a place without an edge.

    1 + c |gradient of t|^2 / (|gradient of x|^2 + EDGE), the norm of x over all its channels. The
    ratio compares like with like only while target and photograph both reach from 0 to 1.

    Args:
        x: photographs (B, 3, H, W) in [0, 1], not normalised.

    Source: Heitzinger and Kampel 2020, section 4, gradient ratio; EDGE is ours.
    """
    return 1 + c * _steepness(t, sigma) / (_steepness(x, sigma) + EDGE)


def _steepness(y: Tensor, sigma: float) -> Tensor:
    """Return the squared norm of the gradient over all channels, (B, 1, H, W)."""
    return gradient(y, sigma).square().sum(1, keepdim=True)


def bce(logits: Tensor, target: Tensor) -> Tensor:
    """Return the binary cross-entropy of each pixel."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def focal(logits: Tensor, target: Tensor) -> Tensor:
    """Return each pixel's cross-entropy times |target - p|**gamma: easy pixels count little.

    Source: Lin et al. 2017, equation 4 with alpha = 1, in the form that allows soft targets.
    """
    return (target - torch.sigmoid(logits)).abs() ** FOCUS * bce(logits, target)


def mse(logits: Tensor, target: Tensor) -> Tensor:
    """Return the squared error of each pixel's probability."""
    return (torch.sigmoid(logits) - target) ** 2


def soft_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Return the mean over images of 1 - soft Dice; an empty target gives no NaN.

    Source: Heitzinger and Kampel 2020, equation 2.
    """
    probability = torch.sigmoid(logits).flatten(1)
    target = target.flatten(1)
    overlap = (probability * target).sum(1)
    total = probability.sum(1) + target.sum(1)
    return (1 - (2 * overlap + 1) / (total + 1)).mean()


def gradient_loss(logits: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Return the mean squared error between the gradients of probability and target.

    A constant shift of the probabilities costs nothing, so it needs another term beside it.

    Source: Heitzinger and Kampel 2020, equation 5.
    """
    return gradient(torch.sigmoid(logits) - target, sigma).square().mean()


PIXEL_TERMS: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "bce": bce,
    "focal": focal,
    "mse": mse,
}


def total_loss(recipe: Recipe, logits: Tensor, target: Tensor, photo: Tensor) -> Tensor:
    """Return the sum of a recipe's terms, each times its factor, in fp32.

    A pixel term is the mean over pixels and images, each pixel times the product of the recipe's
    `pixel_weights`; the other terms are not weighed.

    Args:
        logits, target: (B, 1, H, W); target in [0, 1].
        photo: (B, 3, H, W) in [0, 1], not normalised.
    """
    logits, target = _precise(logits), _precise(target)
    weights = pixel_weights(recipe.pixel_weights, target, photo, recipe.gradient_sigma)

    def term(name: Loss) -> Tensor:
        if name == "soft_dice":
            return soft_dice(logits, target)
        if name == "gradient":
            return gradient_loss(logits, target, recipe.gradient_sigma)
        return (weights * PIXEL_TERMS[name](logits, target)).mean()

    return torch.stack([factor * term(name) for name, factor in recipe.loss.items()]).sum()


def pixel_weights(
    names: Sequence[PixelWeight], target: Tensor, photo: Tensor, sigma: float
) -> Tensor:
    """Return the product of the named weight maps, (B, 1, H, W); a single 1 if none is named."""
    weights = torch.ones((), device=target.device)
    for name in names:
        if name == "median_frequency":
            weights = weights * median_frequency_weights(target)
        elif name == "boundary":
            weights = weights * boundary_weights(target, sigma)
        else:
            weights = weights * gradient_ratio_weights(target, photo, sigma)
    return weights
