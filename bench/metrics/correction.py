"""Holm's correction: p-values of a table, corrected for how many there are."""

import numpy as np
from numpy.typing import ArrayLike

from bench.masks.types import Floats


def holm(p_values: ArrayLike) -> Floats:
    """p-values corrected for their number, so that they bound the chance of any false positive.

    Raises:
        ValueError: these are not numbers from 0 to 1 in one dimension.

    Source: Holm 1979, https://www.jstor.org/stable/4615733

    >>> holm([0.01, 0.04, 0.03]).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    return np.minimum(_multiplied(_checked(p_values)), 1)


def holm_levels(p_values: ArrayLike, level: float) -> Floats:
    """Levels that p-values must fall below, for the corrected ones to fall below `level`.

    What each is multiplied by is taken as it is in this table. A p-value is below its own level
    exactly where its corrected one is below `level`.

    Raises:
        ValueError: as `holm`, or a p-value is 0.

    >>> holm_levels([0.01, 0.04, 0.03], 0.06).round(3).tolist()  # multiplied by 3, 1.5 and 2
    [0.02, 0.04, 0.03]
    """
    p = _checked(p_values)
    if not p.all():
        raise ValueError("a p-value of 0 has no level")
    return level * p / _multiplied(p)


def _checked(p_values: ArrayLike) -> Floats:
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p-values must be a list of numbers from 0 to 1")
    return p


def _multiplied(p: Floats) -> Floats:
    """The corrected p-values before they are cut at 1."""
    order = np.argsort(p, kind="stable")
    steps = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted
