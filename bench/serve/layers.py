"""What the page shows of a photograph, as pictures and numbers ready for JSON."""

import base64
import time
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from bench.cutout import matting as matte
from bench.cutout import photographs
from bench.cutout.cutout import Seen
from bench.cutout.photographs import Pixels
from bench.masks.types import THRESHOLD, Map
from bench.metrics.overlap import counts, jaccard

SHOWN = 1600  # longest side of pictures that are only looked at
DIM = 0.45  # how much of the photograph is left under the heat


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


def layers(seen: Seen, began: float) -> Layers:
    """Everything of a photograph that was begun at `began` (time.monotonic)."""
    photo = seen.photograph.pixels
    mask = seen.map >= THRESHOLD
    masks = [map >= THRESHOLD for map in seen.maps]
    names = seen.names
    cut = seen.cut()
    differ = np.zeros(mask.shape, bool)
    for one in masks[1:]:
        differ |= one ^ masks[0]
    pictures = {
        "cutout": photographs.write(cut, "png", seen.photograph.profile),
        "mask": mask_png(seen),
        "disagreement": photographs.write(heat(photo, seen.maps), "jpeg"),
        "backdrop": photographs.write(_smaller(matte.blurred(photo, cut[..., 3]), 480), "jpeg"),
    }
    return Layers(
        width=photo.shape[1],
        height=photo.shape[0],
        share=float(mask.mean()),
        contested=float(differ.mean()),
        members=[
            MemberLayer(name=name, agreement=jaccard(counts(one, mask)))
            for name, one in zip(names, masks, strict=True)
        ],
        seconds=time.monotonic() - began,
        **{name: base64.b64encode(content).decode() for name, content in pictures.items()},
    )


def mask_png(seen: Seen) -> bytes:
    """The mask as a grey PNG of 0 and 255."""
    return photographs.write((seen.map >= THRESHOLD).astype(np.uint8) * 255, "png")


def heat(photo: Pixels, maps: Sequence[Map]) -> Pixels:
    """Where members differ (a single one: where it is unsure), glowing over the dimmed photograph.

    The glow is the range of the members' probabilities in each pixel, from dark to bright yellow.
    """
    small = [_smaller(map, SHOWN) for map in maps]
    if len(small) > 1:
        spread = np.max(small, axis=0) - np.min(small, axis=0)
    else:
        spread = 255 - np.abs(2 * small[0].astype(np.int16) - 255).astype(np.uint8)
    grey = cv2.cvtColor(_smaller(photo, SHOWN), cv2.COLOR_RGB2GRAY).astype(np.float32)
    colours = cv2.applyColorMap(spread.astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    share = np.clip(spread.astype(np.float32) / 96, 0, 1)[..., None]
    mixed = DIM * grey[..., None] * (1 - share) + colours * share
    return mixed.astype(np.uint8)


def _smaller(picture: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(1.0, longest / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
