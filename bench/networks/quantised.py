"""What quantised.json says of a trained network that predicts in int8, and whether its files are
those.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from bench.config.layout import TrainingFolder
from bench.masks.parts import find_maps
from bench.system.errors import BadFile, Missing
from bench.system.files import read_json, sha256

AGAIN = "the network predicts as it was trained, or `quantise` makes it again"


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


def damaged_files(training: TrainingFolder) -> list[str]:
    """Return which files of a network in int8 are missing, or not those that were made."""
    found = quantised(training)
    files = {training.folder / name: hash for name, hash in found.files.items()} if found else {}
    return [file.name for file, hash in files.items() if not file.is_file() or sha256(file) != hash]


def check_quantised(training: TrainingFolder) -> None:
    """Refuse a network in int8 whose files are not those that were made.

    Raises:
        BadFile: they are damaged or missing.
    """
    for name in damaged_files(training):
        what = f"{name} beside it is missing, or not the file that it names"
        raise BadFile(training.quantised, what, f"remove it, and {AGAIN}")


def check_scored(heldout: Path, trainings: Iterable[TrainingFolder]) -> None:
    """Refuse networks that predict in int8, or no longer, since the maps were made that are scored.

    Raises:
        Missing: they do.
    """
    present = [found.files for training in trainings if (found := quantised(training))]
    with find_maps(heldout) as maps:
        if maps.makers and maps.made_by.get("int8", []) != present:
            raise Missing(
                f"{heldout}: made {'before' if present else 'while'} its networks predicted in "
                "int8, and so were its scores; first: `predict` and `score`"
            )
