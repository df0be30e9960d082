"""Any decoder of segmentation-models-pytorch on any of its encoders, or timm's."""

import difflib
import inspect
from typing import Any, cast

import segmentation_models_pytorch as smp
from torch import nn

from models.encoders import check_name, load_pretrained

DECODERS = {
    network.__name__.lower(): network
    for network in (
        smp.Unet,
        smp.UnetPlusPlus,
        smp.MAnet,
        smp.Linknet,
        smp.FPN,
        smp.PSPNet,
        smp.DeepLabV3,
        smp.DeepLabV3Plus,
        smp.PAN,
        smp.UPerNet,
        smp.Segformer,
        smp.DPT,
    )
}
FIXED = {  # options of every decoder that are no recipe's to choose
    "encoder_name",
    "encoder_weights",
    "in_channels",
    "classes",
    "activation",
    "aux_params",
    "kwargs",
}


def build_from_zoo(*, decoder: str, encoder: str, pretrained: bool, **options: Any) -> nn.Module:
    """Build a network of segmentation-models-pytorch with one logit a pixel.

    Args:
        decoder: "unet", "unetplusplus", "fpn", "linknet" ... (see DECODERS).
        encoder: of segmentation-models-pytorch, or "tu-" + a timm model.
        pretrained: start the encoder from ImageNet weights.
        options: of the decoder's constructor, for example `decoder_channels`, but none of FIXED.

    Returns:
        Module (B, 3, H, W) -> (B, 1, H, W) with `stride` = 32.

    Raises:
        ValueError: no such decoder, encoder or option; the message lists the nearest.
        MissingWeights: `pretrained`, but the weights are neither on this machine nor on the hub.
    """
    if decoder not in DECODERS:
        near = ", ".join(difflib.get_close_matches(decoder, DECODERS, n=3)) or ", ".join(DECODERS)
        raise ValueError(f"no decoder {decoder!r}; nearest: {near}")
    check_name(encoder)
    _check_options(decoder, encoder, options)
    network: nn.Module = DECODERS[decoder](encoder, encoder_weights=None, classes=1, **options)
    if pretrained:
        load_pretrained(cast(nn.Module, network.encoder), encoder)
    network.stride = 32  # type: ignore[assignment]
    network.requires_divisible_input_shape = False  # type: ignore[assignment]  # `stride` asks
    return network


def _check_options(decoder: str, encoder: str, options: dict[str, Any]) -> None:
    """Refuse options of FIXED, and those that an encoder would get which takes none of its own."""
    fixed = [name for name in options if name in FIXED]
    if fixed:
        raise ValueError(
            f"option {fixed[0]!r} cannot be set: every network makes one logit a pixel of three "
            "channels, and its encoder is chosen by `encoder` and `pretrained`"
        )
    known = [name for name in inspect.signature(DECODERS[decoder]).parameters if name not in FIXED]
    unknown = [name for name in options if name not in known]
    if unknown and not encoder.startswith("tu-"):  # only timm's encoders have options
        near = difflib.get_close_matches(unknown[0], ["encoder", "pretrained", *known])
        raise ValueError(f"no option {unknown[0]!r}; nearest: {', '.join(near or known)}")
