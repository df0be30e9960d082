"""What manifest.json says of a finished training, read back."""

from pathlib import Path

from pydantic import BaseModel

from bench.config.layout import TrainingFolder
from bench.system.errors import BadFile
from bench.system.files import read_json, sha256
from bench.system.progress import say


class TrainingManifest(BaseModel):
    """The part of a manifest that tables and the report show; older versions wrote less of it."""

    parameters: int
    seconds: float
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


def is_whole(folder: TrainingFolder) -> bool:
    """Whether a finished training's manifest and weights are as they were written; says if not."""
    try:
        recorded = read_manifest(folder.manifest).weights_sha256
    except BadFile as damaged:
        say(f"{damaged.file}: {damaged.what}; training again")
        return False
    if recorded and not (folder.weights.is_file() and sha256(folder.weights) == recorded):
        say(f"{folder.weights}: not the file that was trained; training again")
        return False
    return True
