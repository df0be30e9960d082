"""Measure how the time and memory of a submission grow with images, members and size.

Reads  the same samples as the other parts, and image names of sample_submission.csv.
Writes stores and a submission below a temporary folder.

A store of 100,064 maps takes 4 to 60 GB. Here the rows of a store refer to a few maps, so that the
store takes megabytes and is read like any other; only the speed of the disk is left out.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench.data.carvana import VIEWS
from bench.data.dataset import MASK_COLUMNS, DataSet
from bench.data.tables import read_table
from bench.ensembles.entry import Entry
from bench.ensembles.members import Members
from bench.kaggle import submit
from bench.kaggle.validation import check_submission
from bench.masks.database import checksum_of
from bench.masks.store import MapStore
from bench.masks.types import Map
from bench.own.opening import open_data
from bench.speed.samples import load_samples
from bench.system.environment import peak_memory
from bench.system.files import sha256
from bench.system.progress import say
from bench.system.temporaries import temporary_folder

IMAGE_COUNTS = (100, 1_000, 10_000, 100_064)
FEW_IMAGES = 1_000  # for other members or sizes; up to here one job is timed, too
MEMBER_COUNTS = (1, 2, 3, 5, 7, 10)
SIZE_SHARES = (0.25, 0.5)  # of the photographs' height and width
ENTRY = "mean"


@dataclass(frozen=True)
class Plan:
    """One submission to make."""

    images: int
    members: int = 5
    share: float = 1.0
    noisy: bool = False


def run(images: Sequence[int], noisy: bool, data: Path | None, jobs: int) -> list[dict[str, Any]]:
    """Measure submissions of these numbers of images, or the usual plan if there are none.

    Each row is logged as soon as it is measured; the smallest come first.

    Raises:
        AssertionError: one job and several write different files, or a check finds a problem.
    """
    plans = [Plan(number, noisy=noisy) for number in images or IMAGE_COUNTS]
    if not images:
        plans += [
            Plan(FEW_IMAGES, members, noisy=noisy) for members in MEMBER_COUNTS if members != 5
        ]
        plans += [Plan(FEW_IMAGES, share=share, noisy=noisy) for share in SIZE_SHARES]
    with temporary_folder("scale") as folder:
        samples = load_samples(data, folder)
        maps = samples.noisy if noisy else samples.clean
        names = _names(data, max(plan.images for plan in plans))
        return [
            _measure(plan, maps, names[: plan.images], folder, jobs)
            for plan in sorted(plans, key=lambda plan: plan.images)
        ]


def _names(data: Path | None, images: int) -> list[str]:
    """Return file names of photographs: the competition's first, then made-up ones."""
    sample = open_data(data).sample if data else None
    known = [name for _, (name, _) in read_table(sample, MASK_COLUMNS)] if sample else []
    made_up = (
        f"{car:012x}_{view:02d}.jpg" for car in range(images) for view in range(1, VIEWS + 1)
    )
    return [name for _, name in zip(range(images), [*known, *made_up], strict=False)]


def _measure(
    plan: Plan, maps: list[list[Map]], names: list[str], folder: Path, jobs: int
) -> dict[str, Any]:
    shrunk = [[_resized(map, plan.share) for map in image] for image in maps]
    stores = {}
    for member in range(plan.members):
        stores[f"member-{member}"] = folder / f"member-{member}.sqlite"
        some = [image[member % len(image)] for image in shrunk]
        write_repeating_store(
            stores[f"member-{member}"], [name.removesuffix(".jpg") for name in names], some
        )
    height, width = shrunk[0][0].shape
    file = folder / "submission.csv.gz"
    made = run_alone(_submit, stores, names, file, jobs)
    checked = run_alone(_check, file, names, (height, width), jobs)
    assert checked.value == 0, f"{file}: {checked.value} problems"  # noqa: S101
    digest = sha256(file)
    row = {
        "images": plan.images,
        "members": plan.members,
        "height": height,
        "width": width,
        "maps": "noisy" if plan.noisy else "clean",
        "jobs": jobs,
        "submit_s": made.seconds,
        "submit_mib": made.mib,
        "check_s": checked.seconds,
        "check_mib": checked.mib,
        "file_mb": file.stat().st_size / 1e6,
    }
    if plan.images <= FEW_IMAGES and jobs > 1:
        row["one_job_s"] = run_alone(_submit, stores, names, file, 1).seconds
        assert sha256(file) == digest, "one job gives another file"  # noqa: S101
    say(json.dumps(row))
    return row


def _resized(map: Map, share: float) -> Map:
    if share == 1:
        return map
    size = round(map.shape[1] * share), round(map.shape[0] * share)
    return np.asarray(cv2.resize(map, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def write_repeating_store(path: Path, ids: Sequence[str], maps: Sequence[Map]) -> None:
    """Write a map store of many images, whose rows refer to a few maps in turn.

    MapStore reads this store as any other, since its view `maps` has the columns of the table.
    """
    path.unlink(missing_ok=True)
    with MapStore.create(path, {}) as store:
        for number, map in enumerate(maps):
            store.write(str(number), map)
    connection = sqlite3.connect(path)
    with connection:
        frames = connection.execute(
            "SELECT height, width, frame FROM maps ORDER BY rowid"
        ).fetchall()
        connection.execute("ALTER TABLE maps RENAME TO few")
        connection.execute(
            "CREATE TABLE many (image TEXT PRIMARY KEY, checksum INTEGER, number INTEGER) "
            "WITHOUT ROWID"
        )
        connection.execute(
            "CREATE VIEW maps AS SELECT many.image, height, width, many.checksum, frame "
            "FROM many JOIN few ON few.rowid = number + 1"
        )
        connection.executemany(
            "INSERT INTO many VALUES (?, ?, ?)",
            (
                (image, checksum_of(image, *frames[place % len(frames)]), place % len(frames))
                for place, image in enumerate(ids)
            ),
        )
    connection.close()


@dataclass(frozen=True)
class ProcessCost:
    """The result of a function run in a process of its own, its time and its memory."""

    value: Any
    seconds: float
    mib: float  # peak memory


def run_alone(function: Callable[..., Any], *arguments: Any) -> ProcessCost:
    """Call a function in a new process, so that the process's memory is the function's."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_run_measured, function, *arguments).result()


def _run_measured(function: Callable[..., Any], *arguments: Any) -> ProcessCost:
    began = time.monotonic()
    value = function(*arguments)
    seconds = time.monotonic() - began
    return ProcessCost(value, seconds, peak_memory() / 2**20)


def _submit(stores: dict[str, Path], names: list[str], file: Path, jobs: int) -> None:
    parameters = {"rule": "mean", "weights": [1] * len(stores)}
    by_id = {name.removesuffix(".jpg"): name for name in names}
    entry = Entry(ENTRY, "mean", tuple(stores), parameters)
    no_photographs = DataSet(file.parent, {}, {}, {}, None, None, None)
    submit.run([entry], Members(stores, no_photographs, jobs), by_id, {ENTRY: file}, {})


def _check(file: Path, names: list[str], size: tuple[int, int], jobs: int) -> int:
    return check_submission(file, names, size, jobs).counts.total()
