"""A cluster: the items of a run as tasks of Ray. No module but this and `connection` imports it.

A task is a function of names that reads and writes the files of the run, in a folder that all
machines share, and returns a few numbers. Ray chooses the node; this process keeps the order of
the items, and gives an item to another node where its own node or process has died.
"""

import pickle
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import ActorDiedError, GetTimeoutError, RayActorError, RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.run.items import Item, Outcome, Way
from bench.run.opening import RunOptions
from bench.system.progress import say
from bench.workers.connection import connected, first_sentence, nodes_there
from bench.workers.dealing import END_WITHIN_S, Dealer, Died, Lost, Try
from bench.workers.nodes import (
    Facts,
    Need,
    Node,
    Places,
    differences,
    examine,
    has_met,
    meeting_in,
    needs,
    refuse_unfit,
)
from bench.workers.processes import outcome_of
from bench.workers.task import Letterbox, Line, Telling, begin
from models.pretrained import weights_folder

LINES_S = 10.0  # after which a letterbox is silent
PROBE_S = 60.0  # after which a node that has not answered is unfit

# Neither is tried again by Ray: the dealer does, and says so.
BEGIN_ONCE = ray.remote(max_calls=1, max_retries=0)(begin)  # its process ends, with all its memory
BEGIN_AND_STAY = ray.remote(max_calls=0, max_retries=0)(begin)


def examine_nodes(places: Places) -> list[Facts]:
    """Return what each node has; its `faults` are all that makes it unfit for work from here.

    Raises:
        BenchError: the shared folder cannot be written to.
    """
    with meeting_in(places.runs) as meeting:
        here = examine(places, meeting, "here")
        asked = {_ask(node, places, meeting): node for node in nodes_there()}
        answered, _ = ray.wait(list(asked), num_returns=len(asked), timeout=PROBE_S)
        return [
            _answer(answer in answered and answer, node, here, meeting)
            for answer, node in asked.items()
        ]


def _ask(node: Node, places: Places, meeting: Path) -> Any:
    there = NodeAffinitySchedulingStrategy(node.id, soft=False)
    task = ray.remote(examine).options(num_cpus=0, max_retries=0, scheduling_strategy=there)
    return task.remote(places, meeting, node.id)


def _answer(answer: Any, node: Node, here: Facts, meeting: Path) -> Facts:
    known = {"node": node.id[:8], "host": node.host, "cpus": node.cpus, "gpus": node.gpus}
    if not answer:
        return known | {
            "faults": [f"gives no answer within {PROBE_S:.0f} s; start Ray there again"]
        }
    try:
        facts = ray.get(answer)
    except RayError as error:
        why = str(error).strip().splitlines()[-1]
        return known | {"faults": [f"cannot run this program ({why}); install it there"]}
    faults = facts["faults"] + differences(here, facts)
    if not facts["faults"] and not has_met(meeting, node.id):
        faults.append(f"{meeting.parent}: what it writes there is not seen here")
    return known | facts | {"faults": faults}


@contextmanager
def on_cluster(options: RunOptions, data: Path, address: str) -> Iterator[Way]:
    """Give the way to run items on a cluster all of whose nodes are fit for it.

    Args:
        data: the folder of photographs.

    Raises:
        BadConfig: a GPU is chosen by its number.
        Missing: there is no such cluster, none of its nodes can hold an item, or one is unfit.
    """
    options = options.seen_everywhere()
    weights = weights_folder()
    with connected(address):
        machine, there = options.machine, nodes_there()
        training, prediction = needs(machine.device, machine.jobs, machine.gpus_per_training, there)
        places = Places(options.runs, data.absolute(), weights, options.scratch, options.suite)
        refuse_unfit(examine_nodes(places))
        tasks = Tasks(options, weights)

        def run(items: Sequence[Item]) -> Generator[Outcome, None, None]:
            need = training if items[0].kind == "train" else prediction
            return Dealer(tasks, need, options.scratch, items).outcomes()

        yield Way(sum(map(prediction.fits, there)), run)


