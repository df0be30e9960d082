"""Items dealt out to the nodes of a cluster in their order; again, where a process or node dies."""

import itertools
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.run.items import Item, Outcome
from bench.system.disk import DiskFails
from bench.system.errors import BenchError, Missing
from bench.system.progress import say
from bench.workers.nodes import Need, Node
from bench.workers.task import Line

TRIES = 4  # at an item whose processes or nodes die
LOOK_EVERY_S = 1.0  # at lines and nodes
LOST_AFTER_S = 120.0  # without any node that could go on: one may come back
END_WITHIN_S = 5.0  # after which an item that was told to end is killed


class Died(Exception):
    """The process or the node of a task has died."""


class Lost(Exception):
    """The cluster is lost, or this machine is no longer one of its nodes."""


@dataclass
class Try:
    """An item that is dealt out, perhaps again.

    Args:
        number: another one each time.
        deaths: of processes that worked on it.
        avoided: ids of the nodes on which they died.
    """

    item: Item
    number: int = -1
    deaths: int = 0
    avoided: set[str] = field(default_factory=set)


class Cluster(Protocol):
    """What dealing out needs of a cluster; a task is whatever `begin` returns.

    Raises:
        Lost: by any method.
    """

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are not known to be dead."""

    def begin(self, given: Try, need: Need, unfit: set[str]) -> Any:
        """Begin an item on a node that is not unfit, if possible on none that it avoids."""

    def ended(self, tasks: list[Any], within_s: float) -> Sequence[Any]:
        """Return tasks that have ended, as soon as there is one or the time is over."""

    def outcome(self, task: Any) -> Outcome:
        """Return the outcome of a task that has ended.

        Raises:
            Died: it has none.
        """

    def stop(self, tasks: list[Any]) -> None:
        """Tell tasks to end in order, and wait for that for END_WITHIN_S at most."""

    def lines(self) -> Sequence[Line]:
        """Return what was said since the last time."""


class Dealer:
    """Deals out items, as many at once as the nodes that are there can hold.

    Args:
        scratch: a folder that each node has of its own.
    """

    def __init__(
        self, cluster: Cluster, need: Need, scratch: Path | None, items: Sequence[Item]
    ) -> None:
        self._cluster, self._need, self._scratch = cluster, need, scratch
        self._waiting = deque(map(Try, items))
        self._running: dict[Any, Try] = {}
        self._numbers = itertools.count()
        self._last_lines: dict[int, Line] = {}  # by the number of what is dealt out
        self._unfit: set[str] = set()  # ids of nodes whose scratch fails
        self._last_fit = time.monotonic()  # when there was a node that could go on

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Yield the outcome of each item as soon as it is known; in the end, stop what still runs.

        An item whose process or node has died is dealt out again, until that was TRIES times so.

        Raises:
            Lost: there is nobody left to tell to stop.
        """
        try:
            while self._waiting or self._running:
                yield from self._deal_out()
                yield from self._look()
        except Lost:
            self._running.clear()
            raise
        finally:
            if self._running:
                self._cluster.stop(list(self._running))
                self._pass_on_lines()

    def _fit(self) -> list[Node]:
        there = [node for node in self._cluster.nodes() if node.id not in self._unfit]
        return [node for node in there if self._need.fits(node)]

    def _deal_out(self) -> Iterator[Outcome]:
        """Begin what there is room for; give all up where there has been none for too long."""
        fit, now = self._fit(), time.monotonic()
        room = sum(map(self._need.fits, fit)) - len(self._running)
        for _ in range(min(room, len(self._waiting))):
            given = self._waiting.popleft()
            given.number = next(self._numbers)
            self._running[self._cluster.begin(given, self._need, self._unfit)] = given
        if fit:
            self._last_fit = now
        elif now - self._last_fit > LOST_AFTER_S:
            self._cluster.stop(list(self._running))
            left = [*self._running.values(), *self._waiting]
            self._running, self._waiting = {}, deque()
            lost = f"no node that could do it has been there for {LOST_AFTER_S:.0f} s"
            yield from (Outcome(given.item, {}, Missing(lost)) for given in left)

    def _look(self) -> Iterator[Outcome]:
        """Wait a moment; pass on what was said, and yield what has become known."""
        if not self._running:
            time.sleep(LOOK_EVERY_S if self._waiting else 0)
        ended = self._cluster.ended(list(self._running), LOOK_EVERY_S) if self._running else ()
        self._pass_on_lines()
        for task in ended:
            given = self._running.pop(task)
            try:
                yield from self._judge(given, self._cluster.outcome(task))
            except Died as error:
                yield from self._mourn(given, str(error))
        yield from self._leave_dead_nodes()

    def _pass_on_lines(self) -> None:
        """Say what is said by what runs, but not by what has been given up and works on."""
        numbers = {given.number for given in self._running.values()}
        for line in self._cluster.lines():
            if line.number in numbers:
                say(f"{line.place}: {line.text}")
                self._last_lines[line.number] = line

    def _judge(self, given: Try, outcome: Outcome) -> Iterator[Outcome]:
        """Yield the outcome of an item, unless another node can do better."""
        node, place = self._whereabouts(given)
        if not self._is_of_scratch(outcome) or {each.id for each in self._fit()} <= {node}:
            yield outcome
            return
        self._unfit.add(node)
        say(f"{place}: gets no more items, since its scratch fails: {outcome.error}")
        self._waiting.appendleft(given)

    def _mourn(self, given: Try, why: str) -> Iterator[Outcome]:
        """Have an item done again whose process or node has died; yield its end if that is vain."""
        node, place = self._whereabouts(given)
        given.deaths += 1
        given.avoided |= {node} - {""}
        what = f"died on {place} ({why})"
        if given.deaths == TRIES:
            yield Outcome(given.item, {}, BenchError(f"{TRIES} times; the last {what}"))
            return
        say(f"{given.item}: {what}; again, try {given.deaths + 1} of {TRIES}")
        self._waiting.appendleft(given)

    def _leave_dead_nodes(self) -> Iterator[Outcome]:
        """Wait no more for what runs on nodes that are lost: they may be frozen, and never answer.

        Should they work on, `bench.system.claims.attempt` keeps them from writing.
        """
        alive = {node.id for node in self._cluster.nodes()}
        for task, given in list(self._running.items()):
            last = self._last_lines.get(given.number)
            if last and last.node not in alive:
                del self._running[task]
                yield from self._mourn(given, "its node gives no sign of life")

    def _whereabouts(self, given: Try) -> tuple[str, str]:
        """Return the id of the node that works on an item, "" if unknown; and a name for people."""
        last = self._last_lines.get(given.number)
        return (last.node, last.place) if last else ("", "a node")

    def _is_of_scratch(self, outcome: Outcome) -> bool:
        error, scratch = outcome.error, self._scratch
        return bool(scratch and isinstance(error, DiskFails) and error.path.is_relative_to(scratch))
