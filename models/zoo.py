"""Any decoder of segmentation-models-pytorch on any of its encoders, or timm's."""

import difflib
import inspect
from typing import Any, cast

import segmentation_models_pytorch as smp
from segmentation_models_pytorch.decoders.unet.decoder import UnetDecoderBlock
from segmentation_models_pytorch.decoders.unetplusplus.decoder import DecoderBlock
from torch import Tensor, nn

from models.encoders import check_name, load_pretrained
from models.upsampling import convolve_upsampled

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


def build_from_zoo(*, decoder: str, encoder: str, pretrained: bool, **options: Any) -> nn.Module:
    """Build a network of segmentation-models-pytorch with one logit a pixel.

    Args:
        decoder: "unet", "unetplusplus", "fpn", "linknet" ... (see DECODERS).
        encoder: of segmentation-models-pytorch, or "tu-" + a timm model.
        pretrained: start the encoder from ImageNet weights.
        options: of the decoder's constructor, for example `decoder_channels`.

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
    network = DECODERS[decoder](encoder, encoder_weights=None, classes=1, **options)
    make_upsampling_fast(network)
    if pretrained:
        load_pretrained(cast(nn.Module, network.encoder), encoder)
    network.stride = 32  # type: ignore[assignment]
    network.requires_divisible_input_shape = False  # type: ignore[assignment]  # `stride` asks
    return network


def _check_options(decoder: str, encoder: str, options: dict[str, Any]) -> None:
    """Refuse an option that the decoder would pass on to an encoder which takes none of its own."""
    known = [*inspect.signature(DECODERS[decoder]).parameters]
    unknown = [name for name in options if name not in known]
    if unknown and not encoder.startswith("tu-"):  # only timm's encoders have options
        near = difflib.get_close_matches(unknown[0], ["encoder", "pretrained", *known])
        raise ValueError(f"no option {unknown[0]!r}; nearest: {', '.join(near or known)}")


class _UNetBlock(UnetDecoderBlock):
    def forward(
        self,
        feature_map: Tensor,
        target_height: int,
        target_width: int,
        skip_connection: Tensor | None = None,
    ) -> Tensor:
        if (target_height, target_width) != tuple(2 * side for side in feature_map.shape[2:]):
            return super().forward(feature_map, target_height, target_width, skip_connection)
        return _block(self, feature_map, skip_connection)


class _UNetPlusPlusBlock(DecoderBlock):
    def forward(self, x: Tensor, skip: Tensor | None = None) -> Tensor:
        return _block(self, x, skip)


def _block(block: Any, image: Tensor, skip: Tensor | None) -> Tensor:
    result = block.conv2(convolve_upsampled(block.conv1, image, skip))
    return block.attention2(result)


FAST: dict[type[nn.Module], type[nn.Module]] = {
    UnetDecoderBlock: _UNetBlock,
    DecoderBlock: _UNetPlusPlusBlock,
}


def make_upsampling_fast(network: nn.Module) -> nn.Module:
    """Have the blocks of U-Nets and U-Net++s use `convolve_upsampled`; return the network."""
    for module in network.modules():
        if type(module) in FAST and _fits(module):
            module.__class__ = FAST[type(module)]  # it has the same parts
    return network


def _fits(block: Any) -> bool:
    return (
        block.interpolation_mode == "nearest"
        and block.conv1 is not None
        and isinstance(block.attention1.attention, nn.Identity)
    )
