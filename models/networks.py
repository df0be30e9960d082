"""The list of all networks, and how one is built by its name."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError
from torch import nn

from models.autoencoder import Autoencoder
from models.deep_unet import DeepUNet
from models.edge_unet import EdgeUNet
from models.extractnet import ExtractNet
from models.maskingnet import MaskingNet
from models.otsu_watershed import OtsuWatershed
from models.pretrained import MissingWeights
from models.residual_unet import ResidualUNet
from models.segnet import SegNet
from models.unet import UNet
from models.vgg_unet import VggUNet
from models.weights import BadWeights
from models.zoo import build_from_zoo

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "autoencoder": Autoencoder,
    "deep_unet": DeepUNet,
    "edge_unet": EdgeUNet,
    "extractnet": ExtractNet,
    "maskingnet": MaskingNet,
    "otsu_watershed": OtsuWatershed,
    "residual_unet": ResidualUNet,
    "segnet": SegNet,
    "unet": UNet,
    "vgg_unet": VggUNet,
    "zoo": build_from_zoo,
}


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Build the network `name` of NETWORKS with the options that a recipe names.

    Raises:
        ValueError: no such network, or an option or value that it does not know.
        BadWeights: the file of its encoder's weights holds none, or not all of them.
        MissingWeights: its encoder's pretrained weights are neither on this machine nor on the hub.
    """
    if name not in NETWORKS:
        near = ", ".join(difflib.get_close_matches(name, NETWORKS, n=3)) or ", ".join(NETWORKS)
        raise ValueError(f"no network {name!r}; nearest: {near}")
    _check_values(name, options)
    try:
        return NETWORKS[name](**options)
    except (ValueError, MissingWeights, BadWeights):
        raise
    except Exception as error:  # constructors of other libraries answer options by any error
        raise ValueError(f"network {name!r}: {error}") from error


def _check_values(name: str, options: Mapping[str, Any]) -> None:
    """Refuse a value that the annotation of the network's option does not allow."""
    known = inspect.signature(NETWORKS[name]).parameters
    hints = {option: parameter.annotation for option, parameter in known.items()}
    for option, value in options.items():
        try:
            TypeAdapter(hints.get(option, Any)).validate_python(value, strict=True)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise ValueError(f"network {name!r}: {option} is {value!r}: {reason}") from error
