"""What a faster way to run a network changes in its masks: pixels, and Dice."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.masks.rle import map_runs, runs
from bench.masks.types import Map, Mask
from bench.metrics.overlap import counts_from_runs, dice

CLOSE = 1e-4  # of Dice, that another precision may cost at most


@dataclass(frozen=True)
class Parity:
    """The share of pixels that change sides, 0..1, and what that does to the mean Dice."""

    changed: float
    gain: float

    @property
    def close(self) -> bool:
        """Whether Dice moved by less than CLOSE."""
        return abs(self.gain) < CLOSE

    def __str__(self) -> str:
        return (
            f"{self.changed:.2e} of the pixels change, Dice {self.gain:+.1e}, "
            f"{'within' if self.close else 'NOT within'} {CLOSE:g}"
        )


def parity(found: Sequence[Map], exact: Sequence[Map], truths: Sequence[Mask]) -> Parity:
    """Of maps (H, W) beside those of the exact way; one or more, in the order of the truths.

    >>> import numpy as np
    >>> exact, found = np.array([[0, 255]], np.uint8), np.array([[200, 255]], np.uint8)
    >>> str(parity([found], [exact], [exact > 0]))
    '5.00e-01 of the pixels change, Dice -3.3e-01, NOT within 0.0001'
    """
    mine, theirs = [map_runs(map) for map in found], [map_runs(map) for map in exact]
    wanted = [runs(truth) for truth in truths]
    changed = sum(
        sum(counts_from_runs(one, other)[1:]) / truth.size
        for one, other, truth in zip(mine, theirs, truths, strict=True)
    )
    gain = sum(
        dice(counts_from_runs(one, truth)) - dice(counts_from_runs(other, truth))
        for one, other, truth in zip(mine, theirs, wanted, strict=True)
    )
    return Parity(changed / len(truths), gain / len(truths))
