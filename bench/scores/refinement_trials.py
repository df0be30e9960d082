"""Every refinement tried on an entry's held-out maps -> its effect on their scores, and pictures.

Reads  the members' map stores, photographs and masks.
Writes, if asked, into a folder: effect.csv, the table; images.parquet, the figures of every image;
       and <place>-<helped or harmed>-<image>.png, a close-up of the image that each refinement
       helped or harmed most, where its effect is largest. Red: before, blue: after, green: truth.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.config.refinement import DEFAULT_STEPS, Steps, from_json, names_of
from bench.data.image_ids import car_of, file_name
from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.masks.contours import contours
from bench.masks.drawing import AFTER, BEFORE, TRUE, close_up, encode_picture, worst_crop
from bench.masks.types import THRESHOLD, Map, Mask
from bench.metrics.boundary import outline
from bench.metrics.measures import measures
from bench.refinement.refine import refine
from bench.scores.columns import averaged, check_figures
from bench.scores.pairs import gain_columns, holm_column, matrix, paired_gain
from bench.system.files import replacing, write_bytes, write_text

CLOSE_UP = (64, 96)  # height, width of a picture's window
NONE = "none"  # what the table calls the entry without a refinement
CHAINS = (  # tried besides each step alone; the first is that of Heitzinger & Kampel 2020
    ("active_contours", "adaptive_smoothing"),
    ("largest_component", "fill_holes"),
    ("largest_component", "fill_holes", "active_contours", "adaptive_smoothing"),
)


def run(entry: Entry, members: Members, images: Sequence[str], out: Path | None) -> pd.DataFrame:
    """Score an entry without refinement and after each refinement, its own among them.

    Args:
        images: held-out photographs.
        out: where the table, the figures of every image and the pictures go; None: nowhere.

    Returns:
        One row for each refinement, with means over the images. `gain`: in Dice over the entry
        without refinement, with its 95 % interval over cars and the p-value of no gain,
        Holm-corrected over the table. `better`, `worse`, `unchanged`: images by their Dice.
        `tried`: uncertain stretches, over all images, on which active contours were tried; `kept`:
        those that they left as they were. `refine_ms`: the median over the images, on one core.

    Raises:
        BadData: a store lacks an image or is damaged, or a photograph or mask is.
    """
    bare = replace(entry, refine=())
    chains = {names_of(steps): steps for steps in _chains(entry.refine)}
    members = members.only(entry.members)

    def score(image: str, maps: Mapping[str, Map], truth: Mask) -> list[dict[str, Any]]:
        about = {"image": image, members.data.unit: car_of(image)}
        return [about | row for row in _tried(bare.map(maps, image), truth, chains)]

    rows = [row for image in members.each(images, score, "refine") for row in image]
    scores = pd.DataFrame(rows)
    effects = table(scores)
    if out:
        write_text(out / "effect.csv", effects.to_csv(index=False))
        with replacing(out / "images.parquet") as temporary:
            scores.to_parquet(temporary, index=False)
        _draw(bare, chains, scores, members, out)
    return effects


def _tried(map: Map, truth: Mask, chains: Mapping[str, Steps]) -> Iterator[dict[str, Any]]:
    """Yield the figures of a map without refinement, then after each refinement."""
    before, true_outline = map >= THRESHOLD, outline(truth)
    unrefined = check_figures(measures(before, truth, true_outline))
    yield {"refinement": NONE, **unrefined}
    for name, steps in chains.items():
        began = time.thread_time()
        refined = refine(map, steps)
        ms = (time.thread_time() - began) * 1000
        after = refined.map >= THRESHOLD
        changed = int(np.count_nonzero(after ^ before))
        yield {
            "refinement": name,
            "changed_px": changed,
            "refine_ms": ms,
            "tried": refined.tried,
            "kept": refined.kept,
            **(measures(after, truth, true_outline) if changed else unrefined),
        }


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each refinement, from one row for each refinement and image."""
    by_entry = scores.rename(columns={"refinement": "entry"})
    dice = matrix(by_entry, list(by_entry["entry"].unique())).T
    rows = [_row(name, group, dice) for name, group in scores.groupby("refinement", sort=False)]
    effects = holm_column(pd.DataFrame(rows), "gain_p")
    counts = ["better", "worse", "unchanged", "tried", "kept"]
    return effects.astype({name: "Int64" for name in counts if name in effects})


def _row(name: Any, scores: pd.DataFrame, dice: pd.DataFrame) -> dict[str, Any]:
    """Means of a refinement and, unless it is NONE, its gain over NONE."""
    means = {"refinement": name, **{column: scores[column].mean() for column in averaged()}}
    if name == NONE:
        return means
    change = dice[name] - dice[NONE]
    effect = {
        "better": int((change > 0).sum()),
        "worse": int((change < 0).sum()),
        "unchanged": int((change == 0).sum()),
        "changed_px": scores["changed_px"].mean(),
        "tried": int(scores["tried"].sum()),
        "kept": int(scores["kept"].sum()),
        "refine_ms": scores["refine_ms"].median(),
    }
    return means | effect | gain_columns(paired_gain(dice[name], dice[NONE]))


def _chains(own: Steps) -> list[Steps]:
    """List every step alone, the chains of CHAINS, and an entry's own steps if these are new."""
    alone = [(name,) for name in DEFAULT_STEPS]
    chains = [from_json(names) for names in (*alone, *CHAINS)]
    return [*chains, own] if own and own not in chains else chains


@dataclass(frozen=True)
class Extreme:
    """The image that a refinement helped or harmed most."""

    refinement: str
    word: str  # helped or harmed
    file: str  # the picture's name


def _extremes(scores: pd.DataFrame, refinements: Sequence[str]) -> dict[str, list[Extreme]]:
    """List, by image, the refinements that helped or harmed this image more than any other."""
    dice = scores.pivot(index="image", columns="refinement", values="dice")
    extremes: dict[str, list[Extreme]] = {}
    for place, name in enumerate(refinements, start=1):
        change = dice[name] - dice[NONE]
        for word, gains in (("helped", change), ("harmed", -change)):
            image = str(gains.idxmax())
            if gains[image] > 0:
                extreme = Extreme(name, word, f"{place:02d}-{word}-{file_name(image)}.png")
                extremes.setdefault(image, []).append(extreme)
    return extremes


def _draw(
    bare: Entry, chains: Mapping[str, Steps], scores: pd.DataFrame, members: Members, out: Path
) -> None:
    """Draw the image that each refinement helped most, and the one that it harmed most."""
    extremes = _extremes(scores, list(chains))

    def draw(image: str, maps: Mapping[str, Map], truth: Mask) -> None:
        map, photo = bare.map(maps, image), read_image(members.data.train[image])
        for extreme in extremes[image]:
            after = refine(map, chains[extreme.refinement])
            changed = (map >= THRESHOLD) ^ (after.map >= THRESHOLD)
            right = (after.map >= THRESHOLD) == truth
            shown = changed & (right == (extreme.word == "helped"))
            window = worst_crop(shown, np.zeros_like(truth), CLOSE_UP)
            outlines = [
                (contours(truth.view(np.uint8) * np.uint8(255)), TRUE),
                (contours(map), BEFORE),
                (after.contours, AFTER),
            ]
            picture = close_up(photo, map, outlines, window)
            write_bytes(out / extreme.file, encode_picture(picture, ".png"))

    for _ in members.each(extremes, draw, "refine: pictures"):
        pass
