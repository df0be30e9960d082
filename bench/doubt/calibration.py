"""From signs of doubt to the Dice that is to be expected: learnt on held-out cars, tried on others.

The logarithm of 1 - Dice is linear in the logarithms of the signs, and never falls where a sign
rises: a cut-out is not surer because its members differ more.
"""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import Field
from scipy.optimize import lsq_linear
from scipy.stats import norm, spearmanr

from bench.config.strict import Strict
from bench.data.dataset import Unit
from bench.doubt.signs import Signs
from bench.masks.types import Floats
from bench.system.text import several

GOOD = 0.99  # Dice; below, a cut-out is called bad
FLOOR = 1e-4  # of signs and of 1 - Dice: less is not told apart from this
FIRST = 0.1  # share of the photographs that a person looks at first
MIN_CARS = 4  # cars without which nothing is learnt
UNCALIBRATED = (
    f"not calibrated: that takes a scored run of at least {MIN_CARS} held-out cars (or groups); "
    "run more of its folds or, where all have run, give it more cars, and export again"
)
ROUNDING = 1e-9  # a slope below is none
MIN_SPREAD = 0.05  # of the logarithm of 1 - Dice: a fit is never surer than this


class Trial(Strict):
    """How well doubt finds bad cut-outs of cars that it was not calibrated on."""

    photographs: int
    cars: int
    unit: Unit = "car"  # what the cars are
    rank_correlation: float | None  # Spearman's, of expected and true Dice; None: one of them fixed
    bad: int  # photographs of a Dice below GOOD
    first: int  # photographs in the most doubtful tenth
    bad_first: int  # bad ones among these

    def __str__(self) -> str:
        rank = "none" if self.rank_correlation is None else f"{self.rank_correlation:.2f}"
        return (
            f"on {several(self.photographs, 'photograph')} of {self.cars} held-out {self.unit}s, "
            f"expected and true Dice have a rank correlation of {rank}; of {self.bad} with a Dice "
            f"below {GOOD}, {self.bad_first} are among the {self.first} most doubtful"
        )


class Calibration(Strict):
    """What the signs of one entry mean: log(1 - Dice) = offset + slopes . log(signs)."""

    of: Literal["combined map"] | None = None  # whose signs; None: an earlier version's, of results
    offset: float
    slopes: tuple[float, float] = Field(strict=False)  # of Signs, none below 0
    spread: float = Field(gt=0)  # standard deviation of log(1 - Dice) around it
    trial: Trial

    def expected_dice(self, signs: Signs) -> float:
        """Return the Dice that is to be expected, 0 to 1: the mean of a log-normal 1 - Dice."""
        return 1 - math.exp(min(0.0, self._log_error(signs) + self.spread**2 / 2))

    def sure(self, signs: Signs) -> float:
        """Return the probability, 0 to 1, that Dice is at least GOOD."""
        return float(norm.cdf((math.log(1 - GOOD) - self._log_error(signs)) / self.spread))

    def _log_error(self, signs: Signs) -> float:
        return float(self.offset + np.dot(_logs([signs])[0], self.slopes))


def calibrate(
    signs: Sequence[Signs], dice: Sequence[float], cars: Sequence[str], unit: Unit = "car"
) -> Calibration | None:
    """Learn what signs mean from photographs whose Dice is known; None for fewer than MIN_CARS.

    The trial and the spread are those of each car by a fit that has seen all the others.

    Args:
        signs, dice, cars: of the same photographs, in the same order.
        unit: what the cars are.
    """
    if len(set(cars)) < MIN_CARS:
        return None
    inputs, errors = _logs(signs), np.log(np.maximum(1 - np.array(dice), FLOOR))
    expected = np.empty(len(errors))
    for car in set(cars):
        unseen = np.array(cars) == car
        offset, slopes = _fit(inputs[~unseen], errors[~unseen])
        expected[unseen] = offset + inputs[unseen] @ slopes
    offset, slopes = _fit(inputs, errors)
    spread = float(np.sqrt(np.mean((errors - expected) ** 2)))
    return Calibration(
        of="combined map",
        offset=offset,
        slopes=(float(slopes[0]), float(slopes[1])),
        spread=max(spread, MIN_SPREAD),
        trial=_trial(expected, np.array(dice), len(set(cars)), unit),
    )


def _logs(signs: Sequence[Signs]) -> Floats:
    return np.log(np.maximum(np.array(signs, float), FLOOR))


def _fit(inputs: Floats, errors: Floats) -> tuple[float, Floats]:
    """Return offset and slopes of the least squares whose slopes are not below 0."""
    middle = inputs.mean(0)
    columns = np.column_stack([np.ones(len(inputs)), inputs - middle])
    solved = lsq_linear(columns, errors, ([-np.inf, 0, 0], np.inf)).x
    tells = (np.ptp(inputs, axis=0) > 0) & (solved[1:] > ROUNDING)  # one member never differs
    slopes = np.where(tells, solved[1:], 0.0)
    return float(solved[0] - slopes @ middle), slopes


def _trial(expected: Floats, dice: Floats, cars: int, unit: Unit) -> Trial:
    first = math.ceil(FIRST * len(dice))
    doubtful = np.argsort(-expected, kind="stable")[:first]
    bad = dice < GOOD
    varies = np.ptp(expected) > 0 and np.ptp(dice) > 0
    return Trial(
        photographs=len(dice),
        cars=cars,
        unit=unit,
        rank_correlation=float(spearmanr(-expected, dice)[0]) if varies else None,
        bad=int(bad.sum()),
        first=first,
        bad_first=int(bad[doubtful].sum()),
    )
