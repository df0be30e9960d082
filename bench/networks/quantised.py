"""What quantised.json says of a trained network that predicts in int8, and whether its files are
those.
"""

from collections.abc import Mapping

from pydantic import BaseModel

from bench.config.layout import TrainingFolder
from bench.system.errors import BadFile
from bench.system.files import read_json, sha256

AGAIN = "remove it, and the network predicts as it was trained; `quantise` makes it again"


class Quantised(BaseModel):
    """A network in int8, of the weights beside it.

    Args:
        weights_sha256: of those weights.
        files: the hashes of its own files, by name.
        ms: that a photograph takes.
        ms_before: that it takes as it was trained.
        changed: share of the pixels, 0..1, that move into or out of the masks.
        gain: of Dice on photographs of validation cars; negative where int8 is worse.
        photographs: how many these are.
    """

    weights_sha256: str
    files: dict[str, str]
    ms: float
    ms_before: float
    changed: float
    gain: float
    photographs: int


def quantised(training: TrainingFolder) -> Quantised | None:
    """Return what is known of a trained network in int8; None where it is not there.

    Raises:
        BadFile: the file that says it is damaged.
    """
    if not training.quantised.is_file():
        return None
    found = read_json(training.quantised, Quantised, AGAIN)
    return found if found.weights_sha256 == sha256(training.weights) else None


def in_int8(trainings: Mapping[tuple[str, int], TrainingFolder]) -> list[str]:
    """Return the recipes of which a network predicts in int8, of trainings by recipe and fold."""
    return list(dict.fromkeys(name for (name, _), each in trainings.items() if quantised(each)))


def check_quantised(training: TrainingFolder) -> None:
    """Refuse a network in int8 whose files are not those that were made.

    Raises:
        BadFile: they are damaged or missing.
    """
    found = quantised(training)
    for name, expected in found.files.items() if found else ():
        file = training.folder / name
        if not file.is_file() or sha256(file) != expected:
            what = f"{file.name} beside it is missing, or not the file that it names"
            raise BadFile(training.quantised, what, AGAIN)
