"""A car of a sample before another background, with nothing of the studio left in its edge."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from bench.data.images import image_size, read_image
from bench.data.listing import PHOTOGRAPH_SUFFIXES
from bench.masks.resize import resized
from bench.masks.types import Map, RgbImage, Size
from bench.system.errors import BadData, Missing
from bench.system.progress import track
from bench.system.threads import prefetch
from bench.training.backgrounds.drawn import drawn

DECODED = 1000  # pictures at most that are decoded beforehand, each 3 to 60 ms
SHARE = 0.5  # of samples that get another background; the others stay in the studio
LEAST = 0.3  # of a picture's sides that are taken
RIM = np.ones((3, 3), np.uint8)  # how far the wall's colour reaches into the car: a pixel


def picture_files(folder: Path) -> list[Path]:
    """Return the pictures of a folder and of those below it, in order.

    Raises:
        Missing: there is no such folder. BadData: there is no picture in it.
    """
    if not folder.is_dir():
        raise Missing(f"no folder {folder.absolute()}; name one that is there")
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PHOTOGRAPH_SUFFIXES)
    if not files:
        raise BadData(
            f"{folder}: no {', '.join(sorted(PHOTOGRAPH_SUFFIXES))} in it; put backgrounds there"
        )
    return files


def check_pictures(folder: Path, jobs: int) -> None:
    """Refuse a folder with a damaged picture; of more than `DECODED`, only headers are read.

    Raises:
        Missing, BadData: as `picture_files`. BadFile: a picture is damaged.
    """
    files = picture_files(folder)
    look: Callable[[Path], object] = read_image if len(files) <= DECODED else image_size
    for _ in track(prefetch(look, files, jobs), "reading backgrounds", len(files)):
        pass


class Backgrounds:
    """Pictures to set cars before.

    Args:
        size: height x width of the samples.
        folder: of pictures; None: each is drawn.

    Raises:
        Missing, BadData: as `picture_files`.
    """

    def __init__(self, size: Size, folder: Path | None = None) -> None:
        self._size, self._files = size, picture_files(folder) if folder else []

    def __call__(self, photo: RgbImage, target: Map, seed: int) -> RgbImage:
        """Return a photograph (H, W, 3) before another background, or, as often, as it is.

        Args:
            target: which share of each pixel is car, 255 for all, (H, W).

        Raises:
            BadFile: a picture is damaged.
        """
        rng = np.random.default_rng(seed)
        if rng.random() >= SHARE:
            return photo
        return composed(photo, target, self._picture(rng))

    def _picture(self, rng: np.random.Generator) -> RgbImage:
        if not self._files:
            return drawn(self._size, rng)
        picture = read_image(self._files[rng.integers(len(self._files))])
        sides = [max(1, int(side * rng.uniform(LEAST, 1))) for side in picture.shape[:2]]
        top, left = (
            int(rng.integers(whole - side + 1))
            for whole, side in zip(picture.shape[:2], sides, strict=True)
        )
        part = picture[top : top + sides[0], left : left + sides[1]]
        part = part[:, ::-1] if rng.random() < 0.5 else part
        return resized(part, self._size)


def composed(photo: RgbImage, target: Map, background: RgbImage) -> RgbImage:
    """Return the car of a photograph before a background; all (H, W) or (H, W, 3) of one size."""
    share = target[..., None].astype(np.float32) / 255
    mixed = share * without_wall(photo, target) + (1 - share) * background
    return (mixed + 0.5).astype(np.uint8)


def without_wall(photo: RgbImage, target: Map) -> RgbImage:
    """Return a photograph whose car's edge has the car's colour alone.

    Pixels that are car in part, and those that touch them, take the colour of the nearest pixel
    well inside. Where the car is nowhere that thick, they stay as they are.
    """
    inside = cv2.erode((target == 255).astype(np.uint8), RIM, borderValue=1)
    if not inside.any():
        return photo
    nearest = cv2.distanceTransformWithLabels(
        1 - inside, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    rows, columns = np.nonzero(inside)
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colours[nearest[rows, columns]] = photo[rows, columns]
    edge = (target > 0) & (inside == 0)
    cleaned = photo.copy()
    cleaned[edge] = colours[nearest[edge]]
    return cleaned
