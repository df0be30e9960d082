"""What every network shares: its input, its stride and its count of parameters."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's red, green and blue


def padded_forward(network: nn.Module, image: Tensor) -> Tensor:
    """Run a network on images of any size: pad to its stride, compute, crop.

    Args:
        network: maps (B, C, H, W) to (B, 1, H, W) and declares `stride`.
        image: (B, C, H, W); the last row and column are repeated to fill the padding, so that no
            artificial edge appears.

    Returns:
        (B, 1, H, W) logits.

    Raises:
        ValueError: the network returns anything but one logit a pixel.
    """
    height, width = image.shape[-2:]
    shown = padded(image, stride_of(network))
    logits: Tensor = network(shown)
    if not isinstance(logits, Tensor):
        raise ValueError(f"it returns no tensor of logits but a {type(logits).__name__}")
    asked = torch.Size((len(shown), 1, *shown.shape[-2:]))
    if logits.shape != asked:
        raise ValueError(f"it returns logits of {list(logits.shape)} in place of {list(asked)}")
    return logits[..., :height, :width]


def padded(image: Tensor, stride: int) -> Tensor:
    """Repeat the last row and column of images (B, C, H, W) until `stride` divides H and W."""
    below, right = -image.shape[-2] % stride, -image.shape[-1] % stride
    return F.pad(image, (0, right, 0, below), mode="replicate") if below or right else image


def stride_of(network: nn.Module) -> int:
    """Return the number that must divide the height and width of a network's images."""
    return cast(int, network.stride)


def channels_of(network: nn.Module) -> int:
    """Return the number of a network's input channels: 3, or what it declares as `channels`."""
    return cast(int, getattr(network, "channels", 3))


def margin_of(network: nn.Module) -> int:
    """Return how many pixels around a tile an edge network has to see, to say the tile's logits."""
    return cast(int, network.margin)


def takes_one_size(network: nn.Module) -> bool:
    """Whether a network takes images of one size alone, as some do that were converted."""
    return cast(bool, getattr(network, "one_size", False))


def parameter_count(network: nn.Module) -> int:
    """Return the number of parameters, trainable or frozen; buffers are not counted."""
    return sum(parameter.numel() for parameter in network.parameters())


def normalise(image: Tensor) -> Tensor:
    """Scale uint8 RGB photographs (B, 3, H, W) to float32 by ImageNet's mean and deviation.

    Channels beyond the third are maps: they are scaled to [0, 1].
    """
    mean = torch.tensor(MEAN, device=image.device).view(3, 1, 1)
    deviation = torch.tensor(DEVIATION, device=image.device).view(3, 1, 1)
    scaled = image.float() / 255
    photo = (scaled[:, :3] - mean) / deviation
    return torch.cat([photo, scaled[:, 3:]], dim=1) if image.shape[1] > 3 else photo
