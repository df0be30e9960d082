"""Make what the page shows of a photograph: images and numbers, ready for JSON."""

import base64
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from bench.cutout import matting, photographs
from bench.cutout.cutout import Segmented
from bench.masks.types import THRESHOLD, Map, RgbImage
from bench.metrics.overlap import counts, jaccard

MAX_PREVIEW_SIDE = 1600  # pixels, of images that are only looked at
MAX_BACKDROP_SIDE = 480  # pixels, of the blurred background
DIM = 0.45  # brightness of the photograph under the heat map


class MemberLayer(BaseModel):
    """How a member compares with the result."""

    name: str
    agreement: float = Field(description="Jaccard of its mask with the result's, 0 to 1")


class Layers(BaseModel):
    """All that the page shows of one photograph; pictures are base64."""

    width: int
    height: int
    seconds: float = Field(description="from taking the photograph up to this answer")
    share: float = Field(description="of the picture that is car, 0 to 1")
    contested: float = Field(description="of the picture on which members' masks differ, 0 to 1")
    members: list[MemberLayer]
    cutout: str = Field(description="PNG with alpha, full size: the very bytes of POST /cutout")
    mask: str = Field(description="PNG, white is car, full size: the very bytes of POST /mask")
    disagreement: str = Field(description="JPEG: where members differ glows")
    backdrop: str = Field(description="JPEG: the background, blurred, without the car")


def layers(segmented: Segmented, began: float) -> Layers:
    """Return all that the page shows of a photograph that arrived at `began` (time.monotonic)."""
    photo = segmented.photograph.pixels
    mask = segmented.map >= THRESHOLD
    masks = [map >= THRESHOLD for map in segmented.maps]
    cut = segmented.cut()
    disputed = np.zeros(mask.shape, bool)
    for other in masks[1:]:
        disputed |= other ^ masks[0]
    images = {
        "cutout": photographs.write(cut, "png", segmented.photograph.profile),
        "mask": mask_png(segmented),
        "disagreement": photographs.write(disagreement(photo, segmented.maps), "jpeg"),
        "backdrop": photographs.write(
            _shrink(matting.blurred_background(photo, cut[..., 3]), MAX_BACKDROP_SIDE), "jpeg"
        ),
    }
    return Layers(
        width=photo.shape[1],
        height=photo.shape[0],
        share=float(mask.mean()),
        contested=float(disputed.mean()),
        members=[
            MemberLayer(name=name, agreement=jaccard(counts(member, mask)))
            for name, member in zip(segmented.names, masks, strict=True)
        ],
        seconds=time.monotonic() - began,
        **{name: base64.b64encode(content).decode() for name, content in images.items()},
    )


def mask_png(segmented: Segmented) -> bytes:
    """Return the mask as a grey PNG of 0 and 255."""
    return photographs.write((segmented.map >= THRESHOLD).astype(np.uint8) * 255, "png")


def disagreement(photo: RgbImage, maps: Sequence[Map]) -> RgbImage:
    """Draw where members differ (a single one: where it is unsure) over the dimmed photograph.

    The glow is the range of the members' probabilities in each pixel, from dark to bright yellow.
    """
    small = [_shrink(map, MAX_PREVIEW_SIDE) for map in maps]
    if len(small) > 1:
        spread = np.max(small, axis=0) - np.min(small, axis=0)
    else:
        spread = 255 - np.abs(2 * small[0].astype(np.int16) - 255).astype(np.uint8)
    grey = cv2.cvtColor(_shrink(photo, MAX_PREVIEW_SIDE), cv2.COLOR_RGB2GRAY).astype(np.float32)
    colours = cv2.applyColorMap(spread.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = np.clip(spread.astype(np.float32) / 96, 0, 1)[..., None]
    mixed = DIM * grey[..., None] * (1 - share) + colours * share
    return mixed.astype(np.uint8)


def _shrink(image: NDArray[np.uint8], max_side: int) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    scale = min(1.0, max_side / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
