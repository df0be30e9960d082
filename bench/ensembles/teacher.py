"""An entry of a finished run as a teacher: its maps of photographs are targets for a student.

Reads  suite.yaml, folds.csv, learned parameters and map stores of the teacher's run.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench.config.layout import Layout
from bench.config.refinement import to_json
from bench.config.strict import read
from bench.config.suite import Suite
from bench.data.folds import read_folds
from bench.data.image_ids import car_of
from bench.ensembles.entry import Entry, entry_of_run
from bench.masks.parts import map_files, open_maps
from bench.masks.store import MapStore
from bench.masks.types import Map
from bench.system.errors import BadConfig, BadData, Missing
from bench.system.files import json_sha256


@dataclass(frozen=True)
class Teacher:
    """An entry, and the run that has its maps. Made by `open_teacher`; no file stays open."""

    layout: Layout
    entry: Entry
    scored: Collection[int]  # the folds that the run has networks of
    folds: Mapping[str, int]  # car -> fold

    @property
    def name(self) -> str:
        """Its own name behind that of its run."""
        return f"{self.layout.folder.name}/{self.entry.name}"

    def refuse_if_seen(self, heldout: Collection[str], student: str, fold: int) -> None:
        """Refuse a teacher that has seen a car on which the student is scored.

        Args:
            heldout: the cars that the student's fold holds out.

        Raises:
            BadConfig: it has; the message names the fold and the car.
        """
        for car, how in self._seen():
            if car in heldout:
                raise BadConfig(
                    f"{student}: teach: {how} {car}, which is held out from its student in "
                    f"fold {fold}, so the student's score would be too good; name a teacher whose "
                    f"run holds out the same, in `folds.run: [{fold}]` alone, by a rule that "
                    "does not learn; or one whose data lack it"
                )

    def _seen(self) -> Iterator[tuple[str, str]]:
        """Give each car that took part in making its maps, and how."""
        for fold in self.scored:
            for car, own in self.folds.items():
                if own != fold:
                    yield car, f"the networks of {self.name}, fold {fold}, were trained on"
        if self.entry.learns:
            for car, own in self.folds.items():
                if own in self.scored:
                    yield car, f"the rule of {self.name} was fitted on"

    def made_from(self, photographs: Mapping[str, str]) -> dict[str, str]:
        """Return a hash of photograph and map, of each photograph that it has a map of.

        Its maps of cars of its own data are those by networks that were not trained on the car.

        Args:
            photographs: image id -> the hash of the photograph.

        Raises:
            BadData: the map of an image is of another photograph, or a store is damaged.
        """
        entry = self.entry
        how = json_sha256([entry.rule, entry.parameters, dict(entry.by_car), to_json(entry.refine)])
        hashes: dict[str, str] = {}
        for split in ("heldout", "test"):
            lines = {
                image: [how, digest]
                for image, digest in photographs.items()
                if self._split_of(image) == split
            }
            for store in self._stores(split).values():
                lines = _with_checksums(lines, store)
            for image, line in lines.items():
                hashes[image] = hashlib.sha256(" ".join(line).encode()).hexdigest()
        return hashes

    def map(self, image: str) -> Map:
        """Return its map of an image, uint8 (H, W). Any thread or process may ask.

        Its run may not predict meanwhile: which file holds a map is looked up once.
        """
        maps = {}
        for name, whole in self._stores(self._split_of(image)).items():
            with MapStore.open(self._holders[whole].get(image, whole)) as store:
                maps[name] = store.read(image)
        return self.entry.map(maps, image)

    @cached_property
    def _holders(self) -> dict[Path, dict[str, Path]]:
        """Store -> image -> the file, of the store itself or of a part, that holds its map."""
        holders: dict[Path, dict[str, Path]] = {}
        for split in ("heldout", "test"):
            for store in self._stores(split).values():
                holders[store] = {}
                if map_files(store):
                    with open_maps(store) as maps:
                        holders[store] = maps.holders()
        return holders

    def _split_of(self, image: str) -> str:
        return "heldout" if car_of(image) in self.folds else "test"

    def _stores(self, split: str) -> dict[str, Path]:
        return {name: self.layout.maps(name, split) for name in self.entry.members}


def _with_checksums(lines: Mapping[str, list[str]], store: Path) -> dict[str, list[str]]:
    """Return the lines of the images that a store has maps of, each with its map's checksum.

    Args:
        lines: image id -> the hash of how maps are combined, that of the photograph, and so on.
    """
    if not map_files(store):
        return {}
    with open_maps(store) as maps:
        checksums, photographs = maps.checksums(), maps.made_from()
    for image in lines.keys() & checksums.keys():
        if photographs.get(image, "") != lines[image][1]:
            raise BadData(
                f"{store}: its map of {image} is of another photograph than there is now; put that "
                "back, or predict again"
            )
    return {
        image: [*line, str(checksums[image])] for image, line in lines.items() if image in checksums
    }


def open_teacher(folder: Path, name: str, first: str) -> Teacher:
    """Return an entry of a finished run as a teacher.

    Args:
        folder: of the run.
        first: what makes the run, or the rest of it.

    Raises:
        Missing: there is no such run, or it is not finished.
        BadConfig: the run has no such entry, or splits by image: every car would be known to it.
        BadData: a file of the run is damaged.
    """
    layout = Layout(folder)
    if not layout.suite.is_file():
        raise Missing(f"teach: {folder}: no such run; {first}")
    if not layout.report.is_file():
        raise Missing(f"teach: {folder}: not finished, since it has no report yet; {first}")
    suite = read(layout.suite, Suite)
    if suite.split != "car":
        raise BadConfig(f"teach: {folder}: splits by image, so its networks know what it held out")
    entry = entry_of_run(suite, layout, name, called=f"teach: {folder}")
    return Teacher(layout, entry, suite.folds.run, read_folds(layout.folds))
