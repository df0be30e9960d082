"""Check a data folder: report what it holds and everything that is wrong with it.

Reads  a data folder; unpacks Kaggle's zip files in it first, if it is in Kaggle's layout.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.data.archive import unpack_all
from bench.data.dataset import DataSet
from bench.data.doubts import EMPTY, OF_OTHER_THINGS, SIGNS, TURNED, mistakes, signs_of
from bench.data.folds import given_folds
from bench.data.image_ids import car_of, spread
from bench.data.images import is_turned, read_image, values_of
from bench.data.listing import MASK_SUFFIXES
from bench.masks import rle
from bench.masks.types import Mask
from bench.own.data_report import DataReport
from bench.own.description import FILE
from bench.own.kaggle_layout import (
    examine_cars,
    examine_files,
    examine_metadata,
    examine_sample,
)
from bench.own.opening import open_data
from bench.system.contents import Contents
from bench.system.errors import BadFile
from bench.system.progress import track
from bench.system.text import several
from bench.system.threads import prefetch

SAMPLED = 16  # photographs of each kind that are read without `deep`


def check_folder(root: Path, deep: bool, jobs: int, contents: Contents | None = None) -> DataReport:
    """Check the data in `root`: a sample of the files or, with `deep`, every one.

    Args:
        contents: hashes that runs remember; with `deep`, files are compared with them.

    Raises:
        Missing: no such folder, or no photographs in it.
        BadData: a zip file cannot be unpacked, or two files are the same image.
    """
    unpacked = [] if (root / FILE).is_file() else unpack_all(root)
    report = check_data(open_data(root), deep, jobs, contents)
    report.notes[:0] = [f"unpacked {target.name}" for target in unpacked]
    return report


def check_data(
    data: DataSet, deep: bool, jobs: int, contents: Contents | None = None
) -> DataReport:
    """Check an opened data set; as `check_folder`."""
    report = DataReport(str(data.root), deep)
    _count(data, report)
    for examine in _OF_OWN if data.own else _OF_KAGGLES:
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


def _count(data: DataSet, report: DataReport) -> None:
    for name, photographs in (("training", data.train), ("test", data.test)):
        groups = several(len({car_of(image) for image in photographs}), data.unit)
        folders = {path.parent.name for path in photographs.values()}
        where = "" if data.own else "".join(f" in {folder}/" for folder in folders)
        report.facts[f"{name} photographs"] = f"{len(photographs)} of {groups}{where}"
    report.facts["masks"] = f"{len(data.masks)} {'pictures' if data.own else 'in train_masks/'}"


def _pairs(data: DataSet, report: DataReport) -> None:
    for image in sorted(data.masks.keys() - data.train.keys()):
        report.add(data.masks[image], "no photograph", "add the photograph or remove the mask")
    for image in sorted(data.train.keys() - data.masks.keys() - data.mask_rows.keys()):
        cure = f"add the mask, as {image}_mask.gif or .png, or remove the photograph"
        report.add(data.train[image], "no mask", cure)


def _mask_table(data: DataSet, report: DataReport) -> None:
    if data.mask_table is None:
        return
    report.facts["mask rows"] = f"{len(data.mask_rows)} in {data.mask_table.name}"
    unused = len(data.mask_rows.keys() - data.train.keys())
    if unused:
        rows = several(unused, "row")
        report.notes.append(f"{rows} of {data.mask_table.name} without a photograph here")
    for image, text in data.mask_rows.items():
        try:
            rle.parse(text)
        except ValueError as error:
            report.add(data.mask_table, f"row of {image}: {error}", "restore the file")


def _groups(data: DataSet, report: DataReport) -> None:
    """Note what is odd about the groups of one's own pictures; and read the tables beside them."""
    groups = {car_of(image) for image in data.train}
    if shared := sorted(groups & {car_of(image) for image in data.test}):
        groups_of_both = several(len(shared), "group")
        report.notes.append(f"{groups_of_both} with test photographs too, first {shared[0]}")
    if len(data.train) < 2:
        report.add(next(iter(data.train.values())), "one photograph has a mask", "add more of them")
    elif len(groups) < 2:
        what = "all training photographs are of one group"
        report.add(next(iter(data.train.values())), what, "say groups that tell them apart")
    given_folds(data)


