"""Progress with time left: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")
LINE_EVERY_S = 15.0  # a log that is not a terminal gets one line in this time


def say(text: str) -> None:
    """Print a line for people on standard error, where it disturbs no result."""
    print(text, file=sys.stderr, flush=True)


def track(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    """The items, while their progress and the time left are shown on standard error."""
    if sys.stderr.isatty():
        yield from _bar(items, label, total)
    else:
        yield from _lines(items, label, total)


def _bar(items: Iterable[Item], label: str, total: int) -> Iterator[Item]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
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
