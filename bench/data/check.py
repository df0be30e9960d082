"""Check a data folder: report what it holds and everything that is wrong with it.

Reads  a Carvana folder; unpacks Kaggle's zip files in it first.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from bench.data.archive import FOLDERS, unpack_all
from bench.data.carvana import VIEWS, Carvana, car_of, metadata, open_folder, read_mask_table
from bench.data.doubts import (
    NAMES_CURE,
    SIGNS,
    TURNED,
    misnamed_cars,
    mistakes,
    naming_notes,
    signs_of,
)
from bench.data.images import is_turned, read_image
from bench.data.listing import CONVERT, other_pictures
from bench.masks import rle
from bench.masks.types import Mask
from bench.system.contents import Contents
from bench.system.errors import BadFile
from bench.system.progress import track
from bench.system.threads import prefetch

SAMPLED = 16  # photographs of each kind that are read without `deep`
MAX_SHOWN = 20  # problems that are printed; the JSON holds all


@dataclass(frozen=True)
class DataProblem:
    """A file that must be mended before the data can be used."""

    file: str
    what: str
    cure: str


@dataclass
class DataReport:
    """Facts about a data folder, what must be mended, and what is only worth knowing."""

    root: str
    deep: bool
    facts: dict[str, str] = field(default_factory=dict)
    problems: list[DataProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing must be mended."""
        return not self.problems

    @property
    def verdict(self) -> str:
        """The result of the check in one line."""
        read = "every file was read" if self.deep else "a sample was read; --deep reads every file"
        state = "ready" if self.ok else f"problems: {len(self.problems)}"
        return f"{self.root}: {state} ({read})"

    def add(self, file: Path | str, what: str, cure: str) -> None:
        """Note a problem, once."""
        problem = DataProblem(str(file), what, cure)
        if problem not in self.problems:
            self.problems.append(problem)

    def to_json(self) -> dict[str, Any]:
        """The whole report, for JSON."""
        return {"ok": self.ok, "verdict": self.verdict, **asdict(self)}

    def to_table(self) -> Group:
        """The whole report for a terminal: facts as a table, problems as lines with whole names."""
        facts = Table(show_header=False)
        for name, value in self.facts.items():
            facts.add_row(name, value)
        for note in self.notes:
            facts.add_row("note", escape(note))
        lines = [f"{each.file}: {each.what}; {each.cure}" for each in self.problems[:MAX_SHOWN]]
        if len(self.problems) > MAX_SHOWN:
            lines.append(f"... and {len(self.problems) - MAX_SHOWN} more; see all with --json")
        return Group(facts, *map(Text, lines), Text(self.verdict))


def check_folder(root: Path, deep: bool, jobs: int, contents: Contents | None = None) -> DataReport:
    """Check the data in `root`: a sample of the files or, with `deep`, every one.

    Args:
        contents: hashes that runs remember; with `deep`, files are compared with them.

    Raises:
        Missing: no such folder, or no photographs in it.
        BadData: a zip file cannot be unpacked, or two files are the same image.
    """
    unpacked = unpack_all(root)
    data = open_folder(root)
    report = DataReport(str(root), deep, notes=[f"unpacked {target.name}" for target in unpacked])
    _count(data, report)
    for examine in (_pairs, _cars, _unused_files, _mask_table, _sample_table, _metadata):
        try:
            examine(data, report)
        except BadFile as error:
            report.add(error.file, error.what, error.cure)
    _read_files(data, report, jobs)
    if deep and contents:
        files = [*data.train.values(), *data.masks.values(), *data.test.values()]
        for path in contents.verify(files):
            what = "its bytes changed, and nothing else of it, since a run read it"
            report.add(path, what, "put it back; or run again, which now notices")
    return report


def _count(data: Carvana, report: DataReport) -> None:
    for name, photographs in (("training", data.train), ("test", data.test)):
        cars = {car_of(image) for image in photographs}
        folders = {path.parent.name for path in photographs.values()}
        where = "".join(f" in {folder}/" for folder in folders)
        report.facts[f"{name} photographs"] = f"{len(photographs)} of {len(cars)} cars{where}"
    report.facts["masks"] = f"{len(data.masks)} in train_masks/"


def _pairs(data: Carvana, report: DataReport) -> None:
    for image in sorted(data.masks.keys() - data.train.keys()):
        report.add(data.masks[image], "no photograph", "add the photograph or remove the mask")
    for image in sorted(data.train.keys() - data.masks.keys() - data.mask_rows.keys()):
        cure = f"add the mask, as {image}_mask.gif or .png, or remove the photograph"
        report.add(data.train[image], "no mask", cure)


def _cars(data: Carvana, report: DataReport) -> None:
    for name, photographs in (("training", data.train), ("test", data.test)):
        views = Counter(map(car_of, photographs))
        report.notes += naming_notes(list(photographs))
        odd = [f"{car} with {count}" for car, count in views.items() if count != VIEWS]
        if odd:
            report.notes.append(f"{len(odd)} {name} cars without {VIEWS} views, first {odd[0]}")
    misnamed = misnamed_cars(data.train)
    for car, why in misnamed.items():
        first = min(image for image in data.train if car_of(image) == car)
        report.add(data.train[first], why, NAMES_CURE)
    train_cars = {car_of(image) for image in data.train} - misnamed.keys()
    for image, path in data.test.items():
        if car_of(image) in train_cars:
            report.add(path, "its car is in the training folder too", "remove it from one of them")


