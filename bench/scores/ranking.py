"""Summaries of an entry's scores, ranks of entries with their intervals, and the Pareto front."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from bench.data.image_ids import car_of
from bench.metrics import draws, statistics
from bench.metrics.power import cars_to_tell
from bench.scores.columns import averaged
from bench.scores.pairs import matrix

WORST_SHARE = 0.05  # of the images: their mean Dice says how bad an entry gets


def quality(scores: pd.DataFrame) -> dict[str, Any]:
    """Summarise an entry's scores, by the keys of the leaderboard.

    Means are over its images; images on which a distance is NaN, since a mask is empty, are left
    out of the mean of that distance.

    Args:
        scores: the rows of scores.parquet of one entry.
    """
    ordered = np.sort(scores["dice"])
    return {
        **{column: scores[column].mean() for column in averaged()},
        "one_minus_jaccard": 1 - scores["jaccard"].mean(),
        "fp_px": scores["fp"].mean(),
        "fn_px": scores["fn"].mean(),
        "dice_worst": ordered[0],
        "dice_worst5": ordered[: int(np.ceil(WORST_SHARE * len(ordered)))].mean(),
        "dice_fold_sd": scores.groupby("fold")["dice"].mean().std(),
    }


def with_empty_masks(scores: pd.DataFrame) -> list[str]:
    """Return the entries whose masks are empty on every image, by name.

    Args:
        scores: one row for every entry and image.
    """
    found = (scores["tp"] + scores["fp"]).groupby(scores["entry"]).sum()
    return [str(entry) for entry in found.index[found == 0]]


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """Rank every entry, with ranks shared by ties, and compute its 95 % intervals over cars.

    Returns:
        Index entry; rank, group (1, 2, ... of entries that cannot be told from the best of their
        group), p_best (of no difference to the best of all, or of several such to the first by
        name, Holm-corrected over all pairs; NaN for that one), cars_best (held-out cars that would
        tell them apart, where these do not; NaN for equal means), dice_low, dice_high, jaccard_low,
        jaccard_high. Where a single car is scored there are no intervals and no p, and only equal
        means tie.
    """
    dice = matrix(scores, list(scores["entry"].unique()))
    cars = [car_of(image) for image in dice.columns]
    means = dice.mean(axis=1)
    ranked = pd.DataFrame(index=dice.index)
    if len(set(cars)) < 2:
        ranked["rank"] = means.rank(method="min", ascending=False).astype(int)
        ranked["group"] = ranked["rank"].rank(method="dense").astype(int)
        return ranked
    p, levels = statistics.comparisons(dice, cars)
    first = min(dice.index, key=lambda entry: (-means[entry], entry))  # as tables are sorted
    best = dice.index.get_loc(first)
    ranked["rank"] = statistics.ranks_of(means, p)
    ranked["p_best"] = pd.Series(p[best], dice.index).drop(first)
    tied = dice[ranked["p_best"] >= statistics.SIGNIFICANT]
    needed = cars_to_tell(dice.iloc[best] - tied, cars, levels[best][dice.index.isin(tied.index)])
    ranked["cars_best"] = pd.Series(needed, tied.index)
    ranked["group"] = ranked["rank"].rank(method="dense").astype(int)
    jaccard = matrix(scores, list(dice.index), "jaccard")
    for key, table in (("dice", dice), ("jaccard", jaccard)):
        ends = statistics.intervals(table, cars, bounds=statistics.SHARE)
        ranked[[f"{key}_low", f"{key}_high"]] = ends
    return ranked


def methods(cars: int, entries: int, unit: str = "car") -> dict[str, Any]:
    """Describe how the intervals and p-values of a table are computed.

    Args:
        cars: how many were scored.
        entries: how many rows the table has.
        unit: "car" or "group".
    """
    pairs = entries * (entries - 1) // 2
    resampled = cars >= statistics.CARS_TO_RESAMPLE
    interval = "studentised bootstrap of" if resampled else "Student's t over"
    all_flips = draws.all_flips(cars)
    flips_of_a_pair = flips_of_the_table = 2 ** (cars - 1)
    if not all_flips:
        flips_of_a_pair = draws.FLIPS
        flips_of_the_table = max(draws.FLIPS, draws.FLIPS_PER_PAIR * pairs)
    return {
        "unit": unit,
        "level": statistics.LEVEL,
        "interval": f"{interval} {unit}s",
        "resamples": draws.RESAMPLES if resampled else None,
        "test": f"paired sign-flip permutation of {unit}s, two-sided",
        "flips_of_a_pair": flips_of_a_pair,
        "flips_of_the_table": flips_of_the_table,
        "flips": "all" if all_flips else "random",
        "smallest_p": 2.0 ** (1 - cars) if all_flips else 1 / (flips_of_the_table + 1),
        "correction": "Holm",
        "pairs": pairs,
        "seed": statistics.SEED,
    }


def pareto_front(cost: ArrayLike, score: ArrayLike) -> NDArray[np.bool_]:
    """Whether each entry is on the Pareto front of low cost and high score.

    An entry is on the front if its cost is known (not NaN) and no other entry scores as well at a
    lower cost, or better at the same cost.

    >>> pareto_front([1, 2, 3, 4], [0.7, 0.9, 0.8, 0.9]).tolist()
    [True, True, False, False]
    """
    costs, scores = np.asarray(cost, dtype=float), np.asarray(score, dtype=float)
    as_good = (costs <= costs[:, None]) & (scores >= scores[:, None])
    better = as_good & ((costs < costs[:, None]) | (scores > scores[:, None]))
    return ~better.any(axis=1) & np.isfinite(costs)
