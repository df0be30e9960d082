"""A data set: where its photographs and masks lie, by image id, whatever folder they come from."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from bench.data.image_ids import has_view
from bench.data.images import image_size, read_mask, stored_size
from bench.data.listing import id_in_table
from bench.data.mask_formats import Marks, fill_holes
from bench.data.tables import read_table
from bench.masks import rle
from bench.masks.types import Mask, ReadMap, Size
from bench.system.errors import BadFile, Missing
from bench.system.threads import prefetch

MASK_COLUMNS = ("img", "rle_mask")
Unit = Literal["car", "group"]  # what is held out together
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass(frozen=True)
class Own:
    """What one's own pictures have instead of Kaggle's layout, as their data.yaml says it."""

    names: Mapping[str, str]  # image id -> its file's name in tables, such as left/0042.jpg
    marks: Marks
    rows: Mapping[str, str] = field(default_factory=dict)  # in the table of masks -> image id
    folds: Path | None = None  # table group,fold
    heldout: Path | None = None  # table whose column `group` names the groups that are scored


@dataclass(frozen=True)
class DataSet:
    """Where each file of a data set lies, by image id; no file has been read."""

    root: Path
    train: dict[str, Path]  # photographs to learn from
    masks: dict[str, Path]  # mask pictures; empty where only `mask_table` is there
    test: dict[str, Path]  # photographs without masks
    mask_table: Path | None  # train_masks.csv
    metadata_table: Path | None  # metadata.csv
    sample: Path | None  # sample_submission.csv
    own: Own | None = None  # None: Kaggle's layout

    @cached_property
    def of_cars(self) -> bool:
        """Whether ids name cars and their views, as Kaggle's do; else they name groups at most."""
        return not self.own and any(map(has_view, (*self.train, *self.test)))

    @property
    def unit(self) -> Unit:
        """What is held out together."""
        return "car" if self.of_cars else "group"

    @cached_property
    def sample_names(self) -> frozenset[str]:
        """The file names in `sample`; empty without it."""
        rows = read_table(self.sample, MASK_COLUMNS[:1]) if self.sample else []
        return frozenset(name for _, (name,) in rows)

    @cached_property
    def mask_rows(self) -> dict[str, str]:
        """Image id -> run-length text of `mask_table`; empty without the table."""
        rows = read_mask_table(self.mask_table) if self.mask_table else {}
        if not self.own:
            return rows
        found = dict[str, str]()
        for name, text in rows.items():
            image = self.own.rows.get(name)
            if image in found:
                what = f"two rows of {self.own.names[image]}, one of them as {name}"
                raise BadFile(str(self.mask_table), what, "remove one")
            if image:
                found[image] = text
        return found

    def mask(self, image_id: str) -> Mask:
        """The mask (H, W) of a training photograph, at the photograph's size.

        Raises:
            BadData: the image has no mask, or its mask is damaged or of another size.
        """
        shape = image_size(self.train[image_id])
        if image_id in self.masks:
            marks = self.own.marks if self.own else None
            mask = _read_mask_of(shape, self.masks[image_id], self.train[image_id], marks)
        else:
            mask = _decode_row(self, image_id, shape)
        return fill_holes(mask) if self.own and self.own.marks.fill_holes else mask


@dataclass(frozen=True)
class Lessons:
    """Photographs whose targets are a teacher's maps."""

    photographs: Mapping[str, Path]  # by image id
    made_from: Mapping[str, str]  # image id -> a hash of its photograph and its map
    map: ReadMap
    share: float  # of the samples of an epoch


def unit_of(columns: Container[str]) -> Unit:
    """Return what the images of a table were held out with, by its columns: a car without any."""
    return next((unit for unit in UNITS if unit in columns), "car")


def _read_mask_of(shape: Size, path: Path, photograph: Path, marks: Marks | None) -> Mask:
    mask = read_mask(path, marks)
    if mask.shape != shape:
        raise other_size(path, "the mask is", mask.shape, photograph)
    return mask


