"""What manifest.json says of a finished training, read back."""

from pathlib import Path

from pydantic import BaseModel

from bench.system.files import read_json


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
