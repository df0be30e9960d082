"""How many pixels of its masks, and how much Dice, a faster way to run a network changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.masks.rle import map_runs, runs
from bench.masks.types import Map, Mask
from bench.metrics.overlap import counts_from_runs, dice

MAX_DICE_CHANGE = 1e-4  # what another precision may cost


@dataclass(frozen=True)
class Parity:
    """What a faster way changes in masks, on average over images."""

    changed: float  # share of pixels, 0..1, that move into or out of the mask
    gain: float  # of Dice; negative where the faster way is worse

    @property
    def close(self) -> bool:
        """Whether Dice moved by less than MAX_DICE_CHANGE."""
        return abs(self.gain) < MAX_DICE_CHANGE

    def __str__(self) -> str:
        return (
            f"{self.changed:.2e} of the pixels change, Dice {self.gain:+.1e}, "
            f"{'within' if self.close else 'NOT within'} {MAX_DICE_CHANGE:g}"
        )


def parity(fast: Sequence[Map], exact: Sequence[Map], truths: Sequence[Mask]) -> Parity:
    """Compare the masks of a faster way with those of the exact way.

    Args:
        fast, exact, truths: maps and true masks (H, W) of the same images, in the same order, at
            least one.

    >>> import numpy as np
    >>> exact, fast = np.array([[0, 255]], np.uint8), np.array([[200, 255]], np.uint8)
    >>> str(parity([fast], [exact], [exact > 0]))
    '5.00e-01 of the pixels change, Dice -3.3e-01, NOT within 0.0001'
    """
    changed = gain = 0.0
    for fast_map, exact_map, truth in zip(fast, exact, truths, strict=True):
        fast_runs, exact_runs, true_runs = map_runs(fast_map), map_runs(exact_map), runs(truth)
        _, fp, fn = counts_from_runs(fast_runs, exact_runs)
        changed += (fp + fn) / truth.size
        fast_dice = dice(counts_from_runs(fast_runs, true_runs))
        gain += fast_dice - dice(counts_from_runs(exact_runs, true_runs))
    return Parity(changed / len(truths), gain / len(truths))
