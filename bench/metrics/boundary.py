"""How well two masks agree along their edges, which Dice hardly measures.

A car has some 600,000 pixels but an outline of only about 3,000: a mask may miss every mirror and
still score 0.997. These measures depend on nothing but the outline.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from bench.masks.types import Mask, check_masks

DILATION_RATIO = 0.02  # width of the boundary region over the image diagonal: 46 px at 1280x1918
PERCENTILE = 95

Bits = NDArray[np.uint8]  # (H, W), a mask as 0 and 1 for OpenCV

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_SQUARE = cv2.getStructuringElement(cv2.MORPH_RECT, (3, 3))


class Boundary(NamedTuple):
    """Agreement of two outlines: a score in [0, 1] and two distances in pixels."""

    iou: float
    hausdorff95_px: float
    mean_distance_px: float


def boundary(predicted: Mask, truth: Mask, true_outline: "Outline | None" = None) -> Boundary:
    """Boundary IoU, 95th-percentile Hausdorff distance and mean surface distance of two masks.

    - Boundary IoU: intersection over union of the masks' inner rims. A rim is what `width` erosions
      by a 3x3 square take from a mask, `width` = 2 % of the image diagonal, rounded.
    - The surface of a mask is its pixels with a neighbour above, below, left or right that is not
      in it. Each surface pixel of either mask has a distance to the nearest surface pixel of the
      other. `hausdorff95_px` is the larger of the two masks' 95th percentiles of these (linear
      between ranks), `mean_distance_px` the mean over the surface pixels of both.

    Beyond the edge of the image nothing is mask: a car cut off by it has rim and surface there.

    Args:
        predicted, truth: boolean (H, W) of one image.
        true_outline: the truth's `outline`, where several masks are measured against it.

    Returns:
        (1, 0, 0) for two empty masks, which agree; (0, nan, nan) where only one is empty, because
        there is nothing to measure to; means over images leave such distances out.

    Raises:
        TypeError, ValueError: as `check_masks`.

    Source: Cheng et al. 2021, https://arxiv.org/abs/2103.16562 (boundary IoU); Huttenlocher et al.
    1993, https://doi.org/10.1109/34.232073 (ranked Hausdorff distance).

    >>> square = np.pad(np.ones((4, 4), dtype=bool), 8)
    >>> boundary(square, np.roll(square, 2, axis=1))
    Boundary(iou=0.2, hausdorff95_px=2.0, mean_distance_px=1.0)
    """
    check_masks(predicted, truth)
    return _agreement(outline(predicted), true_outline or outline(truth))


@dataclass(frozen=True)
class Outline:
    """What `boundary` needs of a mask, each pixel at its place in the image."""

    window: tuple[slice, slice]  # rows and columns that hold all of the mask
    rim: Bits  # (H, W) of the window
    surface: NDArray[np.int64]  # (N, 2): rows and columns of the surface pixels, in the image

    @cached_property
    def tree(self) -> KDTree:
        """The surface pixels, to find the nearest of them."""
        return KDTree(self.surface)


def outline(mask: Mask) -> Outline | None:
    """Return the outline of a boolean (H, W) mask; None of an empty one."""
    if not mask.any():
        return None
    window = _bounds(mask)
    crop = np.ascontiguousarray(mask[window]).view(np.uint8)
    width = max(1, round(DILATION_RATIO * float(np.hypot(*mask.shape))))
    corner = [side.start for side in window]
    return Outline(window, crop ^ _eroded(crop, _SQUARE, width), _surface(crop) + corner)


def _agreement(predicted: Outline | None, truth: Outline | None) -> Boundary:
    if not predicted and not truth:
        return Boundary(1.0, 0.0, 0.0)
    if not predicted or not truth:
        return Boundary(0.0, np.nan, np.nan)
    # trees of the few thousand surface pixels take half the time of a distance transform
    to_truth, _ = truth.tree.query(predicted.surface)
    to_predicted, _ = predicted.tree.query(truth.surface)
    return Boundary(
        _rim_iou(predicted, truth),
        float(max(np.percentile(to_truth, PERCENTILE), np.percentile(to_predicted, PERCENTILE))),
        float((to_truth.sum() + to_predicted.sum()) / (len(to_truth) + len(to_predicted))),
    )


def wrong_by_distance(predicted: Mask, truth: Mask, within: Sequence[float]) -> list[int]:
    """Count the wrong pixels at most so far from the true outline, and all of them at the end.

    A pixel's distance is that to the nearest pixel of the other class: 1 beside the outline. Where
    the truth is empty or all car, nothing is near its outline.

    Args:
        predicted, truth: boolean (H, W) of one image.
        within: distances in pixels.

    >>> square = np.pad(np.ones((4, 4), dtype=bool), 8)
    >>> wrong_by_distance(np.roll(square, 2, axis=1), square, (1, 2))
    [10, 16, 16]
    """
    check_masks(predicted, truth)
    wrong = predicted != truth
    if not truth.any() or truth.all():
        return [*[0] * len(within), int(np.count_nonzero(wrong))]
    sides = (truth.view(np.uint8), (~truth).view(np.uint8))
    distance = sum(
        cv2.distanceTransform(side, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[wrong] for side in sides
    )
    return [int(np.count_nonzero(distance <= most)) for most in (*within, np.inf)]


def _bounds(mask: Mask) -> tuple[slice, slice]:
    """The rows and columns that hold all of a mask; pixels outside them change no measure."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(top, top + height), slice(left, left + width)


def _rim_iou(predicted: Outline, truth: Outline) -> float:
    shared = [
        slice(max(one.start, other.start), min(one.stop, other.stop))
        for one, other in zip(predicted.window, truth.window, strict=True)
    ]
    both = 0
    if all(side.start < side.stop for side in shared):
        both = int(np.count_nonzero(_part(predicted, shared) & _part(truth, shared)))
    ours, theirs = (int(np.count_nonzero(each.rim)) for each in (predicted, truth))
    return both / (ours + theirs - both)


def _part(outline: Outline, sides: Sequence[slice]) -> Bits:
    """The rim within these rows and columns of the image."""
    rows, columns = (
        slice(side.start - own.start, side.stop - own.start)
        for side, own in zip(sides, outline.window, strict=True)
    )
    return outline.rim[rows, columns]


def _eroded(mask: Bits, neighbours: cv2.typing.MatLike, times: int) -> Bits:
    # without these two arguments OpenCV counts what lies beyond the edge of the image as mask
    eroded = cv2.erode(
        mask, neighbours, iterations=times, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return np.asarray(eroded, dtype=np.uint8)


def _surface(mask: Bits) -> NDArray[np.int64]:
    """(N, 2) rows and columns of the surface pixels."""
    places = np.flatnonzero((mask ^ _eroded(mask, _CROSS, 1)).view(np.bool_))
    return np.stack(np.divmod(places, mask.shape[1]), axis=1)  # np.argwhere takes ten times as long
