"""What a process on another machine begins with: its environment, and a way home for its lines.

It loads no library before the environment is set.
"""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.system import process


@dataclass(frozen=True)
class Line:
    """A line said on a node.

    Args:
        node: its id.
        place: for people: "host", or "host, GPU 0".
        number: of what was dealt out.
    """

    node: str
    place: str
    number: int
    text: str


class Letterbox:
    """Lines that wait until the command takes them; it lives as an actor beside the command."""

    def __init__(self) -> None:
        self._lines: list[Line] = []

    def add(self, line: Line) -> None:
        """Put a line in."""
        self._lines.append(line)

    def take(self) -> list[Line]:
        """Take all lines out, in their order."""
        taken, self._lines = self._lines, []
        return taken


class Telling(io.TextIOBase):
    r"""A text stream that hands on each whole line, without its end.

    >>> heard = []
    >>> Telling(heard.append).write("one\ntw"), heard
    (6, ['one'])
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell, self._begun = tell, ""

    def write(self, text: str, /) -> int:
        """Return the number of characters written."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._tell(line)
        return len(text)


def begin(work: bytes, weights: Path | None, letterbox: Any) -> Any:
    """Return what pickled work gives, after setting what holds for the whole process.

    Args:
        work: a function of the letterbox, whose modules may load libraries.
        weights: as in `set_environment`.
    """
    process.set_environment(weights)
    process.use_one_opencv_thread()
    process.prepare_for_networks()
    return pickle.loads(work)(letterbox)  # noqa: S301, what the command itself has sent
