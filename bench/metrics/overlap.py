"""Agreement of two masks: counts of pixels, and Dice and Jaccard from the counts.

Counts come from pixels, from runs without any pixels, or from a map for all thresholds at once:
the same integers each way.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.masks.compiled.pixels import count_pixels, joint_histogram
from bench.masks.compiled.runs import count_runs
from bench.masks.types import Map, Mask, Runs, check_masks, check_truth


class Counts(NamedTuple):
    """Pixels of one image: in both masks, only in the predicted one, only in the true one."""

    tp: int
    fp: int
    fn: int


def dice(counts: Counts) -> float:
    """Share of agreement 2|P & T| / (|P| + |T|), in [0, 1]; two empty masks agree and score 1.

    Source: Dice 1945, https://doi.org/10.2307/1932409; the empty rule is that of Kaggle's page
    https://www.kaggle.com/c/carvana-image-masking-challenge/overview/evaluation

    >>> dice(Counts(tp=1, fp=1, fn=0))  # 2*1 / (2 + 1)
    0.6666666666666666
    """
    tp, fp, fn = counts
    return 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0


def jaccard(counts: Counts) -> float:
    """Intersection over union |P & T| / |P | T|, in [0, 1]; two empty masks score 1.

    >>> jaccard(Counts(tp=1, fp=1, fn=0))
    0.5
    """
    tp, fp, fn = counts
    return tp / (tp + fp + fn) if tp + fp + fn else 1.0


def counts(predicted: Mask, truth: Mask) -> Counts:
    """Counts of two masks of one image, bool (H, W).

    Raises:
        TypeError, ValueError: as `check_masks`.
    """
    check_masks(predicted, truth)
    return _as_counts(*count_pixels(_bytes(predicted), _bytes(truth)))


def counts_from_runs(predicted: Runs, truth: Runs) -> Counts:
    """Counts of two masks given as runs (int64 (N, 2), as `rle.runs` and `rle.parse` give them).

    Raises:
        TypeError: these are no runs.
    """
    for runs in (predicted, truth):
        if runs.dtype != np.int64 or runs.ndim != 2 or runs.shape[1] != 2:
            raise TypeError(f"runs are int64 (N, 2), these {runs.dtype} {runs.shape}")
    return _as_counts(*count_runs(predicted, truth, 0))


def counts_at_every_threshold(map: Map, truth: Mask) -> NDArray[np.int64]:
    """Counts of `map >= t` against a mask for t = 0..255: int64 (256, 3) of tp, fp, fn.

    Args:
        map: uint8 (H, W); truth: bool (H, W).

    Raises:
        TypeError, ValueError: the map is not uint8; or as `check_masks`.
    """
    if map.dtype != np.uint8:
        raise TypeError(f"a map is uint8 round(255 p), this one is {map.dtype}")
    check_truth(map, truth)
    histogram = joint_histogram(_bytes(map), _bytes(truth)).sum(axis=0)
    at_least = histogram[:, ::-1].cumsum(axis=1)[:, ::-1]  # pixels of value >= t, by truth
    fp, tp = at_least
    return np.stack([tp, fp, tp[0] - tp], axis=1)


def _bytes(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(pixels).reshape(-1).view(np.uint8)


def _as_counts(both: int, predicted: int, truth: int) -> Counts:
    return Counts(tp=both, fp=predicted - both, fn=truth - both)
