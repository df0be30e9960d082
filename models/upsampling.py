"""Nearest-neighbour upsampling and the 3x3 convolution after it, in less than half the operations.

Upsampling repeats each pixel 2x2 times, so a 3x3 kernel meets only 2x2 different ones. Both
together are a transposed convolution: 16 products for each pixel before upsampling in place of 36.
"""

from typing import Any

import torch
import torch.nn.functional as F
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock
from segmentation_models_pytorch.decoders.unetplusplus.decoder import DecoderBlock
from torch import Tensor, nn

from models.blocks import split_by_input
from models.exchange import exchange
from models.kernel_gradients import Geometry, convolve

# For fewer pixels, making the kernel takes longer than it saves in small batches.
LEAST_PIXELS, LEAST_PIXELS_IN_HALF = 90, 500  # in float32, and in bf16
DOUBLED = Geometry(stride=(2, 2), padding=(1, 1), transposed=True)
SAME_SIZE = Geometry(padding=(1, 1))


def convolve_upsampled(
    layers: nn.Sequential, image: Tensor, skip: Tensor | None = None, kernel: Tensor | None = None
) -> Tensor:
    """Return what layers make of an image of doubled height and width, joined by a skip.

    Args:
        layers: a 3x3 convolution that keeps height and width, and what follows it.
        image: (B, C, H, W), doubled by nearest neighbour.
        skip: (B, D, 2H, 2W), joined as further channels; None: nothing.
        kernel: what `doubling_kernel` made of the convolution's; None: it is made here.

    Returns:
        (B, E, 2H, 2W), as if the image were doubled and joined first, but for rounding.
    """
    of_image, of_skip, bias, others = split_by_input(layers, image.shape[1])
    if kernel is None:
        kernel = doubling_kernel(of_image)
    result = convolve(image, kernel, bias, DOUBLED)
    if skip is not None:
        result = result + convolve(skip, of_skip, None, SAME_SIZE)
    for layer in others:
        result = layer(result)
    return result


def doubling_kernel(weight: Tensor) -> Tensor:
    """Return the transposed convolution's kernel (C, E, 4, 4) for a convolution's (E, C, 3, 3).

    Its elements are sums of those that meet the same pixel.
    """
    turned = weight.flip(2, 3)
    rows = F.pad(turned, (0, 0, 0, 1)) + F.pad(turned, (0, 0, 1, 0))
    return (F.pad(rows, (0, 1)) + F.pad(rows, (1, 0))).transpose(0, 1)


class _UNetBlock(UnetDecoderBlock):
    def forward(
        self,
        feature_map: Tensor,
        target_height: int,
        target_width: int,
        skip_connection: Tensor | None = None,
    ) -> Tensor:
        doubled = tuple(2 * side for side in feature_map.shape[2:])
        if _pays(feature_map) and (target_height, target_width) == doubled:
            return _block(self, feature_map, skip_connection)
        return super().forward(feature_map, target_height, target_width, skip_connection)


class _UNetPlusPlusBlock(DecoderBlock):
    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        return _block(self, x, skip) if _pays(x) else super().forward(x, skip)


def _pays(image: Tensor) -> bool:
    """Whether the fast way is faster; the same for a photograph whatever others are beside it."""
    if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return True  # OpenVINO makes the kernel once
    least = LEAST_PIXELS_IN_HALF if torch.is_autocast_enabled("cpu") else LEAST_PIXELS
    height, width = image.shape[2:]
    return image.device.type == "cpu" and height * width >= least


def _block(block: Any, image: Tensor, skip: Tensor | None) -> Tensor:
    kernel = _kept_kernel(block, image.shape[1]) if hasattr(block, "kernels") else None
    result = block.conv2(convolve_upsampled(block.conv1, image, skip, kernel))
    return block.attention2(result)


def _kept_kernel(block: Any, channels: int) -> Tensor:
    """Return a block's kernel in the precision of now, made for the first image in it."""
    weight = block.conv1[0].weight.detach()
    in_half = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if in_half else weight.dtype
    if dtype not in block.kernels:
        with torch.inference_mode(False):  # so that it also serves outside
            kernel = doubling_kernel(weight[:, :channels]).to(dtype)
            block.kernels[dtype] = kernel.contiguous(memory_format=torch.channels_last)
    kept: Tensor = block.kernels[dtype]
    return kept


FAST: dict[type[nn.Module], type[nn.Module]] = {
    UnetDecoderBlock: _UNetBlock,
    DecoderBlock: _UNetPlusPlusBlock,
}


def make_upsampling_fast(network: nn.Module) -> nn.Module:
    """Have the blocks of U-Nets and U-Net++s use `convolve_upsampled`; return the network.

    Those with attention before their convolutions stay as they are.
    """
    return exchange(network, FAST, _fits)


def keep_kernels(network: nn.Module) -> nn.Module:
    """Have fast blocks make their kernels only once, as their weights are now; return the network.

    For predictions, where weights no longer change.
    """
    fast = tuple(FAST.values())
    blocks: list[Any] = [module for module in network.modules() if isinstance(module, fast)]
    for block in blocks:
        block.kernels = {}
    return network


def _fits(block: Any) -> bool:
    return (
        block.interpolation_mode == "nearest"
        and block.conv1 is not None
        and isinstance(block.attention1.attention, nn.Identity)
    )
