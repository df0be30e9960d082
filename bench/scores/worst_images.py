"""The worst images of an entry -> pictures of where it is wrong.

Reads  scores.parquet, the members' map stores, photographs and masks.
Writes <place>-<image>.jpg, the errors over the photograph; <place>-<image>-crop.png, the window
       with most wrong pixels at full resolution, beside the same window with its errors marked;
       and errors.csv, the figures of these images.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.drawing import encode_picture, overlay, worst_crop
from bench.masks.types import THRESHOLD, Map, Mask
from bench.scores.columns import in_errors
from bench.scores.pairs import read_scores
from bench.system.files import write_bytes, write_text

ERROR_CROP = (320, 480)  # height, width


def run(entry: Entry, members: Members, scores: Path, out: Path, worst: int) -> int:
    """Draw the images with the lowest Dice, the worst first; return how many.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    table = read_scores(scores).query("entry == @entry.name")
    chosen = table.nsmallest(worst, "dice")[in_errors()].reset_index(drop=True)

    def draw(image: str, maps: Mapping[str, Map], truth: Mask) -> tuple[bytes, bytes]:
        predicted = entry.map(maps, image) >= THRESHOLD
        photo = read_image(members.data.train[image])
        painted = overlay(photo, predicted, truth)
        window = worst_crop(predicted, truth, ERROR_CROP)
        beside = np.hstack([photo[window], painted[window]])
        return encode_picture(painted, ".jpg"), encode_picture(beside, ".png")

    images = list(chosen["image"])
    pictures = members.only(entry.members).each(images, draw, "errors")
    for place, (image, (whole, crop)) in enumerate(zip(images, pictures, strict=True), start=1):
        write_bytes(out / f"{place:02d}-{image}.jpg", whole)
        write_bytes(out / f"{place:02d}-{image}-crop.png", crop)
    write_text(out / "errors.csv", chosen.to_csv(index=False))
    return len(chosen)
