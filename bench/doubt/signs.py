"""Signs of doubt that a photograph's maps show, without its true mask."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.masks.types import THRESHOLD, Map


class Signs(NamedTuple):
    """Signs of doubt, as shares of the car's area, 0 for none.

    They are those of the members' combined map before any refinement, which takes shades out of a
    map in more than one way and knows nothing of what the members saw.
    """

    disagreement: float  # pixels on which a member's mask differs from the combined; their mean
    width: float  # pixels that the combined map expects to be wrong: min(p, 1 - p), summed


def signs(maps: Sequence[Map], map: Map) -> Signs:
    """Return the signs of doubt of one photograph.

    Where no car was found, they are shares of a single pixel, and 1 or more: as doubtful as can be.

    Args:
        maps: the members', uint8 (H, W).
        map: the combined, uint8 (H, W).

    >>> import numpy as np
    >>> result = np.array([[255, 204, 0, 0]], np.uint8)
    >>> sure, other = result, np.array([[255, 255, 255, 0]], np.uint8)
    >>> signs([sure, other], result)
    Signs(disagreement=0.25, width=0.1)
    """
    mask = map >= THRESHOLD
    found = int(np.count_nonzero(mask))
    area, least = max(1, found), 0.0 if found else 1.0
    differing = [np.count_nonzero((member >= THRESHOLD) ^ mask) for member in maps]
    histogram = np.bincount(map.reshape(-1), minlength=256)
    expected = np.minimum(np.arange(256), 255 - np.arange(256)) @ histogram / 255
    shares = float(np.mean(differing)) / area, float(expected) / area
    return Signs(*(max(least, share) for share in shares))
