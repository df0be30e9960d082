"""A photograph and a map -> the car alone: edges of one pixel, and no wall shining through them."""

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.masks.types import FloatImage, Map, RgbImage

Alpha = NDArray[np.uint8]  # (H, W), 255 is opaque

EDGE_PX = 2.0  # over which the edge fades: about what a lens does
INSET_PX = 0.5  # by which it lies inside the map's contour: half a pixel of wall is visible
SMOOTH_PX = 0.8  # sigma that rounds the steps of a hard mask, and leaves a smooth map as it is
MIN_SLOPE = 2e-3  # per pixel: below it a map has no edge to speak of
REACH_PX = 24  # around the edge, where the car's own colour is looked for
WINDOWS_PX = (15, 5)  # sides of the squares in which colours are averaged, one after the other
TINY = np.float32(1e-5)  # keeps quotients finite
BACKDROP = 40  # a blurred background is as if seen by a lens this many times smaller than its width


def alpha(map: Map) -> Alpha:
    """The share of each pixel that the car covers, 0 to 255.

    The first-order distance to the contour where p is one half, (p - 1/2) / |grad p|, tells what
    share of a pixel lies inside, however wide the map's own ramp is. Far from an edge all is 0 or
    255. An empty map gives 0 everywhere.

    Args:
        map: uint8 (H, W); it may be a hard mask of 0 and 255.
    """
    p = cv2.GaussianBlur(map.astype(np.float32) / 255, (0, 0), SMOOTH_PX)
    across = cv2.Sobel(p, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    down = cv2.Sobel(p, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    slope = np.maximum(cv2.magnitude(across, down), MIN_SLOPE)
    inside = (p - 0.5) / slope - INSET_PX  # pixels
    covered = np.clip(inside / EDGE_PX + 0.5, 0, 1)
    return np.asarray(np.round(covered * 255), np.uint8)


def foreground(photo: RgbImage, alpha: Alpha) -> RgbImage:
    """The car's own colour, without the background that its edge is mixed with.

    A pixel shows I = a F + (1 - a) B. F and B are averaged nearby, and F is corrected by what is
    left of I, twice: in a wide window, then in a narrow one. Only pixels near the edge change.

    Source: Forte 2021, "Approximate Fast Foreground Colour Estimation", algorithm 1.
    """
    box = _around_edges(alpha)
    if box is None:
        return photo
    part = photo[box].astype(np.float32)
    share: FloatImage = (alpha[box].astype(np.float32) / np.float32(255))[..., None]
    front = behind = part
    for window in WINDOWS_PX:
        front, behind = _estimated(part, front, behind, share, window)
    cleaned = photo.copy()
    mixed = (share > 0) & (share < 1)
    cleaned[box] = np.where(mixed, np.clip(front, 0, 255) + 0.5, part).astype(np.uint8)
    return cleaned


def _estimated(
    photo: FloatImage, front: FloatImage, behind: FloatImage, share: FloatImage, window: int
) -> tuple[FloatImage, FloatImage]:
    def averaged(values: FloatImage) -> FloatImage:
        blurred = cv2.blur(values, (window, window))
        return np.asarray(blurred, np.float32).reshape(values.shape)

    rest = 1 - share
    front = _divided(averaged(front * share), averaged(share))
    behind = _divided(averaged(behind * rest), averaged(rest))
    residual = photo - share * front - rest * behind
    return np.clip(front + share * residual, 0, 255), behind


def _divided(total: FloatImage, weight: FloatImage) -> FloatImage:
    return np.asarray(total / np.maximum(weight, TINY), np.float32)


def _around_edges(alpha: Alpha) -> tuple[slice, slice] | None:
    """Rows and columns that hold every mixed pixel and its surroundings; None without any."""
    mixed = (alpha > 0) & (alpha < 255)
    rows, columns = np.flatnonzero(mixed.any(axis=1)), np.flatnonzero(mixed.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(rows[0] - REACH_PX, 0), rows[-1] + REACH_PX + 1),
        slice(max(columns[0] - REACH_PX, 0), columns[-1] + REACH_PX + 1),
    )


def cut_out(photo: RgbImage, map: Map) -> NDArray[np.uint8]:
    """The car on nothing: uint8 (H, W, 4) RGBA; black where it is fully transparent."""
    covered = alpha(map)
    cut = np.dstack([foreground(photo, covered), covered])
    cut[covered == 0] = 0
    return cut


def seen_through(cut: NDArray[np.uint8], colours: RgbImage, opacity: Alpha) -> NDArray[np.uint8]:
    """A cut-out (H, W, 4) whose photograph was seen through: no more opaque than it was.

    Args:
        colours: the photograph's own, which it has where it is half transparent.
    """
    covered = np.minimum(cut[..., 3], opacity)
    front = np.where((opacity < 255)[..., None], colours, cut[..., :3])
    cut = np.dstack([front, covered])
    cut[covered == 0] = 0
    return cut


def composite(cut: NDArray[np.uint8], background: RgbImage) -> RgbImage:
    """Put a cut-out (H, W, 4) on a background (H, W, 3)."""
    share = cut[..., 3:].astype(np.uint16)
    mixed = cut[..., :3] * share + background * (255 - share) + 127
    return (mixed // 255).astype(np.uint8)


def blurred_background(photo: RgbImage, covered: Alpha) -> RgbImage:
    """The background as a wide-open lens shows it; the car does not bleed into it.

    Args:
        covered: alpha of the car, whose pixels take no part; where it fills the picture, white.
    """
    height, width = covered.shape
    scale = min(1.0, 480 / max(height, width))  # a blur has no detail to lose
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    shrunk = cv2.resize(photo, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    grown = cv2.dilate(covered, np.ones((3, 3), np.uint8), iterations=2)
    free = 1 - cv2.resize(grown, small, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    sigma = max(small) / BACKDROP
    total = np.full_like(shrunk, 255 * 1e-4)  # white, where nothing else is near
    weight = np.full(free.shape, 1e-4, np.float32)
    for widened in (1, 4):  # the far one fills what the near one cannot reach
        trust = np.float32(1.0 if widened == 1 else 0.02)
        total += trust * cv2.GaussianBlur(shrunk * free[..., None], (0, 0), sigma * widened)
        weight += trust * cv2.GaussianBlur(free, (0, 0), sigma * widened)
    smooth = total / weight[..., None]
    grown_back = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.clip(np.round(grown_back), 0, 255).astype(np.uint8)
