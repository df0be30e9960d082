"""Where the pretrained weights of encoders lie on this machine, and which a network starts from."""

import os
from glob import escape
from pathlib import Path

WEIGHTS_DIR = "CARVANA_WEIGHTS"  # environment variable: a folder of <encoder>.*safetensors
FIXED_ENCODERS = {  # network -> whose weights it starts from, where its encoder is no option
    "maskingnet": "vgg16",
    "segnet": "vgg16",
    "unet": "vgg16",
    "vgg_unet": "vgg16_bn",
}


class MissingWeights(Exception):
    """The pretrained weights of an encoder are neither on this machine nor on the hub."""


def weights_folder() -> Path | None:
    """Return the folder of pretrained weights that the user has named, if any, absolute."""
    folder = os.environ.get(WEIGHTS_DIR)
    return Path(folder).absolute() if folder else None


def local_weights(name: str) -> Path | None:
    """Return the file `<name>.*safetensors` in the folder CARVANA_WEIGHTS, if there is one.

    Raises:
        MissingWeights: there is no such folder, or it has several such files.
    """
    folder = weights_folder()
    if not folder:
        return None
    if not folder.is_dir():
        raise MissingWeights(f"{WEIGHTS_DIR} names {folder}, and there is no such folder")
    files = sorted(folder.glob(f"{escape(name)}.*safetensors"))
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise MissingWeights(
            f"{folder} has several files of weights of {name!r}, {names}: leave one of them there, "
            f"or name another folder with --weights-dir or {WEIGHTS_DIR}"
        )
    return files[0] if files else None