def _unused_files(data: Carvana, report: DataReport) -> None:
    known = {*data.train.values(), *data.masks.values(), *data.test.values()}
    used = {path.parent for path in known}
    for folder in (data.root / name for name in FOLDERS):
        if folder.is_dir() and folder not in used:
            report.notes.append(f"{folder.name}/ is not used")
        elif folder.is_dir():
            for picture in other_pictures(folder):
                if picture not in known:
                    report.add(picture, "a picture in a format that is not read", CONVERT)
            others = sorted(set(folder.iterdir()) - known)
            if others:
                report.notes.append(f"{len(others)} other files are ignored, first {others[0]}")


def _mask_table(data: Carvana, report: DataReport) -> None:
    if data.mask_table is None:
        return
    report.facts["mask rows"] = f"{len(data.mask_rows)} in {data.mask_table.name}"
    unused = len(data.mask_rows.keys() - data.train.keys())
    if unused:
        report.notes.append(f"{unused} rows of {data.mask_table.name} have no photograph here")
    for image, text in data.mask_rows.items():
        try:
            rle.parse(text)
        except ValueError as error:
            report.add(data.mask_table, f"row of {image}: {error}", "restore the file")


def _sample_table(data: Carvana, report: DataReport) -> None:
    if data.sample is None:
        return
    rows = read_mask_table(data.sample).keys()
    report.facts["rows to submit"] = f"{len(rows)} in {data.sample.name}"
    for image in sorted(data.test.keys() - rows):
        report.add(
            data.test[image], f"not in {data.sample.name}", "restore that file, or remove this"
        )
    absent = len(rows - data.test.keys())
    if absent:
        report.notes.append(f"{absent} of {len(rows)} photographs to submit are not here")


def _metadata(data: Carvana, report: DataReport) -> None:
    if data.metadata_table is None:
        return
    known = metadata(data.root).keys()
    cars = {car_of(image) for image in (*data.train, *data.test)}
    report.facts["metadata"] = f"{len(known)} cars, {len(cars & known)} of the {len(cars)} here"
    if cars - known:
        report.notes.append(f"cars without a row in metadata.csv, first {min(cars - known)}")


ReadTask = tuple[Carvana, str, bool]  # data set, image, whether it is a training photograph


@dataclass(frozen=True)
class FileRead:
    """What reading a photograph and its mask gave; the size of an unreadable one is None."""

    size: tuple[int, ...] | None
    covered: float | None  # share of the photograph that is car
    turned: bool  # as its EXIF orientation says
    signs: frozenset[str]  # of its mask, by which it would not be a car's
    errors: tuple[BadFile, ...]


def _read_files(data: Carvana, report: DataReport, jobs: int) -> None:
    images: list[ReadTask] = [
        (data, image, True) for image in _chosen(list(data.train), report.deep)
    ]
    images += [(data, image, False) for image in _chosen(list(data.test), report.deep)]
    reads = list(track(prefetch(_read_file, images, jobs), "reading", len(images)))
    for read in reads:
        for error in read.errors:
            report.add(error.file, error.what, error.cure)
    sizes = Counter(read.size for read in reads if read.size)
    report.facts["files read"] = f"{len(images)} photographs" + "".join(
        f", {count} of {height}x{width}" for (height, width), count in sizes.most_common()
    )
    covered = [100 * read.covered for read in reads if read.covered is not None]
    if covered:
        mean = sum(covered) / len(covered)
        report.facts["car pixels"] = (
            f"{min(covered):.1f} to {max(covered):.1f} %, mean {mean:.1f} %"
        )
    _note_odd_files(data, report, images, reads)


def _note_odd_files(
    data: Carvana, report: DataReport, images: Sequence[ReadTask], reads: Sequence[FileRead]
) -> None:
    signs = [each.signs for each in reads if each.covered is not None]
    for error in mistakes(data, signs).values():
        report.add(error.file, error.what, error.cure)
    found: dict[str, list[str]] = defaultdict(list)
    for (_, image, _), each in zip(images, reads, strict=True):
        for sign in each.signs:
            found[f"masks read {SIGNS[sign]}"].append(image)
        if each.turned:
            found[TURNED].append(image)
    for what, names in found.items():
        report.notes.append(f"{len(names)} {what}, first {names[0]}")


def _chosen(images: Sequence[str], deep: bool) -> Sequence[str]:
    """All images, or about `SAMPLED` of them, evenly spread."""
    return images if deep else images[:: max(1, len(images) // SAMPLED)]


def _read_file(task: ReadTask) -> FileRead:
    data, image, train = task
    path = (data.train if train else data.test)[image]
    errors, size, covered, turned, signs = [], None, None, False, frozenset[str]()
    try:
        size, turned = read_image(path).shape[:2], is_turned(path)
    except BadFile as error:
        errors.append(error)
    try:
        if train and (image in data.masks or image in data.mask_rows):
            mask = _mask(data, image)
            covered, signs = float(mask.mean()), signs_of(mask, is_row=image not in data.masks)
    except BadFile as error:
        errors.append(error)
    return FileRead(size, covered, turned, signs, tuple(errors))


def _mask(data: Carvana, image: str) -> Mask:
    """The mask of a photograph; its picture and its row must agree where both are there."""
    mask = data.mask(image)
    if image in data.masks and image in data.mask_rows:
        try:
            same = np.array_equal(rle.decode(data.mask_rows[image], mask.shape), mask)
        except ValueError:
            same = False
        if not same:
            what = f"differs from {data.mask_table}"
            raise BadFile(data.masks[image], what, "restore the right one")
    return mask
