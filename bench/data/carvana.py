"""A Carvana folder in Kaggle's layout: find its files, read photographs, masks and tables."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.data.archive import packed_files
from bench.data.images import image_size, read_mask, stored_size
from bench.data.listing import (
    CONVERT,
    MASK_SUFFIXES,
    PHOTOGRAPH_SUFFIXES,
    find,
    id_in_table,
    list_pictures,
    normal_id,
    other_pictures,
)
from bench.data.tables import read_table
from bench.masks import rle
from bench.masks.types import Mask, Size
from bench.system.errors import BadFile, BenchError, Missing
from bench.system.threads import prefetch

SIZE = (1280, 1918)  # height, width of every photograph of the competition
VIEWS = 16  # photographs of one car
MASK_COLUMNS = ("img", "rle_mask")
METADATA_COLUMNS = ("id", "year", "make", "model")
DEMO_MARKER = "demo.json"  # only a folder of drawn photographs holds this file


def car_of(image_id: str) -> str:
    """The car that an image shows: its id without the view.

    An id that does not end in a two-digit view is a car of its own.

    >>> car_of("00087a6bd4dc_05"), car_of("COCO_val2014_000000000042")
    ('00087a6bd4dc', 'COCO_val2014_000000000042')
    """
    return _parts(image_id)[0]


def view_of(image_id: str) -> int:
    """The number of an image among the views of its car; 1 where its id ends in no view.

    >>> view_of("00087a6bd4dc_05"), view_of("COCO_val2014_000000000042")
    (5, 1)
    """
    return _parts(image_id)[1]


def _parts(image_id: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.+)_(\d\d)", image_id)
    return (match[1], int(match[2])) if match else (image_id, 1)


@dataclass(frozen=True)
class Carvana:
    """Where each file of a data set lies, by image id; no file has been read."""

    root: Path
    train: dict[str, Path]  # photographs to learn from
    masks: dict[str, Path]  # mask pictures; empty where only `mask_table` is there
    test: dict[str, Path]  # photographs without masks
    mask_table: Path | None  # train_masks.csv
    metadata_table: Path | None  # metadata.csv
    sample: Path | None  # sample_submission.csv

    @cached_property
    def mask_rows(self) -> dict[str, str]:
        """Image id -> run-length text of `mask_table`; empty without the table."""
        return read_mask_table(self.mask_table) if self.mask_table else {}

    def mask(self, image_id: str) -> Mask:
        """The mask (H, W) of a training photograph, at the photograph's size.

        Raises:
            BadData: the image has no mask, or its mask is damaged or of another size.
        """
        shape = image_size(self.train[image_id])
        if image_id in self.masks:
            return _read_mask_of(shape, self.masks[image_id], self.train[image_id])
        return _decode_row(self, image_id, shape)


def _read_mask_of(shape: Size, path: Path, photograph: Path) -> Mask:
    mask = read_mask(path)
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


def _decode_row(data: Carvana, image_id: str, shape: Size) -> Mask:
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


def _no_mask(data: Carvana, images: list[str]) -> BadFile:
    more = f" (and {len(images) - 1} more)" if len(images) > 1 else ""
    return BadFile(
        data.train[images[0]],
        f"no mask in {data.root / 'train_masks'} or train_masks.csv{more}",
        f"add the mask, as {images[0]}_mask.gif or .png, or remove the photograph",
    )


def open_folder(root: Path) -> Carvana:
    """The data set in `root`, found by listing its folders; no file is read.

    The folders `train_hq` and `test_hq` are preferred to `train` and `test` where both are there.

    Raises:
        Missing: no such folder, or neither training nor test photographs in it.
        BadData: two files carry one image id.
    """
    root = Path(root)
    if not root.is_dir():
        raise Missing(f"{root}: no such folder; name the folder that holds train/ and train_masks/")
    data = Carvana(
        root=root,
        train=_photographs(root, "train"),
        masks=list_pictures(find(root, "train_masks"), MASK_SUFFIXES, ending="_mask"),
        test=_photographs(root, "test"),
        mask_table=_table(root, "train_masks.csv"),
        metadata_table=_table(root, "metadata.csv"),
        sample=_table(root, "sample_submission.csv"),
    )
    if not data.train and not data.test:
        raise _no_photographs(root)
    return data


def _photographs(root: Path, name: str) -> dict[str, Path]:
    better = list_pictures(find(root, f"{name}_hq"), PHOTOGRAPH_SUFFIXES)
    return better or list_pictures(find(root, name), PHOTOGRAPH_SUFFIXES)


def _table(root: Path, name: str) -> Path | None:
    path = find(root, name)
    return path if path.is_file() else None


def _no_photographs(root: Path) -> BenchError:
    for name in ("train", "train_hq", "test", "test_hq"):
        others = other_pictures(find(root, name))
        if others:
            what = f"none of the {len(others)} pictures like this is in a format that is read"
            return BadFile(others[0], what, CONVERT)
    if list_pictures(root, PHOTOGRAPH_SUFFIXES):
        return Missing(
            f"{root}: holds photographs itself; name the folder above, with train/ in it"
        )
    packed, zips = packed_files(root), sorted(root.glob("*.[zZ][iI][pP]"))
    if packed:
        cure = f"unpack {packed[0].name} first: carvana-bench check --data {root}"
    elif zips:
        cure = f"{zips[0].name} holds none of these: unpack it and name its folders so"
    else:
        cure = "see data/README.md"
    return Missing(f"{root}: no photographs in train/, train_hq/, test/ or test_hq/; {cure}")


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


def metadata(root: Path) -> dict[str, tuple[str, str, str]]:
    """Car -> year, make, model, from metadata.csv; empty where there is no such table.

    Raises:
        BadData: as `read_table`, or a car has two rows.
    """
    table = _table(Path(root), "metadata.csv")
    cars: dict[str, tuple[str, str, str]] = {}
    for number, (car, *about) in read_table(table, METADATA_COLUMNS) if table else ():
        if normal_id(car) in cars:
            raise BadFile(f"{table}, line {number}", f"a second row for {car}", "remove one")
        cars[normal_id(car)] = (about[0], about[1], about[2])
    return cars


def mask_areas(data: Carvana, jobs: int = 1) -> dict[str, int]:
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
    areas = {image: _row_area(data, image) for image in data.train if image in data.mask_rows}
    pictures = [image for image in data.train if image not in areas]
    sums = prefetch(_mask_area, [data.masks[image] for image in pictures], jobs)
    areas.update(zip(pictures, sums, strict=True))
    return {image: areas[image] for image in data.train}


def _row_area(data: Carvana, image_id: str) -> int:
    try:
        return int(rle.parse(data.mask_rows[image_id])[:, 1].sum())
    except ValueError as error:
        row = f"{data.mask_table}, row of {image_id}"
        raise BadFile(row, str(error), "restore the file") from error


def _mask_area(path: Path) -> int:
    return int(np.count_nonzero(read_mask(path)))


def is_drawn(data: Carvana) -> bool:
    """Whether the photographs are the demo's."""
    return (data.root / DEMO_MARKER).exists()


def is_real(data: Carvana) -> bool:
    """Whether the photographs are the competition's: not drawn, and of its size."""
    if is_drawn(data) or not data.train:
        return False
    return image_size(next(iter(data.train.values()))) == SIZE
