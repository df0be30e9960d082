"""What members have to predict: photographs, networks and stores; what is left of it, and why.

A store knows what its maps were made by, and from.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.config.layout import TrainingFolder
from bench.config.part import WHOLE, Part
from bench.config.recipe import Recipe
from bench.masks.parts import Maps, find_maps, open_maps, part_path
from bench.masks.store import MapStore
from bench.masks.types import Map, ReadMap
from bench.networks.manifest import TRAIN_AGAIN
from bench.networks.quantised import quantised
from bench.system.errors import Missing
from bench.system.files import json_text, read_json, sha256
from bench.system.text import several

PHOTOGRAPHS = 1000  # about so many are lost at most where stores appear complete
VERSION = 1  # raised when the same weights give other maps, beyond rounding: none is then current


@dataclass(frozen=True)
class FoldTask:
    """Photographs, and the trained networks, one or more, whose mean probability is each map."""

    trainings: Sequence[TrainingFolder]
    photographs: Mapping[str, Path]  # by image id
    hashes: Mapping[str, str] = field(default_factory=dict)  # of the photographs' files

    def lacking(self, maps: Maps | MapStore) -> "FoldTask":
        """Return the photographs of which there is no map, or the map of another content."""
        stored, made_from = set(maps.ids()), maps.made_from()
        lacking = {
            image: path
            for image, path in self.photographs.items()
            if image not in stored or made_from.get(image, "") != self.hashes.get(image, "")
        }
        return replace(self, photographs=lacking)


@dataclass(frozen=True)
class PredictionTask:
    """A recipe, the photographs that each of its networks predicts, and the store of its maps."""

    recipe: Recipe
    folds: Sequence[FoldTask]
    store: Path
    part: Part = WHOLE  # of the cars that the member predicts in all
    base: "Base | None" = None  # of an edge network

    @property
    def file(self) -> Path:
        """The store that is written: the whole one, or that of the part."""
        if self.part == WHOLE:
            return self.store
        return part_path(self.store, self.part.index, self.part.of)


@dataclass(frozen=True)
class Base:
    """The entry whose maps an edge network sharpens.

    Args:
        members: what is predicted of each, the same photographs as of the edge network.
        merge: the members' maps of a photograph -> the entry's map.
        rule: what decides `merge`.
    """

    members: Sequence[PredictionTask]
    merge: Callable[[Sequence[Map]], Map]
    rule: str

    @contextmanager
    def maps(self) -> Iterator[ReadMap]:
        """Give the reader of the entry's maps, which are all predicted."""
        with ExitStack() as stack:
            stores = [
                stack.enter_context(find_maps(task.store)).only(made_by(task))
                for task in self.members
            ]
            yield lambda image: self.merge([maps.read(image) for maps in stores])


def reasons(task: PredictionTask) -> list[str]:
    """Say why a member has to predict, a phrase each; nothing where its maps are current.

    Raises:
        Missing: a network is not trained to the end.
    """
    name, maker = task.recipe.name, made_by(task)
    with find_maps(task.store) as maps:
        if not maps.files:
            return [f"no maps of {name} yet"]
        if task.part == WHOLE and any(made_by != maker for made_by in maps.makers.values()):
            return [f"the maps of {name} are of other weights or another recipe"]
        stored = set(maps.only(maker).ids())
        noted = timing_file(task.store)
        timed = maps.files != [task.store] or (noted.is_file() and _is_of(maps, noted))
    left = {image for fold in folds_lacking(task, maker) for image in fold.photographs}
    counts = {"no maps yet": len(left - stored), "changed": len(left & stored)}
    reasons = [
        f"{name}: {several(count, 'photograph')} {what}" for what, count in counts.items() if count
    ]
    return reasons or ([] if timed else [f"{noted.name} of {name} is missing or damaged"])


def lacking(task: PredictionTask) -> set[str]:
    """Return the photographs whose maps have to be predicted, or predicted again.

    Raises:
        Missing: a network is not trained to the end.
    """
    folds = folds_lacking(task, made_by(task))
    return {image for fold in folds for image in fold.photographs}


def folds_lacking(task: PredictionTask, maker: dict[str, Any]) -> list[FoldTask]:
    """Return the photographs of each fold that have no current map.

    A part leaves an outdated map in another store as it is, and so lacks nothing once its own store
    has the current one. Without a part, the whole store gets it, where it is read first.
    """
    with find_maps(task.store) as maps:
        folds = [fold.lacking(maps.only(maker)) for fold in task.folds]
        if task.part != WHOLE:
            folds = [fold.lacking(maps.only(maker, [task.file])) for fold in folds]
    return folds


def timing_file(store: Path) -> Path:
    """Return the file beside a store that says how long a map took."""
    return store.with_suffix(".json")


def timing(maps: Maps, other_cores: float) -> str:
    """Return what the file beside a store says.

    Args:
        other_cores: that other programs kept busy while the maps were made.
    """
    return json_text(_time(maps) | {"other_cores": other_cores})


def _time(maps: Maps) -> dict[str, float]:
    return {"images": len(maps.ids()), "ms_per_image": 1000 * maps.seconds_per_map}


def _is_of(maps: Maps, noted: Path) -> bool:
    """Whether the file beside a store says how long these maps took."""
    try:
        said = json.loads(noted.read_bytes())
    except ValueError:
        return False
    return isinstance(said, dict) and said.items() >= _time(maps).items()


def made_by(task: PredictionTask) -> dict[str, Any]:
    """Return what decides the maps of all photographs, which the store of the maps records.

    Raises:
        Missing: a network is not trained to the end, or its weights are gone.
    """
    trainings = [training for fold in task.folds for training in fold.trainings]
    for training in trainings:
        if not training.finished:
            raise Missing(f"{training.folder}: not trained to the end yet; train it first")
        if not training.weights.is_file():
            raise Missing(f"{training.weights}: not there; put it back, or {TRAIN_AGAIN}")
    maker = {
        "recipe_fields": task.recipe.map_fields(),
        "weights_sha256": [sha256(training.weights) for training in trainings],
        "version": VERSION,
    }
    in_int8 = [found.files for training in trainings if (found := quantised(training))]
    if in_int8:
        maker["int8"] = in_int8
    if not task.base:
        return maker
    below = {"rule": task.base.rule, "members": [made_by(each) for each in task.base.members]}
    return maker | {"base": below}


def ms_per_image(store: Path) -> float:
    """Return the mean time of a map of this store in ms, from photograph to disk; NaN: unknown."""
    with open_maps(store) as maps:
        return 1000 * maps.seconds_per_map


def noted_other_cores(store: Path) -> float:
    """Return how many cores other programs kept busy while maps were made; 0: none, or unknown."""
    return _noted(store).get("other_cores", 0.0)


def noted_seconds(store: Path) -> float:
    """Return how long all maps of a store took, though the store itself may be gone; 0: unknown."""
    noted = _noted(store)
    return noted["images"] * noted["ms_per_image"] / 1000 if noted else 0.0


def _noted(store: Path) -> dict[str, float]:
    """Return what the file beside a store says; nothing where it is not there."""
    noted = timing_file(store)
    return read_json(noted, dict[str, float], "predict again") if noted.is_file() else {}
