"""Make what the page shows of a photograph: images and numbers, ready for JSON."""

import base64
import time

import numpy as np
from pydantic import BaseModel, Field

from bench.cutout import matting, photographs
from bench.cutout.cutout import Segmented
from bench.doubt.glow import glow, shrunk
from bench.masks.types import THRESHOLD
from bench.metrics.overlap import counts, jaccard

MAX_PREVIEW_SIDE = 1600  # pixels, of images that are only looked at
MAX_BACKDROP_SIDE = 480  # pixels, of the blurred background


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
    profile = segmented.photograph.profile
    backdrop = shrunk(matting.blurred_background(photo, cut[..., 3]), MAX_BACKDROP_SIDE)
    images = {
        "cutout": photographs.write(cut, "png", profile),
        "mask": mask_png(segmented),
        "disagreement": photographs.write(glow(photo, segmented.maps, MAX_PREVIEW_SIDE), "jpeg"),
        "backdrop": photographs.write(backdrop, "jpeg", profile),
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
