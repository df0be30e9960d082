"""A tiny suite, the command line in forks of this warm process, and how two runs differ."""

import csv
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from bench.cli.verbs import main
from bench.config.strict import to_yaml
from bench.masks.parts import map_files, open_maps
from bench.system.errors import BenchError
from bench.system.files import sha256
from tests.tiny import RECIPE, draw_car, save_mask

Item = TypeVar("Item")
Done = TypeVar("Done")

LIMIT_S = 200  # of a run that takes seconds
NEVER_ENDED = "no end"
CARS, TEST_CARS, VIEWS = 6, 1, 2
SUITE = {
    "title": "campaign",
    "recipes": ["one.yaml", "two.yaml"],
    "folds": {"count": 2, "run": [0], "valid_cars": 1},
    "ensembles": {
        "mean": {"rule": "mean"},
        "vote": {"rule": "vote", "refine": ["fill_holes"]},
        "learned": {"rule": "weights_dice"},
        "stacking": {"rule": "stacking"},
    },
}
TIMES = {"seconds", "train_s", "predict_ms", "pareto", "date", "ms_per_image", "other_cores"}
WITH_TIMES = {".html", ".md", ".latex"}  # pages and tables that only exist to be looked at
OF_NO_RESULT = re.compile(r"log\.txt|environment\.json|maps-\w+\.json|made\.json|\..*")


