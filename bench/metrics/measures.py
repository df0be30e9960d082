"""All measures of one predicted mask, named as the columns of scores.parquet."""

from bench.masks.types import Mask
from bench.metrics.boundary import Outline, boundary
from bench.metrics.overlap import counts, dice, jaccard


def measures(predicted: Mask, truth: Mask, true_outline: Outline | None = None) -> dict[str, float]:
    """All measures of one image: counts in pixels, scores, distances of the outlines in pixels.

    A distance is NaN where one of the masks is empty.

    Args:
        true_outline: the truth's `outline`, where several masks are measured against it.
    """
    counted = counts(predicted, truth)
    outline = boundary(predicted, truth, true_outline)
    return {
        **counted._asdict(),
        "dice": dice(counted),
        "jaccard": jaccard(counted),
        "boundary_iou": outline.iou,
        "hausdorff95_px": outline.hausdorff95_px,
        "surface_px": outline.mean_distance_px,
    }
