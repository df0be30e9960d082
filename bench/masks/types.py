"""Maps, masks, runs, pictures and sizes: one type each, used by every package."""

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # height, width
Mask = NDArray[np.bool_]  # (H, W)
Map = NDArray[np.uint8]  # (H, W), round(255 p) of a probability p
Runs = NDArray[np.int64]  # (N, 2), start from 1 and length
Points = NDArray[np.float64]  # (N, 2), row and column in pixels
RgbImage = NDArray[np.uint8]  # (H, W, 3), RGB
FloatImage = NDArray[np.float32]  # (H, W) or (H, W, 3), mostly 0..1
Floats = NDArray[np.float64]  # of any shape

THRESHOLD = 128  # a map's pixel belongs to the mask when its value is at least this
