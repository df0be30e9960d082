"""Depthwise convolutions with a stride, whose training on a CPU is otherwise slow.

PyTorch computes the gradient of their input in bf16 by a loop that no instruction speeds up: the
four of MobileNetV2, a thousandth of a U-Net's operations, took a tenth of a training step.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.amp.autocast_mode import custom_fwd
from torch.autograd.function import Function, once_differentiable

from models.exchange import exchange


class StridedDepthwise(nn.Conv2d):
    """A depthwise convolution with a stride, without bias or dilation, that trains fast on a CPU.

    Values and gradients are those of `nn.Conv2d`, but for rounding.
    """

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, C, h, w) of an image (B, C, H, W)."""
        in_half = torch.is_autocast_enabled("cpu")
        if self.training and in_half and image.device.type == "cpu":
            return self.convolve(image)
        return super().forward(image)

    def convolve(self, image: Tensor) -> Tensor:
        """Return the same by our own gradients, in whatever precision."""
        padding: Any = self.padding
        result: Tensor = _Convolution.apply(image, self.weight, self.stride, padding)  # type: ignore[no-untyped-call]
        return result


def make_depthwise_fast(network: nn.Module) -> nn.Module:
    """Make `StridedDepthwise` of all convolutions of a network that can be; return the network."""
    return exchange(network, {nn.Conv2d: StridedDepthwise}, _fits)


def _fits(layer: nn.Conv2d) -> bool:
    return (
        layer.groups == layer.in_channels == layer.out_channels
        and max(layer.stride) > 1
        and max(layer.dilation) == 1
        and layer.bias is None
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and all(pad < side for pad, side in zip(layer.padding, layer.kernel_size, strict=True))
    )


class _Convolution(Function):
    """The convolution; the gradient of its input is a convolution without a stride.

    It has the kernel turned round, and a gradient spread out with zeros between its pixels: those
    over which the stride jumped.
    """

    @staticmethod
    @custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)
    def forward(
        context: Any,
        image: Tensor,
        weight: Tensor,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
    ) -> Tensor:
        context.save_for_backward(image, weight)
        context.stride, context.padding = stride, padding
        return F.conv2d(image, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (gradient,), (image, weight) = gradients, context.saved_tensors
        of_image = of_weight = None
        if context.needs_input_grad[0]:
            of_image = _of_image(gradient, image, weight, context.stride, context.padding)
        if context.needs_input_grad[1]:
            of_weight = torch.ops.aten.convolution_backward(
                gradient, image, weight, None, context.stride, context.padding, [1, 1], False,
                [0, 0], len(weight), [False, True, False],
            )[1]  # fmt: skip
        return of_image, of_weight, None, None


def _of_image(
    gradient: Tensor,
    image: Tensor,
    weight: Tensor,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> Tensor:
    sides = zip(image.shape[2:], weight.shape[2:], padding, strict=True)
    height, width = (size - side + 1 + 2 * pad for size, side, pad in sides)
    shape, layout = (*image.shape[:2], height, width), torch.channels_last
    spread = torch.empty(shape, dtype=gradient.dtype, memory_format=layout).zero_()
    jumped = spread[:, :, :: stride[0], :: stride[1]]
    jumped[:, :, : gradient.shape[2], : gradient.shape[3]] = gradient
    around = [side - 1 - pad for side, pad in zip(weight.shape[2:], padding, strict=True)]
    return F.conv2d(spread, weight.flip(2, 3), None, 1, around, 1, len(weight))
