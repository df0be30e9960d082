"""What held-out images tell an ensemble's rule: a few pixels and scores, not the maps themselves.

    each = [of_image(maps, truth, 8192, seed) for ... in images]  # each image once, for all rules
    parameters = RULES["greedy"].fit(Evidence(each))

Fit on cars that trained none of the members, and report on cars that took no part in the fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bench.ensembles import disputed
from bench.ensembles.arithmetic import mean
from bench.ensembles.disputed import DisputedPixels
from bench.masks.types import THRESHOLD, Floats, Map, Mask
from bench.metrics.overlap import counts_at_every_threshold

MODEL_SHARE = 8  # a model of few numbers is fitted to one eighth of the pixels
SURE = 3  # members all below 3, or all from 253 up, tell a model nothing new


class ImageEvidence(NamedTuple):
    """What one image tells the rules that learn; its size does not depend on the photograph's."""

    disputed: DisputedPixels  # members' masks differ: these pixels decide Dice
    unsure: DisputedPixels  # members are not all sure: for models of probabilities
    dice: Floats  # (255,): of the plain mean cut at 1..255


@dataclass(frozen=True)
class Evidence:
    """What several images, at least one, tell; joined where a rule asks for it."""

    images: Sequence[ImageEvidence]

    def __post_init__(self) -> None:
        """Refuse no images.

        Raises:
            ValueError: there is none.
        """
        if not self.images:
            raise ValueError("no images: an ensemble cannot be fitted on nothing")

    @cached_property
    def disputed(self) -> DisputedPixels:
        """The pixels of all images on which members' masks differ."""
        return disputed.join([each.disputed for each in self.images])

    @cached_property
    def unsure(self) -> DisputedPixels:
        """The pixels of all images of which members are not all sure."""
        return disputed.join([each.unsure for each in self.images])

    @cached_property
    def dice(self) -> Floats:
        """(images, 255): Dice of each image's plain mean cut at 1..255."""
        return np.stack([each.dice for each in self.images])


def of_image(maps: Sequence[Map], truth: Mask, limit: int, seed: int) -> ImageEvidence:
    """Extract what one image tells the rules.

    Args:
        maps: the members' maps, uint8 (H, W); truth: bool (H, W).
        limit: of disputed pixels; a good ensemble has some 8,000. The unsure ones are limited to an
            eighth of it.
        seed: chooses the pixels where there are more.

    Raises:
        TypeError, ValueError: as `disputed.collect`.
    """
    generator = np.random.default_rng(seed)
    return ImageEvidence(
        disputed.collect(maps, truth, THRESHOLD, THRESHOLD, limit, generator),
        disputed.collect(maps, truth, SURE, 256 - SURE, limit // MODEL_SHARE, generator),
        _dice_at_every_threshold(maps, truth),
    )


def _dice_at_every_threshold(maps: Sequence[Map], truth: Mask) -> Floats:
    """Return the Dice of one image's plain mean cut at 1..255, (255,)."""
    merged = mean(maps, [1] * len(maps))
    tp, fp, fn = counts_at_every_threshold(merged, truth)[1:].T.astype(float)
    sizes = 2 * tp + fp + fn
    dice: Floats = np.divide(2 * tp, sizes, out=np.ones(255), where=sizes > 0)
    return dice
