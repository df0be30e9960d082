"""Signs of doubt that a photograph's maps show, without its true mask."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.masks.types import THRESHOLD, Map
from bench.metrics.overlap import counts, jaccard

GREYS = np.arange(256)


class Signs(NamedTuple):
    """Signs of doubt, from 0 for none to 1: shares of the pixels that either of two masks holds.

    They are those of the members' combined map before any refinement, which takes shades out of a
    map in more than one way and knows nothing of what the members saw.
    """

    disagreement: float  # pixels on which a member's mask and the combined differ; members' mean
    width: float  # pixels on which the combined mask and the true one are expected to differ

    @property
    def found(self) -> bool:
        """Whether anything was found: if not, both are 1."""
        return min(self) < 1


def signs(maps: Sequence[Map], map: Map) -> Signs:
    """Return the signs of doubt of one photograph.

    Where nothing was found, both are 1: as doubtful as can be.

    Args:
        maps: the members', uint8 (H, W).
        map: the combined, uint8 (H, W). What it says of a pixel is taken for the probability that
            the true mask holds it.

    >>> import numpy as np
    >>> result = np.array([[255, 204, 0, 0]], np.uint8)
    >>> sure, other = result, np.array([[255, 255, 255, 255]], np.uint8)
    >>> signs([sure, other], result)
    Signs(disagreement=0.25, width=0.1)
    """
    mask = map >= THRESHOLD
    if not mask.any():
        return Signs(1.0, 1.0)
    agreement = np.mean([jaccard(counts(member >= THRESHOLD, mask)) for member in maps])
    histogram = np.bincount(map.reshape(-1), minlength=256)
    wrong = histogram @ np.minimum(GREYS, 255 - GREYS)
    either = histogram @ np.where(GREYS >= THRESHOLD, 255, GREYS)
    return Signs(1 - float(agreement), float(wrong / either))
