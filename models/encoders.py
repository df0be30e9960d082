"""Encoders by name, with pretrained weights from the hub or from a folder of safetensors."""

import difflib

import segmentation_models_pytorch as smp
from torch import Tensor, nn

from models.pretrained import WEIGHTS_DIR, MissingWeights, local_weights, weights_folder
from models.weights import read_weights


def build_encoder(name: str, *, pretrained: bool) -> nn.Module:
    """Build an encoder that maps (B, 3, H, W) to features at strides 1, 2, 4, 8, 16 and 32.

    Args:
        name: of segmentation-models-pytorch ("vgg16_bn", "mobilenet_v2") or "tu-" + a timm model.
        pretrained: start from ImageNet weights, else from random ones.

    Returns:
        Module with `out_channels`, the number of channels at each stride.

    Raises:
        ValueError: there is no encoder of this name; the message lists the nearest.
        MissingWeights: `pretrained`, but the weights are neither on this machine nor on the hub.
    """
    check_name(name)
    encoder: nn.Module = smp.encoders.get_encoder(name, weights=None)
    if pretrained:
        load_pretrained(encoder, name)
    return encoder


def check_name(name: str) -> None:
    """Refuse an encoder's name that does not exist.

    Raises:
        ValueError: there is no such encoder; the message lists the nearest names.
    """
    if not name.startswith("tu-") and name not in smp.encoders.encoders:
        near = ", ".join(difflib.get_close_matches(name, smp.encoders.encoders, n=3))
        raise ValueError(f"no encoder {name!r}; nearest: {near or 'tu-<timm model>'}")


def load_pretrained(encoder: nn.Module, name: str) -> None:
    """Give an encoder its ImageNet weights: from the folder CARVANA_WEIGHTS, else from the hub.

    Raises:
        ValueError: the local file does not fit the encoder.
        BadWeights: the local file holds no weights, or not all of them.
        MissingWeights: there is no local file, and the hub has none or cannot be reached.
    """
    path = local_weights(name)
    weights = read_weights(path) if path else _hub_weights(name)
    wanted = encoder.state_dict()
    misfits = [
        key for key in wanted if key not in weights or weights[key].shape != wanted[key].shape
    ]
    if misfits:
        raise ValueError(f"{path or name}: {len(misfits)} tensors do not fit, first {misfits[0]!r}")
    encoder.load_state_dict({key: weights[key].to(value.dtype) for key, value in wanted.items()})


def _beside(name: str) -> str:
    """Say which files of CARVANA_WEIGHTS come nearest to the one that is wanted."""
    folder = weights_folder()
    if not folder:
        return ""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    near = difflib.get_close_matches(f"{name}.safetensors", names, n=3, cutoff=0.4)
    return f", {folder} has none (nearest: {', '.join(near) or 'nothing like it'})"


def _hub_weights(name: str) -> dict[str, Tensor]:
    try:
        weights = None if name.startswith("tu-") else "imagenet"
        encoder = smp.encoders.get_encoder(name, weights=weights, pretrained=True)
    except Exception as error:  # the hub's client raises errors of a dozen unrelated classes
        raise MissingWeights(
            f"no pretrained weights of {name!r} on this machine{_beside(name)}, and the hub gave "
            f"none ({type(error).__name__}). Put {name}.safetensors into a folder and name it with "
            f"--weights-dir or {WEIGHTS_DIR}, go online, or set `pretrained: false`"
        ) from error
    state: dict[str, Tensor] = encoder.state_dict()
    return state
