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

    def damaged_files(self, folder: Path) -> list[str]:
        """Return which of its files are missing in a folder, or not those that were made."""
        files = {folder / name: expected for name, expected in self.files.items()}
        return [
            file.name
            for file, expected in files.items()
            if not file.is_file() or sha256(file) != expected
        ]


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


def check_quantised(training: TrainingFolder) -> Quantised | None:
    """As `quantised`, but refuse a network in int8 whose files are not those that were made.

    Raises:
        BadFile: they, or the file that names them, are damaged or missing.
    """
    found = quantised(training)
    for name in found.damaged_files(training.folder) if found else ():
        what = f"{name} beside it is missing, or not the file that it names"
        raise BadFile(training.quantised, what, f"remove it, and {AGAIN}")
    return found


def check_scored(heldout: Path, networks: Iterable[Quantised | None]) -> None:
    """Refuse networks that predict in int8, or no longer, since the maps were made that are scored.

    Args:
        heldout: the store of the maps.
        networks: what is known of each of its networks in int8, in order; None: not in int8.

    Raises:
        Missing: they do.
    """
    present = [network.files for network in networks if network]
    with find_maps(heldout) as maps:
        if maps.makers and maps.made_by.get("int8", []) != present:
            raise Missing(
                f"{heldout}: made {'before' if present else 'while'} its networks predicted in "
                "int8, and so were its scores; first: `predict` and `score`"
            )
