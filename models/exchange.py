"""Modules of a network that turn into those of another class, which computes the same faster."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn


def exchange(
    network: nn.Module,
    classes: Mapping[type[nn.Module], type[nn.Module]],
    fits: Callable[[Any], bool],
) -> nn.Module:
    """Give modules of a network, itself among them, another class; return the network.

    Args:
        classes: by class, not by subclass, the one to turn into; it has the same parts.
        fits: whether a module of such a class can turn.
    """
    for module in network.modules():
        if type(module) in classes and fits(module):
            module.__class__ = classes[type(module)]
    return network
