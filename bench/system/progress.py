"""Progress with time left: a bar on a terminal, plain lines elsewhere and in a run's log.

While a suite runs, each line also says which stage of how many it is, how long the whole suite will
roughly take still, the best Dice so far and the disk used: `suite` makes that so.
"""

import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from bench.system.errors import Missing

Item = TypeVar("Item")

LINE_EVERY_S = 15.0  # a log gets one line of progress in this time
LOG = logging.getLogger("bench")
LOG.setLevel(logging.INFO)
LOG.propagate = False
_TERMINAL = logging.StreamHandler(sys.stderr)
LOG.addHandler(_TERMINAL)


@dataclass
class Status:
    """Where a run of a suite is."""

    folder: Path | None = None  # None: no suite runs, and there is nothing to say
    works: Sequence[float] = ()  # of each stage, in any unit; 0: it is done already
    stage: int = -1
    name: str = ""
    share: float = 0.0  # of the stage that is done
    span: float = 1.0  # of the stage that the next loop is
    found: float | None = None  # share of the stage that was done before it began here
    began: float = field(default_factory=lambda: time.monotonic())
    stage_began: float = field(default_factory=lambda: time.monotonic())
    earlier: float = 0.0  # work that was done before it began here
    best: tuple[float, str] | None = None  # Dice, and whose
    disk: tuple[float, int] = (-LINE_EVERY_S, 0)  # when it was looked at, and the bytes

    def left_s(self, inner: float) -> tuple[float | None, float | None]:
        """Seconds that the stage and the suite will take still, if all goes on as fast; or None.

        Args:
            inner: the share of the present loop that is done.
        """
        now = time.monotonic()
        share = min(1.0, self.share + self.span * inner)
        here = share - (self.found or 0.0)
        done = sum(self.works[: self.stage]) + self.works[self.stage] * share
        worked = done - self.earlier
        return (
            (now - self.stage_began) / here * (1 - share) if here > 0 else None,
            (now - self.began) / worked * (sum(self.works) - done) if worked > 0 else None,
        )


_status = Status()


def say(text: str) -> None:
    """A line for people, on standard error (where it disturbs no result) and in the log."""
    LOG.info(text)


def be_quiet() -> None:
    """Show nothing on standard error from now on; the log keeps everything."""
    _TERMINAL.setLevel(logging.WARNING)


def log_to(path: Path) -> None:
    """Append what is said from now on to a file, each line with its time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    LOG.addHandler(handler)


@contextmanager
def suite(folder: Path, works: Sequence[float]) -> Iterator[None]:
    """Say, until the block ends, where the whole suite is.

    Args:
        folder: of the run, whose size is shown.
        works: of each stage in turn, in any unit, 0 for one that is done: what time is left is
            reckoned by them.
    """
    global _status
    _status = Status(folder, works)
    try:
        yield
    finally:
        _status = Status()


def stage(name: str) -> None:
    """The next stage of the suite begins."""
    _status.stage += 1
    _status.name, _status.share, _status.span, _status.found = name, 0.0, 1.0, None
    _status.stage_began = time.monotonic()
    say(f"stage {_status.stage + 1} of {len(_status.works)}: {name}")


def within(share: float, span: float) -> None:
    """The next loop is `span` of its stage, of which `share` is done."""
    _status.share, _status.span = share, span
    if _status.found is None and _status.folder:
        _status.found = share
        _status.earlier += share * _status.works[_status.stage]


def reached(dice: float, name: str) -> None:
    """A model was judged; the best so far is shown."""
    if _status.best is None or dice > _status.best[0]:
        _status.best = dice, name


def scalars(folder: Path, step: int, values: dict[str, float]) -> None:
    """Add the values of an epoch to a folder that TensorBoard reads.

    Raises:
        Missing: the package tensorboard is not installed.
    """
    check_tensorboard()
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder), purge_step=step) as writer:  # type: ignore[no-untyped-call]
        for name, value in values.items():
            writer.add_scalar(name, value, step)  # type: ignore[no-untyped-call]


def check_tensorboard() -> None:
    """Refuse `--tensorboard` where there is none.

    Raises:
        Missing: the package tensorboard is not installed.
    """
    try:
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise Missing(
            "--tensorboard: the package is not installed; .venv/bin/pip install tensorboard"
        ) from error


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The items, while their number and the time left are shown."""
    if sys.stderr.isatty() and _TERMINAL.level < logging.WARNING:
        yield from _bar(items, label, total)
    else:
        yield from _lines(items, label, total)


def _bar(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[around]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total, around="")
        for done, item in enumerate(items, start=1):
            yield item
            progress.update(task, advance=1, around=_around(done / max(total, 1)))


def _lines(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left_s = (now - start) / done * (total - done)
            around = _around(done / max(total, 1))
            say(f"{label}: {done}/{total}, {left_s:.0f} s left{around and '; '}{around}")


def _around(inner: float) -> str:
    """Where the suite is, in a few words; nothing where none runs."""
    if _status.folder is None or not 0 <= _status.stage < len(_status.works):
        return ""
    words = [f"stage {_status.stage + 1} of {len(_status.works)}"]
    stage_s, suite_s = _status.left_s(inner)
    if stage_s is not None:
        words[0] += f" about {_minutes(stage_s)} left"
    if suite_s is not None:
        words.append(f"suite about {_minutes(suite_s)}")
    if _status.best:
        words.append(f"best Dice {_status.best[0]:.5f} ({_status.best[1]})")
    return ", ".join([*words, f"{_disk() / 1e9:.1f} GB used"])


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _disk() -> int:
    """Bytes in the run's folder, looked at as often as lines are said."""
    seen, size = _status.disk
    if _status.folder and time.monotonic() - seen >= LINE_EVERY_S:
        size = sum(_size(path) for path in _status.folder.rglob("*"))
        _status.disk = time.monotonic(), size
    return size


def _size(path: Path) -> int:
    """Bytes of a file; none where it has just been renamed."""
    try:
        found: Any = path.stat()
    except OSError:
        return 0
    return int(found.st_size) if path.is_file() else 0
