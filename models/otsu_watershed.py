"""The classical baseline: a threshold, a watershed and a preference for the centre; no weights."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

CERTAIN = 12.0  # the logit of a pixel inside the segment: a probability of 0.999994


class OtsuWatershed(nn.Module):
    """Cut a photograph into segments without learning, and take the segment in the middle.

    Otsu's threshold splits the grey values into dark and bright. The cores of the connected
    regions of either kind are the markers of a watershed. The segment most like a Gaussian at the
    centre is the car; its holes are filled.

    Input   (B, 3, H, W), any range of values: each image is stretched over 0..255 first.
    Output  (B, 1, H, W) logits, +12 inside and -12 outside.
    Source  the classical method of ExtractNet 2019; the sizes below are ours, chosen on 50
            photographs of Carvana.
    """

    stride = 1

    def __init__(self, *, core: float = 0.01, spread: float = 0.2) -> None:
        """`core`: how deep in its region a marker lies, `spread`: the Gaussian's; of a side."""
        super().__init__()
        self.core, self.spread = core, spread

    def forward(self, image: Tensor) -> Tensor:
        """Return the logits (B, 1, H, W) of images (B, 3, H, W)."""
        photographs = image.detach().permute(0, 2, 3, 1).float().cpu().numpy()
        masks = [self.segment(_stretched(photograph)) for photograph in photographs]
        inside = torch.from_numpy(np.stack(masks)[:, None])
        return torch.where(inside, CERTAIN, -CERTAIN).to(image.device)

    def segment(self, photograph: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Return the mask (H, W) of a photograph (H, W, 3); empty where there is no segment."""
        smooth = np.asarray(cv2.GaussianBlur(photograph, (5, 5), 0), np.uint8)
        regions = cv2.watershed(smooth, _markers(smooth, self.core * len(photograph)))
        labels = np.maximum(regions, 0)  # a watershed line is -1, and belongs to no segment
        likeness = _likeness(labels, _centre(labels.shape, self.spread))
        return _filled((labels == likeness.argmax()) & (labels > 0))


def _stretched(photograph: NDArray[np.float32]) -> NDArray[np.uint8]:
    low, high = photograph.min(), photograph.max()
    scaled = (photograph - low) / max(high - low, np.finfo(np.float32).tiny)
    return np.asarray(scaled * 255 + 0.5, np.uint8)


def _markers(photograph: NDArray[np.uint8], depth: float) -> NDArray[np.int32]:
    """Numbered connected regions, dark or bright, of the pixels that lie over `depth` inside."""
    grey = cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY)
    _, bright = cv2.threshold(grey, 0, 1, cv2.THRESH_OTSU)
    markers = np.zeros(grey.shape, np.int32)
    for side in (bright, 1 - bright):
        inside = cv2.distanceTransform(side, cv2.DIST_L2, 3) > depth
        _, regions = cv2.connectedComponents(inside.astype(np.uint8))
        markers += np.where(regions > 0, regions + markers.max(), 0).astype(np.int32)
    return markers


def _centre(shape: tuple[int, ...], spread: float) -> NDArray[np.float64]:
    """A Gaussian (H, W) at the centre; `spread` is its deviation as a share of each side."""
    rows, columns = (((np.arange(side) + 0.5) / side - 0.5) / spread for side in shape)
    return np.exp(-(rows[:, None] ** 2 + columns**2) / 2)


def _likeness(labels: NDArray[np.int32], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cosine of each segment, as a vector of 0 and 1, and `centre`, but for a constant.

    Label 0 is no segment and scores 0.
    """
    areas = np.bincount(labels.ravel())
    covered = np.bincount(labels.ravel(), weights=centre.ravel())
    likeness = covered / np.sqrt(np.maximum(areas, 1))
    likeness[0] = 0
    return likeness


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without its holes."""
    outlines, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    drawn = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(drawn, outlines, -1, 1, cv2.FILLED)
    return drawn.astype(bool)