def _unused(data: DataSet, report: DataReport) -> None:
    """Note pictures beside one's own that no pattern takes, as those of a suffix in capitals."""
    used = {*data.train.values(), *data.test.values(), *data.masks.values()}
    beside = sorted(
        path
        for folder in {path.parent for path in used}
        for path in folder.iterdir()
        if path.suffix.lower() in MASK_SUFFIXES and path not in used and path.name[0] != "."
    )
    if beside:
        count = several(len(beside), "picture")
        report.notes.append(f"{count} beside them that no pattern takes, first {beside[0]}")


_OF_KAGGLES = (_pairs, examine_cars, examine_files, _mask_table, examine_sample, examine_metadata)
_OF_OWN = (_groups, _mask_table, _unused)
ReadTask = tuple[DataSet, str, bool]  # data set, image, whether it is a training photograph


@dataclass(frozen=True)
class FileRead:
    """What reading a photograph and its mask gave; the size of an unreadable one is None."""

    size: tuple[int, ...] | None
    covered: float | None  # share of the photograph that is car
    turned: bool  # as its EXIF orientation says
    signs: frozenset[str]  # of its mask, by which it would not be a car's
    errors: tuple[BadFile, ...]


def _read_files(data: DataSet, report: DataReport, jobs: int) -> None:
    images: list[ReadTask] = [
        (data, image, True) for image in _chosen(list(data.train), report.deep)
    ]
    images += [(data, image, False) for image in _chosen(list(data.test), report.deep)]
    reads = list(track(prefetch(_read_file, images, jobs), "reading", len(images)))
    for read in reads:
        for error in read.errors:
            report.add(error.file, error.what, error.cure)
    sizes = Counter(read.size for read in reads if read.size)
    report.facts["files read"] = several(len(images), "photograph") + "".join(
        f", {count} of {height}x{width}" for (height, width), count in sizes.most_common()
    )
    covered = [100 * read.covered for read in reads if read.covered is not None]
    if covered:
        mean = sum(covered) / len(covered)
        report.facts["car pixels" if data.of_cars else "masked pixels"] = (
            f"{min(covered):.1f} to {max(covered):.1f} %, mean {mean:.1f} %"
        )
    _note_odd_files(data, report, images, reads)


def _note_odd_files(
    data: DataSet, report: DataReport, images: Sequence[ReadTask], reads: Sequence[FileRead]
) -> None:
    signs = [each.signs for each in reads if each.covered is not None]
    for sign, error in mistakes(data, signs).items():
        if not data.own or sign not in OF_OTHER_THINGS:
            report.add(error.file, error.what, error.cure)
    if data.own and signs and all(EMPTY in shown for shown in signs):
        report.add(*_all_empty(data, len(signs)))
    found: dict[str, list[str]] = defaultdict(list)
    for (_, image, _), each in zip(images, reads, strict=True):
        for sign in each.signs:
            found[f"of {several(len(signs), 'mask')} read {SIGNS[sign]}"].append(image)
        if each.turned:
            found[f"of {len(reads)} {TURNED}"].append(image)
    for what, names in found.items():
        report.notes.append(f"{len(names)} {what}, first {names[0]}")


def _all_empty(data: DataSet, count: int) -> tuple[Path, str, str]:
    """The problem of masks of which none has a pixel: likely, another value is meant."""
    if not data.masks:
        return Path(str(data.mask_table)), f"all {count} masks read are empty", "mend the rows"
    mask = next(iter(data.masks.values()))
    what = f"all {count} masks read are empty; this one holds the values {values_of(mask)}"
    return mask, what, "choose one of these by --value or `value`, or a --threshold within them"


def _chosen(images: Sequence[str], deep: bool) -> Sequence[str]:
    """All images, or `SAMPLED` of them at most, evenly spread."""
    return images if deep else spread(images, SAMPLED)


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


def _mask(data: DataSet, image: str) -> Mask:
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
