"""Find what is wrong with the file names of a submission's rows."""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from bench.data.listing import OWN_SUFFIXES, normal_id

SUFFIX = re.compile(f"({'|'.join(map(re.escape, OWN_SUFFIXES))})$", re.IGNORECASE)
Finding = tuple[str, str, str]  # kind of a problem, what is wrong, and the cure


class RowNames:
    """The names that need a row each, and those that have one."""

    def __init__(self, expected: Iterable[str]) -> None:
        self._expected = set(expected)
        self._lines: dict[str, int] = {}  # name -> line of its first row

    def add(self, name: str, line: int) -> Finding | None:
        """Note a row; return what is wrong if its image is unknown or had a row before."""
        first = self._lines.setdefault(name, line)
        if first != line:
            return "doubled", f"the image has a row already, line {first}", "keep one of them"
        if name in self._expected:
            return None
        for written in _ways_to_write(name):
            if len(near := self._near.get(written, [])) == 1:
                return "name", f"the photograph is called {near[0]}", "write its name"
        return "unknown", "there is no such photograph in the test set", "remove the row"

    def missing(self) -> list[str]:
        """The names without a row."""
        return sorted(self._expected.difference(self._lines))

    @cached_property
    def _near(self) -> dict[str, list[str]]:
        """What may be written for a name -> the names that it may be meant for."""
        near: dict[str, list[str]] = {}
        for name in self._expected:
            for written in _ways_to_write(name):
                near.setdefault(written, []).append(name)
        return near


def _ways_to_write(name: str) -> Iterator[str]:
    """Yield a name without its suffix, and the same without its folders."""
    whole = normal_id(SUFFIX.sub("", name.strip()))
    yield whole
    if "/" in whole:
        yield whole.rpartition("/")[2]
