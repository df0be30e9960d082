"""What manifest.json says of a finished training, and whether its weights are those."""

from pathlib import Path

from pydantic import BaseModel

from bench.config.layout import TrainingFolder
from bench.system.errors import BadFile
from bench.system.files import read_json, sha256
from bench.system.progress import say

TRAIN_AGAIN = "train the suite again, which trains this network anew"


class TrainingManifest(BaseModel):
    """The part of a manifest that tables and the report show; older versions wrote less of it."""

    parameters: int
    gflops: float | None = None  # of a photograph
    seconds: float
    other_cores: float = 0.0  # that other programs kept busy meanwhile, in the worst epoch
    valid_dice: float = 0.0
    best_epoch: int | None = None
    device: str = ""
    weights_sha256: str = ""


def read_manifest(path: Path) -> TrainingManifest:
    """Read the manifest of a finished training.

    Raises:
        Missing: there is none.
        BadFile: it is damaged.
    """
    return read_json(path, TrainingManifest, "run the suite again, which trains this network again")


def check_weights(training: TrainingFolder) -> None:
    """Refuse weights that are not those that the training wrote.

    Weights without a manifest beside them, as in an exported model, are not looked at.

    Raises:
        BadFile: they are damaged, or the manifest is.
    """
    if not training.finished:
        return
    noted = read_manifest(training.manifest).weights_sha256
    if noted and not (training.weights.is_file() and sha256(training.weights) == noted):
        what = f"damaged, or not the weights that {training.manifest.name} notes"
        raise BadFile(training.weights, what, f"put them back, or {TRAIN_AGAIN}")


def is_whole(training: TrainingFolder) -> bool:
    """Whether a finished training's manifest and weights are as they were written; says if not."""
    try:
        check_weights(training)
    except BadFile as damaged:
        say(f"{damaged.file}: {damaged.what}; training again")
        return False
    return True
