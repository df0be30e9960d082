"""The networks: each maps normalised images (B, 3, H, W) to logits (B, 1, H, W)."""

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from models.otsu_watershed import OtsuWatershed
from models.residual_unet import ResidualUNet
from models.zoo import build_from_zoo

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "otsu_watershed": OtsuWatershed,
    "residual_unet": ResidualUNet,
    "zoo": build_from_zoo,
}


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """The network `name` of NETWORKS with its options, as a recipe's `network` names them.

    Raises:
        ValueError: no such network, or an option or value that it does not know.
        MissingWeights: its encoder's pretrained weights are not to be had.
    """
    if name not in NETWORKS:
        near = ", ".join(difflib.get_close_matches(name, NETWORKS, n=3)) or ", ".join(NETWORKS)
        raise ValueError(f"no network {name!r}; nearest: {near}")
    try:
        return NETWORKS[name](**options)
    except TypeError as error:
        raise ValueError(f"network {name!r}: {error}") from error
