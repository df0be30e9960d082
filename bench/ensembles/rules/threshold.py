"""The plain mean, cut where its mean Dice is best instead of at one half."""

from collections.abc import Sequence

import cv2
import numpy as np

from bench.ensembles.arithmetic import mean
from bench.ensembles.evidence import Evidence
from bench.ensembles.rules.rule import Parameters, Rule
from bench.masks import rle
from bench.masks.types import THRESHOLD, Map, Runs


class Threshold(Rule):
    """The mean of equal weights, its values stretched so that the threshold comes to lie at 128."""

    learns = True

    def fit(self, evidence: Evidence) -> Parameters:
        """Find where mean Dice is best: of the best thresholds, the one nearest to 128."""
        dice = evidence.dice.mean(axis=0)
        best = 1 + np.flatnonzero(dice >= dice.max() - 1e-12)
        return {"threshold": int(best[np.argmin(np.abs(best - THRESHOLD))])}

    def combine(self, maps: Sequence[Map], parameters: Parameters) -> Map:
        """Return the stretched mean."""
        merged = mean(maps, [1] * len(maps))
        return np.asarray(cv2.LUT(merged, stretch_table(parameters["threshold"])), np.uint8)

    def runs(self, maps: Sequence[Map], parameters: Parameters) -> Runs:
        """Return the runs of the mean at the threshold and above without computing the mean."""
        return rle.mean_runs(maps, [1] * len(maps), parameters["threshold"])


def stretch_table(threshold: int) -> Map:
    """Return a table (256,) that stretches values so that the threshold comes to lie at 128."""
    values = np.arange(256)
    below = values * THRESHOLD // threshold
    above = 255 - (255 - values) * (255 - THRESHOLD) // max(255 - threshold, 1)
    return np.where(values < threshold, below, above).astype(np.uint8)
