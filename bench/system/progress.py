"""Progress with time left: a bar on a terminal, plain lines elsewhere and in a run's log.

While a suite runs, each line also says which stage of how many it is, roughly how long the whole
suite will still take, the best Dice so far and the disk used. Worker processes write to the same
screen and log, lines alone, each with the worker's name in front.

Each command keeps its progress in a context variable, which the threads of `bench.system.threads`
see too, so that two commands in one process do not mix.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from bench.system.disk import below
from bench.system.text import duration

Item = TypeVar("Item")

LINE_EVERY_S = 15.0  # seconds between two lines of progress in a log


@dataclass
class RunStatus:
    """Where a run of a suite is.

    Args:
        folder: of the run, whose size is shown.
        works: how much work each stage is, in any unit; 0 for a stage that is done already.
    """

    folder: Path
    works: Sequence[float]
    stage: int = -1  # index of the present stage; -1 before the first
    stage_share: float = 0.0  # share of the present stage that is done
    span: float = 1.0  # share of the stage that the next loop makes up
    share_before: float | None = None  # share of the stage that an earlier command had done
    work_before: float = 0.0  # work that earlier commands had done in stages of this command
    began: float = field(default_factory=lambda: time.monotonic())
    stage_began: float = field(default_factory=lambda: time.monotonic())
    best: tuple[float, str] | None = None  # Dice, and the model's name
    disk: tuple[float, int] = (-LINE_EVERY_S, 0)  # time when the folder was measured, its bytes

    def seconds_left(self, loop_share: float) -> tuple[float | None, float | None]:
        """Estimate the seconds left for the stage and for the suite; None where nothing is known.

        Args:
            loop_share: share of the present loop that is done.
        """
        now = time.monotonic()
        share = min(1.0, self.stage_share + self.span * loop_share)
        share_here = share - (self.share_before or 0.0)
        done = sum(self.works[: self.stage]) + self.works[self.stage] * share
        done_here = done - self.work_before
        return (
            (now - self.stage_began) / share_here * (1 - share) if share_here > 0 else None,
            (now - self.began) / done_here * (sum(self.works) - done) if done_here > 0 else None,
        )

    def describe(self, loop_share: float) -> str:
        """Say where the suite is in a few words; nothing before its first stage."""
        if not 0 <= self.stage < len(self.works):
            return ""
        words = [f"stage {self.stage + 1} of {len(self.works)}"]
        stage_s, suite_s = self.seconds_left(loop_share)
        if stage_s is not None:
            words[0] += f" about {duration(stage_s)} left"
        if suite_s is not None:
            words.append(f"suite about {duration(suite_s)}")
        if self.best:
            words.append(f"best Dice {self.best[0]:.5f} ({self.best[1]})")
        return ", ".join([*words, f"{self._disk_bytes() / 1e9:.1f} GB used"])

    def _disk_bytes(self) -> int:
        """Bytes in the run's folder, measured as often as lines are written."""
        measured_at, size = self.disk
        if time.monotonic() - measured_at >= LINE_EVERY_S:
            size = sum(_file_bytes(path) for path in below(self.folder))
            self.disk = time.monotonic(), size
        return size


@dataclass(frozen=True)
class Progress:
    """Where the lines of one command go, and the run that it works on."""

    quiet: bool = False  # nothing on standard error; the log keeps everything
    log: Path | None = None
    run: RunStatus | None = None
    worker: str = ""  # of this command, whose process says the lines


_NO_RUN = Progress()
_PROGRESS = ContextVar("progress", default=_NO_RUN)


def progress_of_worker(name: str) -> Progress:
    """Return the present progress as a worker's process shows it; it can be pickled."""
    return replace(_PROGRESS.get(), run=None, worker=name)


@contextmanager
def shown_as(progress: Progress) -> Iterator[None]:
    """Show all that is said inside the block in this way."""
    token = _PROGRESS.set(progress)
    try:
        yield
    finally:
        _PROGRESS.reset(token)


@contextmanager
def quietly(quiet: bool) -> Iterator[None]:
    """Show nothing on standard error inside the block, if `quiet`; a log keeps everything."""
    with shown_as(replace(_PROGRESS.get(), quiet=quiet)):
        yield


@contextmanager
def log_to(path: Path) -> Iterator[None]:
    """Append every line of `say` inside the block to a file, with the time in front.

    A line that the file cannot take, as on a full or read-only disk, is missing there and ends no
    work.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with shown_as(replace(_PROGRESS.get(), log=path)):
        yield


@contextmanager
def showing_run(folder: Path, works: Sequence[float]) -> Iterator[None]:
    """Show, inside the block, the position in the suite with every line of progress.

    Args:
        folder, works: those of `RunStatus`; the time left is estimated from the works.
    """
    with shown_as(replace(_PROGRESS.get(), run=RunStatus(folder, works))):
        yield


def say(text: str) -> None:
    """Write a line for people to standard error (where it disturbs no result) and to the log.

    A line is one write, so that lines of several processes do not mix. What is seen on the screen
    stands in the log, even if the process is killed then.
    """
    progress = _PROGRESS.get()
    line = f"{progress.worker}: {text}\n" if progress.worker else f"{text}\n"
    if progress.log:
        milliseconds = f"{datetime.now():%Y-%m-%d %H:%M:%S,%f}"[:-3]
        with suppress(OSError), open(progress.log, "ab", buffering=0) as log:
            log.write(f"{milliseconds} {line}".encode(errors="backslashreplace"))
    if not progress.quiet:
        sys.stderr.write(line)
        sys.stderr.flush()


def warn(text: str) -> None:
    """Write a line for people even to those who asked for quiet, and to the log."""
    with quietly(False):
        say(text)


def start_stage(name: str) -> None:
    """Say that the next stage of the suite begins."""
    run = _PROGRESS.get().run
    if run:
        run.stage += 1
        run.stage_share, run.span, run.share_before = 0.0, 1.0, None
        run.stage_began = time.monotonic()
        say(f"stage {run.stage + 1} of {len(run.works)}: {name}")


def enter_span(share: float, span: float) -> None:
    """Note that `share` of the stage is done and that the next loop makes up `span` of it."""
    run = _PROGRESS.get().run
    if run:
        run.stage_share, run.span = share, span
        if run.share_before is None:
            run.share_before = share
            run.work_before += share * run.works[run.stage]


def report_dice(dice: float, name: str) -> None:
    """Note the score of a model; lines of progress show the best."""
    run = _PROGRESS.get().run
    if run and (run.best is None or dice > run.best[0]):
        run.best = dice, name


def run_status(loop_share: float) -> str:
    """Say where the suite is in a few words; nothing where no suite runs."""
    run = _PROGRESS.get().run
    return run.describe(loop_share) if run else ""


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """Yield the items and show how many are done and the time left."""
    progress = _PROGRESS.get()
    if sys.stderr.isatty() and not (progress.quiet or progress.worker):
        yield from _bar(items, label, total)
    else:
        yield from _lines(items, label, total)


def _bar(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}"),
    ]
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, status="")
        for done, item in enumerate(items, start=1):
            yield item
            bar.update(task, advance=1, status=run_status(done / max(total, 1)))


def _lines(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left_s = (now - start) / done * (total - done)
            status = run_status(done / max(total, 1))
            say(f"{label}: {done}/{total}, {left_s:.0f} s left{status and '; '}{status}")


def _file_bytes(path: Path) -> int:
    """Bytes of a file; none for a folder, or for a file that has just been renamed."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