def other_size(file: Path | str, what: str, size: tuple[int, ...], photograph: Path) -> BadFile:
    """The error of a mask, or of an annotation of it, of another size than its photograph.

    Args:
        what: how the sentence begins that says the size, such as "the mask is".
    """
    shape = image_size(photograph)
    of = f"{what} {size[0]}x{size[1]}, its photograph {photograph} is {shape[0]}x{shape[1]}"
    if size == stored_size(photograph):
        return BadFile(
            file,
            f"{of} when it is turned upright as its EXIF says",
            "turn the mask alike, or save the photograph without its EXIF orientation",
        )
    return BadFile(file, of, "put back the files that belong together")


def _decode_row(data: DataSet, image_id: str, shape: Size) -> Mask:
    if image_id not in data.mask_rows:
        raise _no_mask(data, [image_id])
    row = f"{data.mask_table}, row of {image_id}"
    try:
        mask = rle.decode(data.mask_rows[image_id], shape)
    except ValueError as error:
        raise BadFile(row, str(error), "restore the file") from error
    stored = stored_size(data.train[image_id])
    if stored != shape and changes_at(mask, stored[1]) < changes_at(mask, shape[1]):
        raise other_size(row, "the mask is", stored, data.train[image_id])
    return mask


def changes_at(mask: Mask, distance: int) -> int:
    """Number of pixels of a mask (H, W) that are unlike the one so many pixels after them.

    A car is solid, so it is least at the distance of the pixel below: the width that was encoded.
    """
    flat = mask.ravel()
    return int(np.count_nonzero(flat[distance:] != flat[:-distance]))


def _no_mask(data: DataSet, images: list[str]) -> BadFile:
    more = f" (and {len(images) - 1} more)" if len(images) > 1 else ""
    return BadFile(
        data.train[images[0]],
        f"no mask in {data.root / 'train_masks'} or train_masks.csv{more}",
        f"add the mask, as {images[0]}_mask.gif or .png, or remove the photograph",
    )


def read_mask_table(table: Path) -> dict[str, str]:
    """Image id -> run-length text, from a table `img,rle_mask` like train_masks.csv.

    Raises:
        BadData: as `read_table`, or an image has two rows.
    """
    rows: dict[str, str] = {}
    for number, (name, text) in read_table(table, MASK_COLUMNS):
        image_id = id_in_table(name)
        if image_id in rows:
            raise BadFile(f"{table}, line {number}", f"a second row for {name}", "remove one")
        rows[image_id] = text
    return rows


def mask_areas(data: DataSet, jobs: int = 1) -> dict[str, int]:
    """Training image -> pixels of its mask; from the table's run lengths where it has the image.

    Raises:
        Missing: there are no training photographs.
        BadData: a training photograph has no mask, or a mask is damaged.
    """
    if not data.train:
        raise Missing(f"{data.root}: no training photographs; see data/README.md")
    unmasked = sorted(data.train.keys() - data.masks.keys() - data.mask_rows.keys())
    if unmasked:
        raise _no_mask(data, unmasked)
    if data.own:
        sums = prefetch(lambda image: int(np.count_nonzero(data.mask(image))), data.train, jobs)
        return dict(zip(data.train, sums, strict=True))
    areas = {image: _row_area(data, image) for image in data.train if image in data.mask_rows}
    pictures = [image for image in data.train if image not in areas]
    sums = prefetch(_mask_area, [data.masks[image] for image in pictures], jobs)
    areas.update(zip(pictures, sums, strict=True))
    return {image: areas[image] for image in data.train}


def _row_area(data: DataSet, image_id: str) -> int:
    try:
        return int(rle.parse(data.mask_rows[image_id])[:, 1].sum())
    except ValueError as error:
        row = f"{data.mask_table}, row of {image_id}"
        raise BadFile(row, str(error), "restore the file") from error


def _mask_area(path: Path) -> int:
    return int(np.count_nonzero(read_mask(path)))
