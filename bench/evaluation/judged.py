"""What is judged: an exported model or a submission file, as entries with a mask of every image."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bench.config.machine import Machine
from bench.data.dataset import DataSet
from bench.data.image_ids import file_name
from bench.data.listing import TableNames
from bench.ensembles.entry import Entry
from bench.kaggle.reading import read_rows
from bench.masks import rle
from bench.masks.types import THRESHOLD, Mask, RgbImage, size_name
from bench.system.errors import BadConfig, BadData, BadFile

if TYPE_CHECKING:
    from bench.cutout.model import Model


class Judged(Protocol):
    """One model or submission.

    Args:
        entries: those that are scored, the judged one itself first.
        sizes: height and width of what a single model sees, by its name.
    """

    entries: Sequence[Entry]
    sizes: Mapping[str, str]

    def images(self, labelled: Sequence[str]) -> set[str]:
        """The labelled images that it has masks of."""

    def masks(self, image: str, photo: RgbImage) -> dict[str, Mask]:
        """The mask (H, W) of every entry of an image."""

    def trained_on(self, known_by: Mapping[str, Set[str]]) -> set[str] | None:
        """The cars or groups, each known by hashes of all its photographs, that trained it.

        None where nobody knows.
        """


class JudgedModel:
    """An exported model, and its members beside it where they are several."""

    def __init__(self, folder: Path, machine: Machine, prefix: str = "") -> None:
        from bench.cutout.model import open_model  # torch, which no submission needs

        self._model: Model = open_model(folder, machine)
        entry, manifest = self._model.entry, self._model.manifest
        names = [f"{prefix}{name}" for name in entry.members]
        self._own = replace(entry, name=f"{prefix}{entry.name}", members=tuple(names))
        singles = [Entry(name, None, (name,)) for name in names] if entry.rule else []
        self.entries: Sequence[Entry] = [self._own, *singles]
        sizes = [size_name(each.size) for each in manifest.members]
        self.sizes: Mapping[str, str] = dict(zip(names, sizes, strict=True))
        self._trained_on = manifest.made_by.get("trained_on")
        if manifest.scored and manifest.scored.split != "car":
            self._trained_on = None  # parts of cars

    def images(self, labelled: Sequence[str]) -> set[str]:
        """All images: a model takes any photograph."""
        return set(labelled)

    def masks(self, image: str, photo: RgbImage) -> dict[str, Mask]:
        """The masks of the entry and of its members."""
        (maps,) = self._model.maps([photo])
        of_each = dict(zip(self._own.members, maps, strict=True))
        found = {self._own.name: self._model.merge(maps)}
        found |= {entry.name: of_each[entry.name] for entry in self.entries[1:]}
        return {name: np.asarray(map >= THRESHOLD) for name, map in found.items()}

    def trained_on(self, known_by: Mapping[str, Set[str]]) -> set[str] | None:
        """The cars or groups all of whose photographs trained it, or chose its epochs."""
        if not isinstance(self._trained_on, list):
            return None
        return {car for car, hashes in known_by.items() if hashes & {*self._trained_on}}


class JudgedSubmission:
    """A submission file.

    Raises:
        Missing: there is no such file.
        BadData: it cannot be read, an image has two rows, or a row may be of several images.
    """

    def __init__(self, file: Path, data: DataSet, name: str) -> None:
        self.file, self.name = file, name
        self.entries: Sequence[Entry] = [Entry(name, None, (name,))]
        self.sizes: Mapping[str, str] = {name: ""}
        self._rows: dict[str, tuple[int, str]] = {}
        files = {image: photograph.name for image, photograph in data.train.items()}
        names = TableNames(data.own.names if data.own else files)
        for line, row, text in read_rows(file):
            where = f"{file}, line {line}"
            image = names.find(row, where)
            if image in self._rows:
                raise BadFile(where, f"a second row for {row}", "remove one")
            if image in data.train:
                self._rows[image] = line, text

    def images(self, labelled: Sequence[str]) -> set[str]:
        """The labelled images that it has rows of."""
        return self._rows.keys() & set(labelled)

    def masks(self, image: str, photo: RgbImage) -> dict[str, Mask]:
        """The mask in a row, which must be of the photograph's size."""
        line, text = self._rows[image]
        height, width = photo.shape[:2]
        try:
            return {self.name: rle.decode(text, (height, width))}
        except ValueError as error:
            raise BadData(
                f"{self.file}, line {line}, {image}: {error}, in a photograph of {height}x{width}; "
                "see `carvana-bench submit --check`"
            ) from error

    def trained_on(self, known_by: Mapping[str, Set[str]]) -> set[str] | None:
        """Nobody knows."""
        return None


def open_judged(
    models: Sequence[Path], submissions: Sequence[Path], data: DataSet, machine: Machine
) -> list[Judged]:
    """Open everything that is judged; entries are told apart by folders where there are several.

    Raises:
        BadConfig: nothing is named, or two have one name.
        Missing, BadData: as `open_model` and `JudgedSubmission`.
    """
    named = [path.absolute() for path in (*models, *submissions)]
    names = [path.name.removesuffix(".gz").removesuffix(".csv") for path in named]
    if not named:
        raise BadConfig("name an exported --model MODEL_DIR or a --submission FILE")
    if twice := [name for name in names if names.count(name) > 1]:
        raise BadConfig(f"two of what is judged are called {twice[0]}; rename one")
    judged: list[Judged] = [
        JudgedModel(path, machine, f"{name}/" if len(named) > 1 else "")
        for path, name in zip(models, names, strict=False)
    ]
    files = zip(submissions, names[len(models) :], strict=True)
    judged += [JudgedSubmission(path, data, name) for path, name in files]
    folders = [file_name(each.entries[0].name) for each in judged]
    if twice := [name for name in folders if folders.count(name) > 1]:
        raise BadConfig(f"the pictures of two would lie in one folder, {twice[0]}; rename one")
    return judged
