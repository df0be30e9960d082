"""Say what each variant of running a network changes in the masks."""

from collections.abc import Mapping, Sequence

from bench.masks.types import Map, Mask, Size
from bench.metrics.parity import parity
from bench.networks.infer import map_of
from bench.speed.network_variants import EAGER, Predict
from bench.system.progress import say


def say_parity(variants: Mapping[str, Predict], truths: Sequence[Mask]) -> None:
    """Log, for each variant, the share of pixels that change sides, and the change of Dice.

    Args:
        variants: each returns the probabilities (B, h, w); all are compared with EAGER.
        truths: the photographs' true masks.
    """
    sizes = [(mask.shape[0], mask.shape[1]) for mask in truths]
    exact = _maps(variants[EAGER], sizes)
    for name, variant in variants.items():
        if name != EAGER:
            say(f"parity, {name}: {parity(_maps(variant, sizes), exact, truths)}")


def _maps(predict: Predict, sizes: Sequence[Size]) -> list[Map]:
    return [map_of(p.float(), size) for p, size in zip(predict(), sizes, strict=True)]
