"""Of every way to run a network: what it changes in the masks."""

from collections.abc import Mapping, Sequence

from bench.masks.types import Map, Mask, Size
from bench.metrics.parity import parity
from bench.networks.outputs import map_of
from bench.speed.network_variants import EAGER, Predict
from bench.system.progress import say


def say_parity(ways: Mapping[str, Predict], truths: Sequence[Mask]) -> None:
    """Say, for each way, which share of a photograph's pixels changes sides, and what it costs.

    Args:
        ways: each gives one probability (h, w) a photograph; the one called EAGER is compared to.
        truths: the photographs' true masks.
    """
    sizes = [(mask.shape[0], mask.shape[1]) for mask in truths]
    exact = _maps(ways[EAGER], sizes)
    for name, way in ways.items():
        if name != EAGER:
            say(f"parity, {name}: {parity(_maps(way, sizes), exact, truths)}")


def _maps(way: Predict, sizes: Sequence[Size]) -> list[Map]:
    return [map_of(one.float(), size) for one, size in zip(way(), sizes, strict=True)]
