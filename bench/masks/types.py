"""Maps, masks, runs and sizes: one type each, used by every package."""

import numpy as np
from numpy.typing import NDArray

Size = tuple[int, int]  # height, width


Mask = NDArray[np.bool_]
Map = NDArray[np.uint8]
Runs = NDArray[np.int64]
THRESHOLD = 128  # a map's pixel belongs to the mask when its value is at least this
