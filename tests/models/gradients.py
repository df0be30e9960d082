"""What a layer gives, and what training would change it by."""

import torch


def gradients(layer, image):
    """Return the result of a layer, its gradient for the image, if asked for, and all others."""
    seen = image.detach().clone().requires_grad_(image.requires_grad)
    layer.zero_grad()
    result = layer(seen)
    (result * torch.arange(result.numel()).reshape(result.shape).sin()).sum().backward()
    return [
        each
        for each in (result, seen.grad, *(own.grad for own in layer.parameters()))
        if each is not None
    ]
