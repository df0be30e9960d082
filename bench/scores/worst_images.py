"""The worst images of an entry -> pictures of where it is wrong.

Reads  scores.parquet, the members' map stores, photographs and masks.
Writes <place>-<image>.jpg, the errors over the photograph; <place>-<image>-crop.png, the window
       where most is wrong at full resolution, as photographed and as judged; and errors.csv.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.carvana import Carvana
from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.masks.drawing import encoded, overlay, worst_crop
from bench.masks.store import MapStore
from bench.masks.types import THRESHOLD
from bench.system.files import write_bytes, write_text
from bench.system.progress import track

CROP = (320, 480)  # height, width
COLUMNS = ["image", "dice", "fp", "fn", "boundary_iou", "hausdorff95_px"]


def run(
    entry: Entry, stores: Mapping[str, Path], scores: Path, data: Carvana, out: Path, worst: int
) -> int:
    """Draw the images with the lowest Dice, the worst first; how many.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    table = pd.read_parquet(scores).query("entry == @entry.name")
    chosen = table.nsmallest(worst, "dice")[COLUMNS].reset_index(drop=True)
    with ExitStack() as stack:
        opened = {name: stack.enter_context(MapStore.open(stores[name])) for name in entry.members}
        for place, image in track(enumerate(chosen["image"], start=1), "errors", len(chosen)):
            maps = {name: store.read(image) for name, store in opened.items()}
            predicted = entry.map(maps, image) >= THRESHOLD
            photo, truth = read_image(data.train[image]), data.mask(image)
            painted = overlay(photo, predicted, truth)
            window = worst_crop(predicted, truth, CROP)
            name = f"{place:02d}-{image}"
            write_bytes(out / f"{name}.jpg", encoded(painted, ".jpg"))
            beside = np.hstack([photo[window], painted[window]])
            write_bytes(out / f"{name}-crop.png", encoded(beside, ".png"))
    write_text(out / "errors.csv", chosen.to_csv(index=False))
    return len(chosen)