class Tasks:
    """Items of a run as tasks of the cluster that this process is connected to."""

    def __init__(self, options: RunOptions, weights: Path | None) -> None:
        self._options, self._weights = options, weights
        self._here = ray.get_runtime_context().get_node_id()
        self._letterbox = self._new_letterbox()
        self._asked: Any = None  # the lines that it has not given yet

    def _new_letterbox(self) -> Any:
        here = NodeAffinitySchedulingStrategy(self._here, soft=False)
        return ray.remote(Letterbox).options(num_cpus=0, scheduling_strategy=here).remote()

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are not known to be dead; see `nodes_there`."""
        return nodes_there()

    def begin(self, given: Try, need: Need, unfit: set[str]) -> Any:
        """Begin an item on a node that is not unfit, if possible on none that it avoids."""
        machine = replace(self._options.machine, jobs=need.cpus)
        work = partial(_do, replace(self._options, machine=machine), given.item, given.number)
        begin_there = BEGIN_ONCE if given.item.kind == "train" else BEGIN_AND_STAY
        task = begin_there.options(
            name=str(given.item),
            num_cpus=need.cpus,
            num_gpus=need.gpus,
            label_selector=_none_of(unfit | given.avoided),
            fallback_strategy=[{"label_selector": _none_of(unfit)}],
        )
        return task.remote(pickle.dumps(work), self._weights, self._letterbox)

    def ended(self, tasks: list[Any], within_s: float) -> Sequence[Any]:
        """Return tasks that have ended, as soon as there is one or the time is over."""
        return ray.wait(tasks, timeout=within_s)[0]

    def outcome(self, task: Any) -> Outcome:
        """Return the outcome of a task that has ended.

        Raises:
            Died: it has none.
        """
        try:
            return ray.get(task)
        except RayError as error:
            raise Died(first_sentence(error)) from error

    def stop(self, tasks: list[Any]) -> None:
        """Tell tasks to end in order, and wait for that for END_WITHIN_S at most."""
        for task in tasks:
            ray.cancel(task)
        ray.wait(tasks, num_returns=len(tasks), timeout=END_WITHIN_S)

    def lines(self) -> Sequence[Line]:
        """Return what was said since the last time; nothing where the letterbox is silent.

        Raises:
            Lost: the head, or this machine's node.
        """
        asked, self._asked = self._asked or self._letterbox.take.remote(), None
        try:
            return ray.get(asked, timeout=LINES_S)
        except (RayActorError, GetTimeoutError) as error:
            if self._here not in {node.id for node in nodes_there()}:
                raise Lost(first_sentence(error)) from error
            if isinstance(error, ActorDiedError):
                self._letterbox = self._new_letterbox()
            elif isinstance(error, GetTimeoutError):
                self._asked = asked
            return ()


def _none_of(node_ids: set[str]) -> dict[str, str]:
    """Return a selector of all nodes but these."""
    return {"ray.io/node-id": f"!in({','.join(sorted(node_ids))})"} if node_ids else {}


def _do(options: RunOptions, item: Item, number: int, letterbox: Any) -> Outcome:
    """Do an item on a node; every line that is said goes into the letterbox."""
    node, gpus = ray.get_runtime_context().get_node_id(), ray.get_gpu_ids()
    host = socket.gethostname()
    place = f"{host}, GPU {','.join(map(str, gpus))}" if gpus else host
    put: list[Any] = []

    def tell(text: str) -> None:
        put[:] = [letterbox.add.remote(Line(node, place, number, text))]

    with redirect_stderr(Telling(tell)):
        say(f"{item}: begun")
        outcome = outcome_of(options, item)
    ray.wait(put, timeout=END_WITHIN_S)  # or the outcome would be there before the last line
    return outcome
