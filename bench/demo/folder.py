"""Write the embedded demo data set, in exactly Kaggle's layout.

Reads   nothing.
Writes  train/, train_masks/, test/, test_masks/ (the answers, demo only), train_masks.csv,
        metadata.csv, sample_submission.csv, and last of all demo.json.

The masks are exact: a pixel is car where the mesh covers at least half of it; windows are car.
Scores on these pictures say nothing about Kaggle.
"""

import csv
import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg

from bench.data.carvana import DEMO_MARKER, VIEWS
from bench.data.images import read_mask, write_mask
from bench.demo.photograph import Car, random_car, take_photograph
from bench.masks import rle
from bench.system.disk import check_writable
from bench.system.errors import BadConfig, BadData
from bench.system.files import read_json, replacing, write_bytes, write_json
from bench.system.progress import track
from bench.system.threads import prefetch

VERSION = 1  # of the drawing code: another version draws other pictures under other ids
VIEW_NUMBERS = range(1, VIEWS + 1)
JPEG_QUALITY = 56  # of the JPEG files: the real set's quantisation tables


class Subject(NamedTuple):
    """A car of the data set and the folders of its photographs and masks."""

    number: int
    car: str  # 12 hexadecimal digits
    photographs: Path
    masks: Path


def draw_folder(out: Path, cars: int, test_cars: int, seed: int, jobs: int) -> None:
    """Draw `cars` training and `test_cars` test cars into `out`; complete images are kept.

    The same arguments give the same bytes for any number of jobs. A complete folder is left alone.

    Raises:
        BadConfig: no cars are asked for, or the seed is negative.
        BadData: `out` holds pictures of another demo set.
    """
    if cars < 1 or test_cars < 0 or seed < 0:
        raise BadConfig(
            f"demo: cars {cars}, test cars {test_cars}, seed {seed}: at least one car is needed, "
            "and no number may be negative"
        )
    marker = {"version": VERSION, "seed": seed, "cars": cars, "test_cars": test_cars}
    if _is_complete(out, marker):
        return
    check_writable(out)
    subjects = _subjects(out, cars, test_cars, seed)
    _refuse_other_pictures(out, subjects)
    draw = partial(_draw, seed)
    for _ in track(prefetch(draw, subjects, jobs), "drawing demo cars", len(subjects)):
        pass
    _write_tables(out, subjects[:cars], subjects[cars:], seed)
    write_json(out / DEMO_MARKER, marker)


def _is_complete(out: Path, marker: dict[str, int]) -> bool:
    path = out / DEMO_MARKER
    if not path.is_file():
        return False
    stored = read_json(path, dict[str, int], "give the same command again")
    if stored != marker:
        raise BadData(
            f"{path}: this folder holds another demo set ({stored}) than the one asked for "
            f"({marker}); choose another folder or delete this one"
        )
    return True


def _subjects(out: Path, cars: int, test_cars: int, seed: int) -> list[Subject]:
    subjects = []
    for number in range(cars + test_cars):
        name = hashlib.sha256(f"demo {VERSION} {seed} {number}".encode()).hexdigest()[:12]
        part = "train" if number < cars else "test"
        subjects.append(Subject(number, name, out / part, out / f"{part}_masks"))
    return subjects


def _refuse_other_pictures(out: Path, subjects: list[Subject]) -> None:
    """Stop before pictures of two data sets mix in one folder."""
    for part in ("train", "test"):
        ours = {subject.car for subject in subjects if subject.photographs.name == part}
        for path in sorted((out / part).glob("*.jpg")):
            if path.name[:12] not in ours:
                raise BadData(
                    f"{path}: not a picture of the demo set asked for; choose an empty folder"
                )


def _draw(seed: int, subject: Subject) -> None:
    """Write the photographs and masks of one car that are not there yet."""
    car: Car | None = None
    for view in VIEW_NUMBERS:
        photograph = subject.photographs / f"{subject.car}_{view:02d}.jpg"
        mask = subject.masks / f"{subject.car}_{view:02d}_mask.gif"
        if photograph.is_file() and mask.is_file():
            continue
        car = car or random_car(seed, subject.number)
        picture, silhouette = take_photograph(car, view)
        write_mask(mask, silhouette)
        write_bytes(photograph, simplejpeg.encode_jpeg(picture, JPEG_QUALITY, "RGB", "420"))


def _write_tables(out: Path, train: list[Subject], test: list[Subject], seed: int) -> None:
    masks = []
    for subject in sorted(train, key=lambda subject: subject.car):
        for view in VIEW_NUMBERS:
            name = f"{subject.car}_{view:02d}"
            masks.append((f"{name}.jpg", rle.encode(read_mask(subject.masks / f"{name}_mask.gif"))))
    _write_csv(out / "train_masks.csv", ("img", "rle_mask"), masks, csv.QUOTE_MINIMAL)
    names = sorted(f"{subject.car}_{view:02d}.jpg" for subject in test for view in VIEW_NUMBERS)
    rows = [(name, "1 1") for name in names]
    _write_csv(out / "sample_submission.csv", ("img", "rle_mask"), rows, csv.QUOTE_MINIMAL)
    about = [_metadata(subject, seed) for subject in sorted([*train, *test], key=lambda s: s.car)]
    header = ("id", "year", "make", "model", "trim1", "trim2")
    _write_csv(out / "metadata.csv", header, about, csv.QUOTE_ALL)


def _metadata(subject: Subject, seed: int) -> tuple[str, ...]:
    random = np.random.default_rng((seed, subject.number, 2))
    trim = str(random.choice(("Base", "Sport", "Touring")))
    return (
        subject.car,
        str(random.integers(2003, 2017)),
        "Demo",
        f"Model {subject.number}",
        trim,
        trim,
    )


def _write_csv(
    path: Path, header: tuple[str, ...], rows: Sequence[tuple[str, ...]], quoting: int
) -> None:
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=quoting, lineterminator="\n")  # type: ignore[arg-type]
        writer.writerows([header, *rows])
