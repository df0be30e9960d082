"""A Carvana folder in Kaggle's layout: find its files, read photographs, masks and tables."""

import csv
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.data.images import image_size, read_mask
from bench.masks import rle
from bench.masks.types import Mask, Size
from bench.system.errors import BadFile, Missing
from bench.system.threads import prefetch

SIZE = (1280, 1918)  # height, width of every photograph of the competition
VIEWS = 16  # photographs of one car
PHOTOGRAPH_SUFFIXES = {".jpg", ".jpeg", ".png"}
MASK_SUFFIXES = {".gif", ".png"}
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
        raise BadFile(
            path,
            f"the mask is {mask.shape[0]}x{mask.shape[1]}, its photograph {photograph} is "
            f"{shape[0]}x{shape[1]}",
            "put back the files that belong together",
        )
    return mask


def _decode_row(data: Carvana, image_id: str, shape: Size) -> Mask:
    if image_id not in data.mask_rows:
        raise _no_mask(data, [image_id])
    try:
        return rle.decode(data.mask_rows[image_id], shape)
    except ValueError as error:
        row = f"{data.mask_table}, row of {image_id}"
        raise BadFile(row, str(error), "restore the file") from error


def _no_mask(data: Carvana, images: list[str]) -> BadFile:
    more = f" (and {len(images) - 1} more)" if len(images) > 1 else ""
    return BadFile(
        data.train[images[0]],
        f"no mask in {data.root / 'train_masks'} or train_masks.csv{more}",
        "add the mask or remove the photograph",
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
        masks=_list(root / "train_masks", MASK_SUFFIXES, ending="_mask"),
        test=_photographs(root, "test"),
        mask_table=_file(root / "train_masks.csv"),
        metadata_table=_file(root / "metadata.csv"),
        sample=_file(root / "sample_submission.csv"),
    )
    if not data.train and not data.test:
        packed = any(root.glob("*.zip"))
        cure = "unpack first: carvana-bench check --data DIR" if packed else "see data/README.md"
        raise Missing(f"{root}: no photographs in train/, train_hq/, test/ or test_hq/; {cure}")
    return data


def _photographs(root: Path, name: str) -> dict[str, Path]:
    better = _list(root / f"{name}_hq", PHOTOGRAPH_SUFFIXES)
    return better or _list(root / name, PHOTOGRAPH_SUFFIXES)


def _file(path: Path) -> Path | None:
    return path if path.is_file() else None


def _list(folder: Path, suffixes: set[str], ending: str = "") -> dict[str, Path]:
    """Image id -> file, in order of names; ids are names without `ending`; no folder, no files."""
    if not folder.is_dir():
        return {}
    files: dict[str, Path] = {}
    for name in sorted(os.listdir(folder)):  # noqa: PTH208 (names alone: no Path per file)
        stem, _, suffix = name.rpartition(".")
        if name.startswith(".") or f".{suffix.lower()}" not in suffixes:
            continue
        image_id = stem.removesuffix(ending)
        if image_id in files:
            raise BadFile(folder / name, f"{files[image_id].name} is the same image", "remove one")
        files[image_id] = folder / name
    return files


def read_mask_table(table: Path) -> dict[str, str]:
    """Image id -> run-length text, from a table `img,rle_mask` like train_masks.csv.

    Raises:
        BadData: the table has another header, or an image has two rows.
    """
    rows: dict[str, str] = {}
    with table.open(encoding="utf-8", errors="replace") as lines:
        header = next(lines, "").strip()
        if header.replace('"', "") != "img,rle_mask":
            raise BadFile(
                f"{table}, line 1", f"'{header[:40]}' is not 'img,rle_mask'", "restore the file"
            )
        for number, line in enumerate(lines, start=2):
            name, _, text = line.strip().replace('"', "").partition(",")
            image_id = name.rpartition(".")[0] or name
            if image_id in rows:
                raise BadFile(f"{table}, line {number}", f"a second row for {name}", "remove one")
            rows[image_id] = text
    return rows


def metadata(root: Path) -> dict[str, tuple[str, str, str]]:
    """Car -> year, make, model, from metadata.csv; empty where there is no such table.

    Raises:
        BadData: the table lacks one of these columns.
    """
    table = _file(Path(root) / "metadata.csv")
    if table is None:
        return {}
    with table.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        if not {"id", "year", "make", "model"} <= set(reader.fieldnames or ()):
            raise BadFile(f"{table}, line 1", "not id, year, make, model, ...", "restore the file")
        return {row["id"]: (row["year"], row["make"], row["model"]) for row in reader}


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
