"""Draw masks and maps: errors over the photograph, the worst window, outlines close up."""

from collections.abc import Sequence

import cv2
import numpy as np

from bench.masks.types import Map, Mask, Points, RgbImage, Size, check_masks

Colour = tuple[int, int, int]
Window = tuple[slice, slice]

TRUE_POSITIVE = (0, 170, 60)  # green; the colours of Malhotra 2017, Figure 5
FALSE_POSITIVE = (230, 30, 30)  # red
FALSE_NEGATIVE = (30, 80, 255)  # blue
BEFORE, AFTER, TRUE = (230, 30, 30), (30, 80, 255), (0, 170, 60)  # outlines; Heitzinger & Kampel
ZOOM = 9  # of `close_up`: squares of so many pixels a side
SHIFT = 4  # OpenCV draws at 1/16 pixel
TINT = 0.4  # of the green, so that the car is seen through it; errors are few and opaque


def overlay(photo: RgbImage, predicted: Mask, truth: Mask) -> RgbImage:
    """The photograph with true positives tinted green, false ones red, false negatives blue.

    Args:
        photo: uint8 (H, W, 3) RGB; it is left alone.
        predicted, truth: bool (H, W).

    Raises:
        TypeError, ValueError: as `check_masks`, or the photograph is of another shape.
    """
    check_masks(predicted, truth)
    if photo.shape != (*truth.shape, 3):
        raise ValueError(f"a photograph of shape {photo.shape} and masks of {truth.shape}")
    green = np.full_like(photo, TRUE_POSITIVE)
    tinted = cv2.addWeighted(photo, 1 - TINT, green, TINT, 0)
    painted = np.where((predicted & truth)[..., None], tinted, photo)
    painted[predicted & ~truth] = FALSE_POSITIVE
    painted[truth & ~predicted] = FALSE_NEGATIVE
    return painted


def worst_crop(predicted: Mask, truth: Mask, size: Size) -> Window:
    """Rows and columns of the window with the most wrong pixels; those in its middle count most.

    Args:
        predicted, truth: bool (H, W).
        size: height, width of the window; a smaller image is taken whole.

    Returns:
        Slices inside the image, of exactly `size` where the image is large enough. Two equal masks
        give the window at the upper left.

    Raises:
        TypeError, ValueError: as `check_masks`.
    """
    check_masks(predicted, truth)
    wrong = (predicted ^ truth).astype(np.float32)
    half = tuple(side // 2 | 1 for side in size[::-1])
    for _ in range(2):  # a box over a box is a tent: its top lies in the middle of the errors
        wrong = np.asarray(cv2.boxFilter(wrong, -1, half, normalize=False, borderType=0))
    middle = np.unravel_index(int(wrong.argmax()), wrong.shape)
    rows, columns = (
        _window(int(place), side, length)
        for place, side, length in zip(middle, size, truth.shape, strict=True)
    )
    return rows, columns


def close_up(
    photo: RgbImage, map: Map, outlines: Sequence[tuple[Sequence[Points], Colour]], window: Window
) -> RgbImage:
    """A window of a photograph, of its map, and of the photograph with outlines, side by side.

    Args:
        photo: uint8 (H, W, 3) RGB; map: uint8 (H, W).
        outlines: the contours (as in contours.py) and the colour of each outline; later outlines
            cover earlier ones.
        window: rows and columns, all inside the image.
    """
    rows, columns = window
    plain = _enlarged(photo[window])
    grey = _enlarged(np.repeat(map[window][..., None], 3, axis=2))
    drawn = plain.copy()
    for contours, colour in outlines:
        shifted = [(each - (rows.start, columns.start) + 0.5) * ZOOM - 0.5 for each in contours]
        lines = [np.round(each[:, ::-1] * 2**SHIFT).astype(np.int32) for each in shifted]
        cv2.polylines(drawn, lines, True, colour, 1, cv2.LINE_AA, SHIFT)
    return np.hstack([plain, grey, drawn])


def encode_picture(picture: RgbImage, suffix: str) -> bytes:
    """The bytes of a picture file; its suffix (".png", ".jpg") names the format."""
    return cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


def _enlarged(picture: RgbImage) -> RgbImage:
    """Each pixel as a square, so that one sees an outline run between pixels."""
    return np.repeat(np.repeat(picture, ZOOM, axis=0), ZOOM, axis=1)


def _window(middle: int, side: int, length: int) -> slice:
    """A stretch of `side` around `middle`, moved to lie within 0..length."""
    start = max(0, min(middle - side // 2, length - side))
    return slice(start, min(start + side, length))
