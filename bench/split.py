"""Who trains, who chooses the best epoch and who is scored, in one fold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.carvana import Carvana, car_of, mask_areas
from bench.config import Suite
from bench.folds import LeakAudit, car_areas, in_fold, leak_audit, make_folds


@dataclass(frozen=True)
class Split:
    """The images of a fold by what they are used for; no image has two uses."""

    train: list[str]
    valid: list[str]
    heldout: list[str]

    def audit(self) -> LeakAudit:
        """What the scored images share with those that made the model."""
        return leak_audit([*self.train, *self.valid], self.heldout)


def limited(data: Carvana, cars: int | None) -> Carvana:
    """The data set with only so many training and test cars, or all of them for None."""
    return (
        data
        if cars is None
        else replace(
            data, train=_of_first_cars(data.train, cars), test=_of_first_cars(data.test, cars)
        )
    )


def _of_first_cars(images: dict[str, Path], cars: int) -> dict[str, Path]:
    kept = set(sorted({car_of(image) for image in images})[:cars])
    return {image: path for image, path in images.items() if car_of(image) in kept}


def draw_folds(data: Carvana, suite: Suite, jobs: int) -> dict[str, int]:
    """Fold of every car, alike in mask area; of every image where the suite splits by image."""
    areas = mask_areas(data, jobs)
    by_unit = (
        car_areas(areas) if suite.split == "car" else {key: float(v) for key, v in areas.items()}
    )
    return make_folds(by_unit, suite.folds.count, suite.folds.seed)


def split(data: Carvana, suite: Suite, folds: dict[str, int], fold: int) -> Split:
    """The images that train, choose and are scored in one fold.

    The validation cars are drawn from the training cars; a suite that splits by image draws as
    many images as those cars would have.
    """
    images = sorted(data.train)
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
