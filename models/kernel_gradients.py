"""Convolutions whose kernels' gradients are computed fast in float32 on a CPU with AVX2 alone.

In our memory format, in which the channels of a pixel lie side by side, oneDNN takes two to seven
times as long there for the gradient of a kernel as for the convolution itself. With each channel as
a plane of its own it takes up to three times less, copies included.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable

from models.exchange import exchange

SLOW = torch.backends.cpu.get_cpu_capability() == "AVX2"  # type: ignore[no-untyped-call]
# With fewer, the copies take longer than they save:
LEAST_CHANNELS = 24  # of image and result
LEAST_NUMBERS = 150_000  # of an image, channels times height times width


class Geometry(NamedTuple):
    """What a convolution of all channels is besides its kernel and bias, in PyTorch's order."""

    stride: tuple[int, ...] = (1, 1)
    padding: tuple[int, ...] = (0, 0)
    dilation: tuple[int, ...] = (1, 1)
    transposed: bool = False
    output_padding: tuple[int, ...] = (0, 0)


def convolve(image: Tensor, kernel: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Return the convolution of an image (B, C, H, W), that of PyTorch; its gradients come fast."""
    if _pays(image, kernel):
        result: Tensor = _Convolution.apply(image, kernel, bias, geometry)  # type: ignore[no-untyped-call]
        return result
    stride, padding, dilation, transposed, output_padding = geometry
    if transposed:
        return F.conv_transpose2d(image, kernel, bias, stride, padding, output_padding, 1, dilation)
    return F.conv2d(image, kernel, bias, stride, padding, dilation)


def _pays(image: Tensor, kernel: Tensor) -> bool:
    return (
        SLOW
        and image.device.type == "cpu"
        and kernel.requires_grad
        and torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
        and not torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        and max(kernel.shape[2:]) > 1
        and min(kernel.shape[:2]) >= LEAST_CHANNELS
        and image[0].numel() >= LEAST_NUMBERS
    )


class _Convolution(Function):
    @staticmethod
    def forward(
        context: Any, image: Tensor, kernel: Tensor, bias: Tensor | None, geometry: Geometry
    ) -> Tensor:
        context.save_for_backward(image, kernel)
        context.geometry = (*geometry, 1)  # one group
        return torch.convolution(image, kernel, bias, *context.geometry)

    @staticmethod
    @once_differentiable
    def backward(context: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        (gradient,), (image, kernel) = gradients, context.saved_tensors
        of_image, _, of_bias, _ = context.needs_input_grad
        backward, geometry = torch.ops.aten.convolution_backward, context.geometry
        image_gradient = backward(
            gradient, image, kernel, None, *geometry, [of_image, False, False]
        )[0]
        shape = torch.empty_like(kernel, memory_format=torch.contiguous_format)  # is not read
        planes = gradient.contiguous(), image.contiguous(), shape
        biases = [gradient.shape[1]]
        _, kernel_gradient, bias_gradient = backward(
            *planes, biases, *geometry, [False, True, of_bias]
        )
        return image_gradient, kernel_gradient, bias_gradient, None


class Convolution(nn.Conv2d):
    """A convolution with zeros around the image, as `convolve` computes it."""

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, E, h, w) of an image (B, C, H, W)."""
        padding: Any = self.padding
        geometry = Geometry(self.stride, padding, self.dilation)
        return convolve(image, self.weight, self.bias, geometry)


class TransposedConvolution(nn.ConvTranspose2d):
    """A transposed convolution as `convolve` computes it."""

    def forward(self, image: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return (B, E, h, w) of an image (B, C, H, W)."""
        if output_size is not None:
            return super().forward(image, output_size)
        padding: Any = self.padding
        geometry = Geometry(self.stride, padding, self.dilation, True, self.output_padding)
        return convolve(image, self.weight, self.bias, geometry)


FAST: dict[type[nn.Module], type[nn.Module]] = {
    nn.Conv2d: Convolution,
    nn.ConvTranspose2d: TransposedConvolution,
}


def make_kernel_gradients_fast(network: nn.Module) -> nn.Module:
    """Have the convolutions of a network use `convolve`; return the network.

    Those whose channels do not all meet, or whose padding is not of zeros, stay as they are.
    """
    return exchange(network, FAST, _fits)


def _fits(layer: Any) -> bool:
    return (
        layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    )
