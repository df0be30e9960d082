"""All devices of this machine: one worker process for each GPU, or for each share of the cores.

A process is kept for all its trainings, and another for all its predictions, so that libraries are
loaded once for each. One that dies is started again, and the others do not notice.
"""

import math
import os
import signal
import traceback
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import replace
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from threading import Lock

from joblib.externals.loky import process_executor
from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from bench.run.items import Item, Outcome, Way, do_item
from bench.run.opening import RunOptions
from bench.system import process
from bench.system.device import take_share
from bench.system.errors import BenchError, memory_is_full, out_of_memory
from bench.system.progress import Progress, progress_of_worker, say, shown_as
from bench.workers.dealing import END_WITHIN_S
from bench.workers.lanes import Lane

ATTEMPTS = 2  # at an item during which processes die


def on_processes(
    options: RunOptions, lanes: Sequence[Lane], for_training: Sequence[Lane] = ()
) -> Way:
    """Return the way to run items in one process a lane.

    Args:
        for_training: the lanes of trainings, if those need others.
    """

    def run(items: Sequence[Item]) -> Generator[Outcome, None, None]:
        trains = items[0].kind == "train"
        return _run(options, (for_training if trains else ()) or lanes, items)

    return Way(len(lanes), run)


def _run(
    options: RunOptions, lanes: Sequence[Lane], items: Sequence[Item]
) -> Generator[Outcome, None, None]:
    """Begin the items in their order, each as soon as a process is free; yield their outcomes."""
    workers = [Worker(options, lane) for lane in lanes]
    free = SimpleQueue[Worker]()
    for worker in workers:
        free.put(worker)

    def do(item: Item) -> Outcome:
        worker = free.get()
        try:
            return worker.do(item)
        finally:
            free.put(worker)

    with ExitStack() as stack:  # its ends run from the last to the first, even if one is disturbed
        threads = stack.enter_context(ThreadPoolExecutor(len(lanes), initializer=_leave_ctrl_c))
        for worker in workers:
            stack.callback(worker.end)
        for worker in workers:
            stack.callback(worker.stop)
        stack.callback(threads.shutdown, wait=False, cancel_futures=True)
        outcomes = [threads.submit(copy_context().run, do, item) for item in items]
        yield from (outcome.result() for outcome in as_completed(outcomes))


def _leave_ctrl_c() -> None:
    """Let no process that this thread starts see Ctrl-C, which a terminal sends to all of them.

    The main thread hears it, and ends them in order.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


class Worker:
    """A lane's process, started for its first item and again after its death."""

    def __init__(self, options: RunOptions, lane: Lane) -> None:
        self._options, self._lane = replace(options, machine=lane.machine), lane
        self._shown = progress_of_worker(lane.name)
        self._executor: ProcessPoolExecutor | None = None
        self._process: BaseProcess | None = None
        self._outcome: Future[Outcome] | None = None
        self._lock, self._stopped = Lock(), False

    def do(self, item: Item) -> Outcome:
        """Return what became of an item; if the process dies meanwhile, it is done once more."""
        deaths: list[str] = []
        while len(deaths) < ATTEMPTS:
            try:
                return self._begin(item).result()
            except BrokenProcessPool:
                if self._stopped:
                    raise
                deaths.append(_death(self._process))
                again = "; once more" if len(deaths) < ATTEMPTS else ""
                say(f"{self._lane.name}: {deaths[-1]} during {item}{again}")
                self._executor = None
        why = "mostly because memory was short: use fewer workers, or a smaller --micro-batch"
        return Outcome(item, {}, BenchError(f"{self._lane.name}: {', then '.join(deaths)}; {why}"))

    def _begin(self, item: Item) -> "Future[Outcome]":
        call = (_work, self._options, item, self._shown)
        with self._lock:
            if self._stopped:
                raise BrokenProcessPool
            self._executor = self._executor or self._start()
            try:
                self._outcome = self._executor.submit(*call)
            except BrokenProcessPool:  # the process died between two items
                self._executor = self._start()
                self._outcome = self._executor.submit(*call)
            self._process = next(iter([*self._executor._processes.values()]), None)
            return self._outcome

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            max_workers=1,
            env=self._lane.environment,
            initializer=_prepare,
            initargs=(os.getpid(), self._lane.memory),
        )

    def stop(self) -> None:
        """Tell the process to end its item in order, and begin none."""
        with self._lock:
            self._stopped = True
            if self._process and self._busy:
                self._process.terminate()

    def end(self) -> None:
        """End the process; kill it if it was told to stop and has not."""
        try:
            if self._outcome and self._busy:
                wait([self._outcome], END_WITHIN_S)
        finally:
            if self._executor:
                self._executor.shutdown(kill_workers=self._busy)

    @property
    def _busy(self) -> bool:
        return bool(self._outcome and not self._outcome.done())


def _death(ended: BaseProcess | None) -> str:
    """Say which process ended, and how; None: it was gone before it was seen."""
    if not ended:
        return "its process ended at once"
    code = ended.exitcode or 0
    how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"process {ended.pid} {how}"


def _prepare(driver: int, memory: int | None) -> None:
    """Set what holds for a worker's whole process; it has the environment of its driver.

    Loky takes memory that is kept for the next item for a leak, and would end the process.
    """
    process_executor._MAX_MEMORY_LEAK_SIZE = math.inf
    process.end_with(driver)
    process.prepare_streams()
    process.prepare_for_networks()
    process.use_one_opencv_thread()
    if memory:
        take_share(memory)


def _work(options: RunOptions, item: Item, shown: Progress) -> Outcome:
    """Do an item in this process, which a signal ends in order."""
    try:
        with shown_as(shown), process.ending_in_order():
            say(f"{item}, in process {os.getpid()}")
            return outcome_of(options, item)
    except process.Stopped as end:  # all blocks have ended: now the process does, by that signal
        os.kill(os.getpid(), signal.Signals[end.name])
        raise


def outcome_of(options: RunOptions, item: Item) -> Outcome:
    """Do an item in this process; whatever error it ends with is part of the outcome."""
    try:
        return Outcome(item, do_item(options, item))
    except BenchError as error:
        return Outcome(item, {}, error)
    except Exception as error:
        return Outcome(item, {}, _explained(error))


def _explained(error: Exception) -> BenchError:
    """Return an error of any class as one of ours, with all that finds its cause."""
    if memory_is_full(error):
        return BenchError(out_of_memory(error, "use fewer workers"))
    if isinstance(error, OSError):
        return BenchError(str(error))
    return BenchError("".join(traceback.format_exception(error)).strip())
