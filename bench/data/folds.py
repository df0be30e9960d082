"""Folds of whole cars, each with small and large cars; the audit for leaks between them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.config.suite import Suite
from bench.data.carvana import Carvana, car_of, mask_areas, metadata
from bench.data.doubts import check_masks, check_names, naming_notes, turned_notes
from bench.data.tables import read_table
from bench.system.errors import BadConfig, BadFile, Missing
from bench.system.files import write_text
from bench.system.progress import say
from bench.system.text import several

FOLDS_COLUMNS = ("car", "fold")
RESTORE = "restore the file, or choose another folder with --runs"


def car_areas(areas: dict[str, int]) -> dict[str, float]:
    """Car -> mean mask area of its views, in pixels.

    >>> car_areas({"a_01": 10, "a_02": 20, "b_01": 7})
    {'a': 15.0, 'b': 7.0}
    """
    views = defaultdict(list)
    for image_id, area in areas.items():
        views[car_of(image_id)].append(area)
    return {car: float(np.mean(sizes)) for car, sizes in views.items()}


def make_folds(areas: dict[str, float], count: int, seed: int) -> dict[str, int]:
    """Car -> fold 0 .. count - 1, so that every fold holds small and large cars alike.

    Cars are sorted by area; each group of `count` neighbours is dealt to the folds in random order.

    Raises:
        BadConfig: fewer than two folds, or fewer cars than folds.
    """
    if len(areas) < 2:
        raise BadConfig(f"folds: there is {several(len(areas), 'car')}; add cars: two are needed")
    if not 2 <= count <= len(areas):
        raise BadConfig(
            f"folds: `count` is {count} for {len(areas)} cars; set it to 2 or more and to "
            f"{len(areas)} at most, or add cars"
        )
    ordered = sorted(areas, key=lambda car: (areas[car], car))
    random = np.random.default_rng(seed)
    dealt = [random.permutation(count) for _ in range(0, len(ordered), count)]
    order = np.concatenate(dealt)
    return dict(sorted((car, int(fold)) for car, fold in zip(ordered, order, strict=False)))


def in_fold(images: Iterable[str], folds: dict[str, int], fold: int) -> list[str]:
    """The images whose car is in the fold; `folds` of an image-level split holds images, not cars.

    >>> in_fold(["a_01", "a_02", "b_01"], {"a": 0, "b": 1}, 0)
    ['a_01', 'a_02']
    """
    return [image for image in images if fold in _folds_of(image, folds)]


def _folds_of(image: str, folds: dict[str, int]) -> set[int]:
    return {folds[each] for each in (car_of(image), image) if each in folds}


def write_folds(path: Path, folds: dict[str, int]) -> None:
    """Write the table `car,fold`."""
    rows = [f"{car},{fold}\n" for car, fold in sorted(folds.items())]
    write_text(path, "".join([f"{','.join(FOLDS_COLUMNS)}\n", *rows]))


def read_folds(path: Path) -> dict[str, int]:
    """Car -> fold, from the table `car,fold`.

    Raises:
        Missing: there is no such file.
        BadData: as `read_table`, or a line is not a car and a number, or a car has two lines.
    """
    if not path.exists():
        raise Missing(f"{path}: no folds yet; run the stage `folds` first")
    try:
        return _read_folds(path)
    except BadFile as error:  # the program wrote the table: how tables are mended is no cure
        raise BadFile(error.file, error.what, RESTORE) from error


def _read_folds(path: Path) -> dict[str, int]:
    folds: dict[str, int] = {}
    for number, (car, fold) in read_table(path, FOLDS_COLUMNS):
        if not car or not fold.isdecimal() or car in folds:
            what = f"'{car},{fold}' is not a car and its fold, or the car has a line already"
            raise BadFile(f"{path}, line {number}", what, RESTORE)
        folds[car] = int(fold)
    return folds


@dataclass(frozen=True)
class LeakAudit:
    """The cars and images that training and scoring share; any make scores too good."""

    train_cars: int
    scored_cars: int
    shared_cars: tuple[str, ...]
    shared_images: tuple[str, ...]

    @property
    def leaky(self) -> bool:
        """Whether a scored image shows a car that was trained on."""
        return bool(self.shared_cars)

    def __str__(self) -> str:
        verdict = "LEAKY" if self.leaky else "clean"
        return (
            f"leak audit: {verdict}: {len(self.shared_cars)} of {self.scored_cars} scored cars and "
            f"{len(self.shared_images)} scored images are among the {self.train_cars} trained cars"
        )


def leak_audit(train_images: Iterable[str], scored_images: Iterable[str]) -> LeakAudit:
    """Which cars and images are both trained on and scored."""
    train, scored = set(train_images), set(scored_images)
    train_cars, scored_cars = set(map(car_of, train)), set(map(car_of, scored))
    return LeakAudit(
        train_cars=len(train_cars),
        scored_cars=len(scored_cars),
        shared_cars=tuple(sorted(train_cars & scored_cars)),
        shared_images=tuple(sorted(train & scored)),
    )


@dataclass(frozen=True)
class Split:
    """The images of a fold by what they are used for; no image has two uses."""

    train: list[str]
    valid: list[str]
    heldout: list[str]

    def audit(self) -> LeakAudit:
        """Audit the scored images against those that trained the model or chose its epoch."""
        return leak_audit([*self.train, *self.valid], self.heldout)


def limit_cars(data: Carvana, cars: int | None) -> Carvana:
    """The data set with only its first `cars` training and test cars; None keeps all."""
    if cars is None:
        return data
    return replace(
        data, train=_of_first_cars(data.train, cars), test=_of_first_cars(data.test, cars)
    )


def _of_first_cars(images: dict[str, Path], cars: int) -> dict[str, Path]:
    kept = set(sorted({car_of(image) for image in images})[:cars])
    return {image: path for image, path in images.items() if car_of(image) in kept}


def draw_folds(data: Carvana, suite: Suite, jobs: int) -> dict[str, int]:
    """Draw a suite's folds: car -> fold, or image -> fold where the suite splits by image.

    All that would spoil a training or its report is looked at before hours are spent.

    Raises:
        Missing, BadData, BadConfig: as `mask_areas`, `metadata`, `check_masks`, `check_names` and
            `make_folds`.
    """
    areas = mask_areas(data, jobs)
    metadata(data.root)
    check_masks(data, jobs)
    by_car = suite.split == "car"
    if by_car:
        check_names(data.train)
    for note in [*turned_notes(data), *(naming_notes(list(data.train)) if by_car else [])]:
        say(f"{data.root}: {note}")
    sizes = car_areas(areas) if by_car else {image: float(area) for image, area in areas.items()}
    return make_folds(sizes, suite.folds.count, suite.folds.seed)


def split(data: Carvana, suite: Suite, folds: dict[str, int], fold: int) -> Split:
    """Split the training images for one fold: some train, some choose the epoch, some are scored.

    The validation cars are drawn from the training cars; a suite that splits by image draws as
    many images as those cars would have.

    Raises:
        BadData: a photograph is in none of the suite's folds; it would train what scores it.
    """
    images = sorted(data.train)
    lost = [image for image in images if not _folds_of(image, folds) & {*range(suite.folds.count)}]
    if lost:
        what = f"no fold for {lost[0]} (and {len(lost) - 1} more)"
        raise BadFile("folds.csv", what, RESTORE)
    heldout = in_fold(images, folds, fold)
    rest = sorted(set(images) - set(heldout))
    valid = set(_validation(rest, suite, fold))
    return Split([image for image in rest if image not in valid], sorted(valid), heldout)


def _validation(rest: Sequence[str], suite: Suite, fold: int) -> list[str]:
    random = np.random.default_rng((suite.folds.seed, fold))
    if suite.split == "image_random":
        views = round(len(rest) / len({car_of(image) for image in rest}))
        return list(random.permutation(rest)[: suite.folds.valid_cars * views])
    cars = random.permutation(sorted({car_of(image) for image in rest}))
    chosen = set(cars[: suite.folds.valid_cars])
    return [image for image in rest if car_of(image) in chosen]
