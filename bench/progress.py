"""Progress with time left: a bar on a terminal, plain lines elsewhere and in a run's log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")

LINE_EVERY_S = 15.0  # a log gets one line of progress in this time
LOG = logging.getLogger("bench")
LOG.setLevel(logging.INFO)
LOG.propagate = False
_TERMINAL = logging.StreamHandler(sys.stderr)
LOG.addHandler(_TERMINAL)


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
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        for item in items:
            yield item
            progress.advance(task)


def _lines(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    start = last = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            left_s = (now - start) / done * (total - done)
            say(f"{label}: {done}/{total}, {left_s:.0f} s left")
