"""The worst images of an entry -> pictures of where it is wrong, and how far from the outline.

Reads  scores.parquet, the members' map stores, photographs and masks.
Writes <place>-<image>.jpg, the errors over the photograph; <place>-<image>-crop.png, the window
       with most wrong pixels at full resolution, beside the same window with its errors marked;
       errors.csv, the figures of these images; and distances.csv, for every car, worst first, and
       for all cars, the wrong pixels of a photograph within so many pixels of the true outline.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from bench.data.dataset import unit_of
from bench.data.image_ids import file_name
from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.drawing import encode_picture, overlay, worst_crop
from bench.masks.types import Map, Mask, RgbImage
from bench.metrics.boundary import wrong_by_distance
from bench.scores.columns import in_errors
from bench.scores.pairs import read_scores
from bench.system.files import write_bytes, write_text

ERROR_CROP = (320, 480)  # height, width
DISTANCES = (2, 5, 20)  # pixels
Pictures = tuple[bytes, bytes]  # the whole photograph as JPEG, the window as PNG


def run(entry: Entry, members: Members, scores: Path, out: Path, worst: int) -> int:
    """Draw the images with the lowest Dice, the worst first; return how many.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    table = read_scores(scores)
    chosen = choose(table, entry.name, worst)

    def draw_image(image: str, maps: Mapping[str, Map], truth: Mask) -> Pictures:
        photo = read_image(members.data.train[image])
        return draw(photo, entry.mask(maps, image), truth)

    pictures = members.only(entry.members).each(list(chosen["image"]), draw_image, "errors")
    write(chosen, pictures, out)
    distances = _distances(entry, members, table[table["entry"] == entry.name])
    write_text(out / "distances.csv", distances.to_csv(index=False, float_format="%.6g"))
    return len(chosen)


def choose(scores: pd.DataFrame, entry: str, worst: int) -> pd.DataFrame:
    """Return the figures of an entry's images with the lowest Dice, the worst first."""
    table = scores[scores["entry"] == entry]
    return table.nsmallest(worst, "dice")[in_errors()].reset_index(drop=True)


def draw(photo: RgbImage, predicted: Mask, truth: Mask) -> Pictures:
    """Draw the errors over a photograph, and beside it the window with most of them, as files."""
    painted = overlay(photo, predicted, truth)
    window = worst_crop(predicted, truth, ERROR_CROP)
    beside = np.hstack([photo[window], painted[window]])
    return encode_picture(painted, ".jpg"), encode_picture(beside, ".png")


def write(chosen: pd.DataFrame, pictures: Iterable[Pictures], out: Path) -> None:
    """Write the pictures and figures of images that `choose` returned."""
    images = list(chosen["image"])
    for place, (image, (whole, crop)) in enumerate(zip(images, pictures, strict=True), start=1):
        write_bytes(out / f"{place:02d}-{file_name(image)}.jpg", whole)
        write_bytes(out / f"{place:02d}-{file_name(image)}-crop.png", crop)
    write_text(out / "errors.csv", chosen.to_csv(index=False))


def _distances(entry: Entry, members: Members, table: pd.DataFrame) -> pd.DataFrame:
    """Return the mean wrong pixels of a car's or group's pictures, by distance; last row: "all".

    Args:
        table: the entry's scores.
    """

    def count(image: str, maps: Mapping[str, Map], truth: Mask) -> list[int]:
        return wrong_by_distance(entry.mask(maps, image), truth, DISTANCES)

    images = list(table["image"])
    counts = list(members.only(entry.members).each(images, count, "distances"))
    columns = [*(f"within_{pixels}_px" for pixels in DISTANCES), "wrong_px"]
    figures = pd.DataFrame(counts, columns=columns)
    figures.insert(0, "dice", table["dice"].to_numpy())
    unit = unit_of(table.columns)
    by_car = figures.groupby(table[unit].to_numpy()).mean().sort_values("dice")
    whole = figures.mean().to_frame("all").T  # a row of its own: a group may be called so, too
    return pd.concat([by_car, whole]).rename_axis(unit).reset_index()