def prepare(folder: Path) -> None:
    """Draw the photographs and write the suite of a campaign into an empty folder."""
    data, mine = folder / "data", folder / "mine"
    for name in ("train", "train_masks", "test"):
        (data / name).mkdir(parents=True)
    mine.mkdir()
    for number in range(CARS + TEST_CARS):
        for view in range(1, VIEWS + 1):
            photograph, mask = draw_car(number % CARS, view + 16 * (number // CARS))
            image = f"{number:012x}_{view:02d}"
            part = "train" if number < CARS else "test"
            Image.fromarray(photograph).save(data / part / f"{image}.jpg", quality=90)
            if number < CARS:
                save_mask(data / "train_masks" / f"{image}_mask.gif", mask)
    learner = {"batch": 2, "epochs": 4, "optimiser": {"name": "adamw", "lr": 0.01}}
    for name, size in {"one": [40, 64], "two": [32, 48]}.items():
        network = {"name": "autoencoder", "skips": name == "two"}  # small: 1 MB
        recipe = yaml.safe_load(to_yaml(RECIPE)) | learner | {"network": network, "size": size}
        (mine / f"{name}.yaml").write_text(yaml.safe_dump(recipe))
    (mine / "tiny.yaml").write_text(yaml.safe_dump(SUITE, sort_keys=False))


def run_of(folder: Path) -> Path:
    """Return the folder of the campaign's run."""
    return folder / "runs" / "tiny"


def words(folder: Path, verb: str = "run", *more: str) -> list[str]:
    """Return the words of the command that works on the suite in this folder."""
    places = ["--data", str(folder / "data"), "--runs", str(folder / "runs")]
    places += ["--submissions", str(folder / "submissions")]
    return [verb, str(folder / "mine" / "tiny.yaml"), *places, "--device", "cpu", *more]


@dataclass(frozen=True)
class Ended:
    """How a process of the command line ended, and what it said."""

    code: int | str
    said: str

    @property
    def error(self) -> str:
        """The message of its error, without the program's name."""
        found = re.search(r"^carvana-bench [\w-]+: (.*)", self.said, flags=re.DOTALL | re.MULTILINE)
        return found[1].strip() if found else ""

    @property
    def traceback(self) -> bool:
        """Whether it ended in an error that nobody foresaw."""
        return "Traceback" in self.said


@dataclass
class Started:
    """The command line at work in a process of its own."""

    pid: int
    output: Path

    def said(self) -> str:
        """Return what it has said so far."""
        return self.output.read_text(errors="replace") if self.output.exists() else ""

    def ended(self) -> Ended | None:
        """Return how it ended, or None while it works; asked once after the end."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return Ended(os.waitstatus_to_exitcode(status), self.said()) if pid else None

    def wait(self) -> Ended:
        """Return how it ends; what takes too long is killed."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if ended := self.ended():
                return ended
            time.sleep(0.01)
        self.kill()
        return Ended(NEVER_ENDED, self.said())

    def kill(self) -> None:
        """End it and what it has started at once, as the kernel does when memory runs out."""
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def start(folder: Path, command: list[str], hook: Callable[[], None] | None = None) -> Started:
    """Start `python -m bench` with this command in a fork of this process, which is warm.

    Args:
        hook: is called in the new process before the command.
    """
    output = folder / "output.txt"
    output.unlink(missing_ok=True)
    sys.stdout.flush()
    pid = os.fork()
    if not pid:
        _be_the_command_line(folder, output, command, hook)
    while not output.exists():  # it leads a group of its own from then on
        time.sleep(0.001)
    return Started(pid, output)


def _be_the_command_line(
    folder: Path, output: Path, command: list[str], hook: Callable[[], None] | None
) -> None:
    code = 70
    try:
        os.setsid()
        descriptor = os.open(output, os.O_CREAT | os.O_WRONLY)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.chdir(folder)
        if hook:
            hook()
        code = main(command)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def finished(folder: Path) -> Path:
    """Make an undisturbed run in an empty folder; return the folder."""
    shutil.rmtree(folder, ignore_errors=True)
    prepare(folder)
    ended = start(folder, words(folder)).wait()
    if ended.code:
        sys.exit(f"the undisturbed run ended with {ended.code}:\n{ended.said}")
    return folder


def differences(one: Path, other: Path) -> list[str]:
    """Return the files of two folders' runs and submissions that say something else.

    What only notes times is left out, and so are figures of time inside a file. A member's maps
    are the same in one store or in parts.
    """
    names = sorted({*_files(one), *_files(other)})
    return [name for name in names if _content(one / name) != _content(other / name)]


def leftovers(base: Path, other: Path) -> list[str]:
    """Return the files that a disturbed run has and an undisturbed one has not."""
    known = set(map(without_keys, all_files(base)))
    return [path for path in all_files(other) if without_keys(path) not in known]


def all_files(folder: Path) -> list[str]:
    """Return every file of runs and submissions below a folder, hidden ones too."""
    parts = (folder / "runs", folder / "submissions")
    paths = (path for part in parts for path in part.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def without_keys(name: str) -> str:
    """Return a name without the key of the data that a cache holds."""
    return re.sub(r"[0-9a-f]{16,}", "KEY", name)


def _files(folder: Path) -> Iterator[str]:
    """Yield the names of the files that hold a result."""
    for name in all_files(folder):
        noted = "/cache/" in name or "/made/" in name  # with hashes of files that note times
        if not noted and not OF_NO_RESULT.fullmatch(Path(name).name):
            yield re.sub(r"\.part-\d+-of-\d+(?=\.sqlite)", "", name)


def _content(path: Path) -> Any:
    """Return what a file says, without times; None where it is missing."""
    if not path.exists() and not map_files(path):
        return None
    try:
        return _said_by(path)
    except (ValueError, BenchError) as error:
        return f"unreadable: {error}"


def _said_by(path: Path) -> Any:
    if path.suffix in WITH_TIMES:
        return path.stat().st_size > 0
    if path.suffix == ".json":
        return _without_times(json.loads(path.read_text()))
    if path.suffix == ".csv":
        return _without_times(list(csv.DictReader(path.read_text().splitlines())))
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_csv()
    if path.suffix == ".sqlite":
        with open_maps(path) as maps:
            return {image: np.asarray(maps.read(image)).tobytes() for image in maps.ids()}
    return sha256(path)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(each) for key, each in value.items() if key not in TIMES}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def spread(work: Callable[[Item], Done], items: Sequence[Item], jobs: int) -> Iterator[Done]:
    """Yield `work(item)` of each item in order, from processes that are warm like this one."""
    forks = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(jobs, mp_context=forks) as pool:
        yield from pool.map(work, items)


def conclude(title: str, counted: Counter[str], wrong: Iterable[str]) -> None:
    """Print a table of counts and what was wrong, in Markdown; exit with 1 if anything was."""
    found = list(wrong)
    print(f"\n| {title} | times |\n| --- | ---: |")
    for what, times in sorted(counted.items()):
        print(f"| {what} | {times} |")
    print(f"| **forbidden** | **{len(found)}** |")
    for each in found:
        print(f"\n- {each}")
    sys.exit(bool(found))
