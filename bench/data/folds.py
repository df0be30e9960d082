"""Folds of whole cars, each with small and large cars; the audit for leaks between them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.config.suite import Suite
from bench.data.carvana import metadata
from bench.data.dataset import DataSet, Own, mask_areas
from bench.data.doubts import check_encoding, check_naming, naming_notes, turned_notes
from bench.data.image_ids import car_of
from bench.data.listing import normal_id
from bench.data.tables import Unreadable, read_table
from bench.system.errors import BadConfig, BadFile, Missing
from bench.system.files import write_text
from bench.system.progress import say
from bench.system.text import several

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


def make_folds(areas: dict[str, float], count: int, seed: int, unit: str = "car") -> dict[str, int]:
    """Car -> fold 0 .. count - 1, so that every fold holds small and large cars alike.

    Cars are sorted by area; each group of `count` neighbours is dealt to the folds in random order.

    Args:
        unit: what messages call the cars.

    Raises:
        BadConfig: fewer than two folds, or fewer cars than folds.
    """
    if len(areas) < 2:
        raise BadConfig(f"folds: there is {several(len(areas), unit)}; add {unit}s: two are needed")
    if not 2 <= count <= len(areas):
        raise BadConfig(
            f"folds: `count` is {count} for {len(areas)} {unit}s; set it to 2 or more and to "
            f"{len(areas)} at most, or add {unit}s"
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


def write_folds(path: Path, folds: dict[str, int], unit: str) -> None:
    """Write the table `car,fold`, or `group,fold`."""
    rows = [f"{car},{fold}\n" for car, fold in sorted(folds.items())]
    write_text(path, "".join([f"{unit},fold\n", *rows]))


def read_folds(path: Path) -> dict[str, int]:
    """Car -> fold, from the table `car,fold`, or `group,fold`.

    Raises:
        Missing: there is no such file.
        BadData: as `read_table`, or a line is not a car and a number, or a car has two lines.
    """
    if not path.exists():
        raise Missing(f"{path}: no folds yet; run the stage `folds` first")
    try:
        return _read_folds(path, RESTORE, ("group", "car"))
    except BadFile as error:  # the program wrote the table: how tables are mended is no cure
        raise BadFile(error.file, error.what, RESTORE) from error


def _read_folds(path: Path, cure: str, units: Sequence[str]) -> dict[str, int]:
    """Car or group -> fold, from a table whose first column is called by one of `units`."""
    folds: dict[str, int] = {}
    unit, *others = units
    try:
        rows = list(read_table(path, (unit, "fold")))
    except Unreadable as error:
        if error.kind != "header" or not others:
            raise
        return _read_folds(path, cure, others)
    for number, (name, fold) in rows:
        car = normal_id(name)
        if not car or not fold.isdecimal() or car in folds:
            what = f"'{car},{fold}' is not a {unit} and its fold, or the {unit} has a line already"
            raise BadFile(f"{path}, line {number}", what, cure)
        folds[car] = int(fold)
    return folds


@dataclass(frozen=True)
class LeakAudit:
    """The cars and images that training and scoring share; any make scores too good."""

    train_cars: int
    scored_cars: int
    shared_cars: tuple[str, ...]
    shared_images: tuple[str, ...]
    unit: str = "car"  # or "group"

    @property
    def leaky(self) -> bool:
        """Whether a scored image shows a car that was trained on."""
        return bool(self.shared_cars)

    def __str__(self) -> str:
        verdict = "LEAKY" if self.leaky else "clean"
        return (
            f"leak audit: {verdict}: {len(self.shared_cars)} of {self.scored_cars} scored "
            f"{self.unit}s and {len(self.shared_images)} scored images are among the "
            f"{self.train_cars} trained {self.unit}s"
        )


def leak_audit(train_images: Iterable[str], scored_images: Iterable[str], unit: str) -> LeakAudit:
    """Which cars and images are both trained on and scored."""
    train, scored = set(train_images), set(scored_images)
    train_cars, scored_cars = set(map(car_of, train)), set(map(car_of, scored))
    return LeakAudit(
        train_cars=len(train_cars),
        scored_cars=len(scored_cars),
        shared_cars=tuple(sorted(train_cars & scored_cars)),
        shared_images=tuple(sorted(train & scored)),
        unit=unit,
    )


@dataclass(frozen=True)
class Split:
    """The images of a fold by what they are used for; no image has two uses."""

    train: list[str]
    valid: list[str]
    heldout: list[str]
    unit: str = "car"  # or "group"

    def audit(self) -> LeakAudit:
        """Audit the scored images against those that trained the model or chose its epoch."""
        return leak_audit([*self.train, *self.valid], self.heldout, self.unit)


def limit_cars(data: DataSet, cars: int | None) -> DataSet:
    """The data set with only its first `cars` training and test cars; None keeps all."""
    if cars is None:
        return data
    return replace(
        data, train=_of_first_cars(data.train, cars), test=_of_first_cars(data.test, cars)
    )


def _of_first_cars(images: dict[str, Path], cars: int) -> dict[str, Path]:
    kept = set(sorted({car_of(image) for image in images})[:cars])
    return {image: path for image, path in images.items() if car_of(image) in kept}


def draw_folds(data: DataSet, suite: Suite, jobs: int) -> dict[str, int]:
    """Draw a suite's folds: car -> fold, or image -> fold where the suite splits by image.

    All that would spoil a training or its report is looked at before hours are spent.

    Raises:
        Missing, BadData, BadConfig: as `mask_areas`, `metadata`, `check_encoding`, `check_naming`
            and `make_folds`.
    """
    areas = mask_areas(data, jobs)
    metadata(data)
    check_encoding(data, jobs)
    by_car = suite.split == "car"
    by_name = by_car and not data.own  # of one's own pictures, the owner has said the groups
    if by_name:
        check_naming(data.train)
    for note in [*turned_notes(data), *(naming_notes(list(data.train)) if by_name else [])]:
        say(f"{data.root}: {note}")
    sizes = car_areas(areas) if by_car else {image: float(area) for image, area in areas.items()}
    given = given_folds(data)
    if given and data.own:
        return _completed(given, sizes, data.own, suite)
    unit = data.unit if by_car else "photograph"
    return make_folds(sizes, suite.folds.count, suite.folds.seed, unit)


def given_folds(data: DataSet) -> dict[str, int]:
    """Group -> fold, as the owner of the pictures gives them; none where they are drawn.

    A list of held-out groups is fold 0; the groups of the other folds are not in it.

    Raises:
        Missing: there is no such table.
        BadData: it names no group, or one that no photograph has, or, of folds, not every group.
    """
    table = data.own and (data.own.folds or data.own.heldout)
    if not data.own or not table:
        return {}
    groups = {car_of(image) for image in data.train}
    if data.own.folds:
        given = _read_folds(table, "mend the line", ("car", "group"))
    else:
        given = {normal_id(group): 0 for _, (group,) in read_table(table, ("group",))}
    if not given:
        raise BadFile(table, "lists no group", "list some, or remove it from data.yaml")
    known = {car_of(image) for image in data.own.names}  # also of groups that a limit leaves out
    strange = sorted(given.keys() - known)
    if strange:
        there = ", ".join(sorted(groups)[:3])
        what = f"no photograph is of group {strange[0]!r}; there are {there}, ..."
        raise BadFile(table, what, "write groups as the photographs have them")
    lacking = sorted(groups - given.keys())
    if data.own.folds and lacking:
        what = f"no fold of group {lacking[0]!r} (and of {len(lacking) - 1} more)"
        raise BadFile(table, what, f"add a line for each, such as {lacking[0]},0")
    if not given.keys() & groups:
        what = "lists no group that is used: none has masks, or a limit leaves them out"
        raise BadFile(table, what, "list others, or use more")
    return {group: fold for group, fold in given.items() if group in groups}


def _completed(
    given: dict[str, int], sizes: dict[str, float], own: Own, suite: Suite
) -> dict[str, int]:
    """The folds of a suite where its owner gives some; what no list holds out is drawn.

    Raises:
        BadConfig: the suite's folds are others.
    """
    table = own.folds or own.heldout or Path()
    if suite.split != "car":
        raise BadConfig(f"{table}: gives folds of groups; set `split: car`, or remove it")
    folds, run = suite.folds, set(suite.folds.run)
    if own.heldout:
        if run != {0}:
            raise BadConfig(f"{table}: its groups are fold 0; set `folds: {{run: [0]}}`")
        others = {group: size for group, size in sizes.items() if group not in given}
        if len(others) <= folds.valid_cars:
            what = f"leaves {several(len(others), 'group')} to learn and to choose the epoch from"
            raise BadFile(table, what, "list fewer, or use more groups")
        return given | dict.fromkeys(others, 1)
    absent = sorted(run - set(given.values()))
    if absent or max(given.values()) >= folds.count:
        raise BadConfig(
            f"{table}: has the folds {sorted(set(given.values()))} of groups that are used; set "
            f"`folds: {{count: {max(1, *given.values()) + 1}, run: [...]}}` of the suite to them"
        )
    return given


def split(data: DataSet, suite: Suite, folds: dict[str, int], fold: int) -> Split:
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
    train = [image for image in rest if image not in valid]
    return Split(train, sorted(valid), heldout, data.unit)


def _validation(rest: Sequence[str], suite: Suite, fold: int) -> list[str]:
    random = np.random.default_rng((suite.folds.seed, fold))
    if suite.split == "image_random":
        views = round(len(rest) / len({car_of(image) for image in rest}))
        return list(random.permutation(rest)[: suite.folds.valid_cars * views])
    cars = random.permutation(sorted({car_of(image) for image in rest}))
    chosen = set(cars[: suite.folds.valid_cars])
    return [image for image in rest if car_of(image) in chosen]
