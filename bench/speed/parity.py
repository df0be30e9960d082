"""What another way to run a network changes in the masks: pixels, and Dice."""

from collections.abc import Mapping, Sequence

import numpy as np

from bench.metrics import counts_from_runs, dice
from bench.progress import say
from bench.resize import Size, grow
from bench.rle import Mask, Runs, map_runs, runs
from bench.speed.ways import EAGER, Predict

CLOSE = 1e-4  # of Dice, that another precision may cost at most


def say_parity(ways: Mapping[str, Predict], truths: Sequence[Mask]) -> None:
    """Say, for each way, which share of a photograph's pixels changes sides, and what it costs.

    Args:
        ways: each gives one probability (h, w) a photograph; the one called EAGER is compared to.
        truths: the photographs' true masks.
    """
    sizes = [(mask.shape[0], mask.shape[1]) for mask in truths]
    wanted = [runs(mask) for mask in truths]
    exact = _masks(ways[EAGER], sizes)
    for name, way in ways.items():
        if name == EAGER:
            continue
        found = _masks(way, sizes)
        changed = [
            sum(counts_from_runs(one, other)[1:]) / (size[0] * size[1])
            for one, other, size in zip(found, exact, sizes, strict=True)
        ]
        gain = np.mean(_dices(found, wanted)) - np.mean(_dices(exact, wanted))
        verdict = "within" if abs(gain) < CLOSE else "NOT within"
        say(
            f"parity, {name}: {np.mean(changed):.2e} of the pixels change, Dice {gain:+.1e}, "
            f"{verdict} {CLOSE:g}"
        )


def _masks(way: Predict, sizes: Sequence[Size]) -> list[Runs]:
    return [
        map_runs(grow(one.float().numpy(), size)) for one, size in zip(way(), sizes, strict=True)
    ]


def _dices(found: Sequence[Runs], truths: Sequence[Runs]) -> list[float]:
    return [dice(counts_from_runs(one, truth)) for one, truth in zip(found, truths, strict=True)]
