"""A cluster: the items of a run as tasks of Ray. No other module imports it.

A task is a function of names that reads and writes the files of the run, in a folder that all
machines share, and returns a few numbers. Ray chooses the node; this process keeps the order of
the items, and gives an item to another node where its own node or process has died.
"""

import logging
import os
import pickle
import signal
import socket
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from bench.config.suite import is_path
from bench.run.items import Item, Outcome, Way
from bench.run.opening import RunOptions
from bench.system.environment import lacks_extra
from bench.system.errors import Missing
from bench.system.process import WEIGHTS_DIR
from bench.system.progress import say
from bench.workers.dealing import END_WITHIN_S, Dealer, Died, Try
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

try:
    import ray
    from ray.exceptions import AuthenticationError, RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
except ModuleNotFoundError as error:
    raise lacks_extra("--cluster", "cluster") from error

CONNECT_S = 5.0
PROBE_S = 60.0  # after which a node that has not answered is unfit
ONE_FOR_ALL = (
    "all machines need one token: make it by `ray get-auth-token --generate`, copy its file "
    "~/.ray/auth_token to each, and start Ray there with RAY_AUTH_MODE=token"
)

# Neither is tried again by Ray: the dealer does, and says so.
BEGIN_ONCE = ray.remote(max_calls=1, max_retries=0)(begin)  # its process ends, with all its memory
BEGIN_AND_STAY = ray.remote(max_calls=0, max_retries=0)(begin)


@contextmanager
def connected(address: str) -> Iterator[None]:
    """Be connected to a cluster inside the block; this machine has to be one of its nodes.

    Args:
        address: "HOST:PORT", or "auto" for the cluster of this machine.

    Raises:
        Missing: no cluster answers there, or none with this token.
    """
    _check_it_listens(address)
    stop = signal.getsignal(signal.SIGTERM)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # Ray would write to it
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except AuthenticationError as error:
            raise Missing(f"--cluster {address}: no token here; {ONE_FOR_ALL}") from error
        except (ConnectionError, RuntimeError) as error:
            raise Missing(_not_connected(address, error)) from error
        finally:
            signal.signal(signal.SIGTERM, stop)  # Ray has put its own there
        try:
            yield
        finally:
            ray.shutdown()


def _check_it_listens(address: str) -> None:
    """Refuse an address at which nobody listens, where Ray would wait for minutes."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except OSError as error:
        raise Missing(
            f"--cluster {address}: nobody answers there ({error}); name the address that "
            f"`ray start --head --port {port}` prints on the first machine of the cluster"
        ) from error


def _not_connected(address: str, error: Exception) -> str:
    if address == "auto":
        return (
            "--cluster auto: no Ray runs on this machine; start it by `ray start --head`, or as a "
            "node of another's cluster by `ray start --address HOST:PORT`"
        )
    why = str(error.__cause__ or error).strip().splitlines()[-1]
    if "AuthToken" in why:
        return f"--cluster {address}: it has another token than this machine; {ONE_FOR_ALL}"
    return (
        f"--cluster {address}: cannot be joined ({why}); start this command on a machine of the "
        "cluster, with the Python and the Ray that it has"
    )


def nodes_there() -> list[Node]:
    """Return the nodes that are not known to be dead."""
    return [
        Node(
            each["NodeID"],
            each["NodeManagerHostname"],
            int(each["Resources"].get("CPU", 0)),
            int(each["Resources"].get("GPU", 0)),
        )
        for each in ray.nodes()  # type: ignore[no-untyped-call]
        if each["Alive"]
    ]


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
    options = _seen_everywhere(options)
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


def weights_folder() -> Path | None:
    """Return the absolute path of the folder of pretrained weights, if the user has named one."""
    folder = os.environ.get(WEIGHTS_DIR)
    return Path(folder).absolute() if folder else None


def _seen_everywhere(options: RunOptions) -> RunOptions:
    """Return the options with absolute paths: a node has another working directory."""
    return replace(
        options,
        suite=str(Path(options.suite).absolute()) if is_path(options.suite) else options.suite,
        data=options.data and options.data.absolute(),
        default_data=options.default_data.absolute(),
        runs=options.runs.absolute(),
        submissions=options.submissions.absolute(),
        scratch=options.scratch and options.scratch.absolute(),
    )


class Tasks:
    """Items of a run as tasks of the cluster that this process is connected to."""

    def __init__(self, options: RunOptions, weights: Path | None) -> None:
        self._options, self._weights = options, weights
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(Letterbox).options(num_cpus=0, scheduling_strategy=here)
        self._letterbox: Any = actor.remote()

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that are not known to be dead."""
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
            first_sentence = str(error).strip().splitlines()[0].split(". ")[0]
            raise Died(first_sentence) from error

    def stop(self, tasks: list[Any]) -> None:
        """Tell tasks to end in order, and wait for that for END_WITHIN_S at most."""
        for task in tasks:
            ray.cancel(task)
        ray.wait(tasks, num_returns=len(tasks), timeout=END_WITHIN_S)

    def lines(self) -> Sequence[Line]:
        """Return what was said since the last time."""
        return ray.get(self._letterbox.take.remote())


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
