"""Models, submissions and labelled photographs -> the table that a run would have, and pictures.

Writes (where a folder is named) scores.parquet, leaderboard.csv, .md, .json and .latex; and a
       folder for each that is judged, with its worst images as scores/worst_images.py draws them.
"""

from collections.abc import Iterator, Sequence
from math import nan
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from bench.config.layout import Layout
from bench.data.content import by_car, by_content, photograph_hashes
from bench.data.dataset import DataSet
from bench.data.folds import given_folds, in_fold
from bench.data.image_ids import car_of, file_name
from bench.data.images import read_image
from bench.ensembles.entry import Entry
from bench.evaluation.judged import Judged
from bench.metrics.boundary import outline
from bench.metrics.measures import measures
from bench.scores import leaderboard, worst_images
from bench.scores.columns import check_figures
from bench.scores.leaderboard import MemberCost
from bench.scores.score import about
from bench.scores.tables import WRITERS
from bench.system.contents import Contents
from bench.system.errors import BadData, Missing
from bench.system.progress import say, track, warn
from bench.system.temporaries import filled_at_once
from bench.system.text import several
from bench.system.threads import prefetch


class Evaluation(NamedTuple):
    """The scores of every entry on every image, and the table that ranks the entries."""

    scores: pd.DataFrame
    board: pd.DataFrame


def run(
    judged: Sequence[Judged],
    data: DataSet,
    contents: Contents,
    jobs: int,
    out: Path | None,
    worst: int,
) -> Evaluation:
    """Score everything that is judged on the labelled photographs that it all has masks of.

    Args:
        out: an empty or new folder for the files; None: none are written.
        worst: images of each judged one that are drawn.

    Raises:
        Missing: there are no labelled photographs.
        BadData: none of them has a mask of everything that is judged; or as `DataSet.mask`.
    """
    images = _images(judged, data)
    scores = pd.DataFrame(list(_rows(judged, data, images, jobs)))
    entries = [entry for each in judged for entry in each.entries]
    costs = {name: _cost(size) for each in judged for name, size in each.sizes.items()}
    board = leaderboard.table(scores, entries, costs, [], leaky=False)
    board["leaky"] = board["entry"].isin(_leaky(judged, data, images, contents))
    if out:
        with filled_at_once(out) as new:
            layout = Layout(new)
            scores.to_parquet(layout.scores, index=False, write_page_checksum=True)
            files = {form: layout.leaderboard(form) for form in WRITERS}
            leaderboard.write(board, "", files, data.unit)
            _draw(judged, data, scores, new, worst)
    return Evaluation(scores, board)


def _images(judged: Sequence[Judged], data: DataSet) -> list[str]:
    """The labelled images that are scored: held-out ones where the data name them."""
    labelled = sorted(data.train)
    if not labelled:
        raise Missing(f"{data.root}: no photographs with masks; name labelled data")
    if data.own and data.own.heldout:
        labelled = in_fold(labelled, given_folds(data), 0)
        say(f"{data.own.heldout}: its {several(len(labelled), 'photograph')} are scored")
    images = set(labelled).intersection(*(each.images(labelled) for each in judged))
    if not images:
        raise BadData(
            f"{data.root}: none of its {several(len(labelled), 'labelled photograph')} has a row "
            "in what is judged; name the photographs that it is of"
        )
    if len(images) < len(labelled):
        left = len(labelled) - len(images)
        say(f"{several(left, 'labelled photograph')} without a row, which are not scored")
    return sorted(images)


def _rows(
    judged: Sequence[Judged], data: DataSet, images: Sequence[str], jobs: int
) -> Iterator[dict[str, Any]]:
    read = prefetch(lambda image: (read_image(data.train[image]), data.mask(image)), images, jobs)
    shown = track(images, "evaluate", len(images))
    for image, (photo, truth) in zip(shown, read, strict=True):
        row = about(data, image, fold=0)
        true_outline = outline(truth)
        for each in judged:
            for entry, mask in each.masks(image, photo).items():
                figures = check_figures(measures(mask, truth, true_outline))
                yield {"entry": entry, **row, **figures}


def _cost(size: str) -> MemberCost:
    """What is known of a single model here: its size."""
    return MemberCost(size, nan, nan, nan, nan, nan, nan, None, None)


def _leaky(
    judged: Sequence[Judged], data: DataSet, images: Sequence[str], contents: Contents
) -> set[str]:
    """The entries that were trained on what is scored, and say so."""
    leaky: set[str] = set()
    scored = {car_of(image) for image in images}
    whole = [image for image in data.train if car_of(image) in scored]
    hashes = photograph_hashes(data, whole, contents)
    by_id = by_car(hashes)  # models of earlier versions know cars by these
    known_by = {car: {digest, by_id[car]} for car, digest in by_content(hashes).items()}
    for each in judged:
        name, trained = each.entries[0].name, each.trained_on(known_by)
        if trained is None:
            say(f"{name}: it is not known what it was trained on")
        elif trained & scored:
            leaky |= {entry.name for entry in each.entries}
            warn(
                f"{name}: LEAKY: {len(trained & scored)} of {several(len(scored), data.unit)} "
                "trained it or chose its epochs, so its scores are too good"
            )
        else:
            say(
                f"{name}: no {data.unit} here is known to have trained it (one is recognised only "
                "if all its photographs are here, unchanged)"
            )
    return leaky


def _draw(
    judged: Sequence[Judged], data: DataSet, scores: pd.DataFrame, out: Path, worst: int
) -> None:
    """Draw the worst images of each that is judged."""
    for each in judged:
        entry: Entry = each.entries[0]
        chosen = worst_images.choose(scores, entry.name, worst)
        pictures = (
            _pictures(each, entry.name, data, image)
            for image in track(chosen["image"], f"draw {entry.name}", len(chosen))
        )
        worst_images.write(chosen, pictures, out / file_name(entry.name))


def _pictures(judged: Judged, name: str, data: DataSet, image: str) -> worst_images.Pictures:
    photo = read_image(data.train[image])
    return worst_images.draw(photo, judged.masks(image, photo)[name], data.mask(image))
