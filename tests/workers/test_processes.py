"""Real worker processes that share this machine: killed, interrupted, out of memory."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import yaml

from bench.cli.verbs import main
from bench.config.machine import Machine
from bench.run.items import Item, Outcome, training_items
from bench.run.opening import RunOptions, begin, open_run
from bench.workers import processes
from bench.workers.lanes import Lane
from bench.workers.processes import on_processes
from tests.campaigns.common import differences, prepare, run_of, words
from tests.tiny import HOME

pytestmark = pytest.mark.slow

KEPT: list[bytes] = []  # in a worker
EPOCHS = 80  # of "one", more than a worker has left when its driver is killed
GONE_WITHIN_S = 30  # never needed but on a busy machine


def begun(folder: Path) -> Path:
    """Write the photographs and the suite of a run into a folder."""
    folder.mkdir()
    prepare(folder)
    for name in ("one", "two"):
        path = folder / "mine" / f"{name}.yaml"
        recipe = yaml.safe_load(path.read_text()) | {"epochs": EPOCHS}
        path.write_text(yaml.safe_dump(recipe))
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run that one process made."""
    folder = begun(tmp_path_factory.mktemp("alone") / "run")
    assert main(words(folder)) == 0
    return folder


class Driver:
    """The command line with two workers, in a session of its own as in a terminal."""

    def __init__(self, folder: Path, verb: str = "run") -> None:
        command = [sys.executable, "-m", "bench", *words(folder, verb, "--workers", "2")]
        self.process = subprocess.Popen(
            command, cwd=HOME, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.said: list[str] = []

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern} in:\n{''.join(self.said)}")

    def ended(self) -> int:
        """Wait for the end."""
        assert self.process.stderr
        self.said += self.process.stderr
        return self.process.wait()

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether processes end, or are only not yet collected by the system's first process."""
    _, left = psutil.wait_procs(processes, GONE_WITHIN_S, callback=None)
    return all(each.status() == psutil.STATUS_ZOMBIE for each in left if each.is_running())


def test_workers_make_the_same_bytes_though_each_kind_of_item_is_killed_once(alone, tmp_path):
    folder = begun(tmp_path / "run")
    driver = Driver(folder)
    for item in ("train one, fold 0", "predict held-out photographs, part 1/"):
        driver.until(f"{item}.* in process")
        pid = int(re.findall(r"in process (\d+)", driver.said[-1])[0])
        if item.startswith("train"):
            driver.until("one epoch 3/")
        os.kill(pid, signal.SIGKILL)
        driver.until(f"worker .: process {pid} was killed by SIGKILL during {item}.*; once more")
    assert driver.ended() == 0, driver.said
    assert differences(alone, folder) == []
    log = (run_of(folder) / "log.txt").read_text()
    for line in filter(re.compile(r"worker \d|\d+ of \d+ items").match, driver.said):
        assert log.count(line) == driver.said.count(line)


def test_an_item_that_always_kills_its_worker_fails_alone_and_is_done_by_the_next_command(
    alone, tmp_path
):
    folder = begun(tmp_path / "run")
    driver = Driver(folder, "train")
    for _ in range(2):
        os.kill(int(driver.until(r"train one, fold 0, in process (\d+)")[1]), signal.SIGKILL)
    assert driver.ended() == 5
    assert "1 item failed, all others are done; the first: train one, fold 0:" in driver.said[-1]
    assert (run_of(folder) / "two/fold0/manifest.json").exists()
    assert not (run_of(folder) / "one/fold0/manifest.json").exists()

    driver = Driver(folder)
    driver.until("one epoch 3/")
    workers = driver.children
    driver.process.kill()
    assert all_gone(workers)

    driver = Driver(folder)
    assert driver.ended() == 0
    begins = [line for line in driver.said if "in process" in line]
    assert sum("train" in line for line in begins) == 1
    assert differences(alone, folder) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_run_is_refused_and_the_first_ends_in_order(number, code, tmp_path, capfd):
    folder = begun(tmp_path / "run")
    driver = Driver(folder)
    driver.until("epoch 1/")
    assert main(words(folder)) == 1
    assert f"in use: process {driver.process.pid} on" in capfd.readouterr().err
    processes = driver.children
    send = os.killpg if number == signal.SIGINT else os.kill  # a terminal sends it to all of them
    send(driver.process.pid, number)
    assert driver.ended() == code
    assert "the same command goes on where it stopped" in driver.said[-1]
    assert "Traceback" not in "".join(driver.said)
    assert all_gone(processes)


def keep_memory(options, item, shown):
    """Take memory for good, as an item with a large network does."""
    KEPT.append(b"x" * item.fold)
    time.sleep(1.1)  # loky looks once a second
    return Outcome(item, {"process": os.getpid()})


def test_a_worker_keeps_its_process_though_an_item_has_left_much_memory_in_it(monkeypatch):
    monkeypatch.setattr(processes, "_work", keep_memory)
    lane = Lane("worker 1", {"OMP_NUM_THREADS": "1"}, Machine("cpu", 1))
    options = RunOptions("demo", None, *4 * [Path()], lane.machine)
    items = [
        Item("train", (name,), fold) for name, fold in {"a": 0, "b": 400_000_000, "c": 0}.items()
    ]
    outcomes = list(on_processes(options, [lane]).run(items))
    assert len({outcome.result["process"] for outcome in outcomes}) == 1


def test_errors_of_any_class_are_outcomes_and_a_worker_without_memory_ends_nothing_else(tmp_path):
    folder = begun(tmp_path / "run")
    machine = Machine("cpu", 1)
    options = RunOptions(
        suite=str(folder / "mine" / "tiny.yaml"),
        data=folder / "data",
        default_data=folder / "data",
        runs=folder / "runs",
        submissions=folder / "submissions",
        machine=machine,
    )
    run = open_run(options)
    begin(run)
    items = training_items(run)
    environment = {"OMP_NUM_THREADS": "1"}
    small = on_processes(options, [Lane("small", environment, machine, memory=10**7)])
    for outcome in small.run(items):
        assert outcome.error and "memory" in str(outcome.error)

    unknown = [items[0], replace(items[0], recipes=("nobody",)), items[1]]
    outcomes = list(on_processes(options, [Lane("worker 1", environment, machine)]).run(unknown))
    assert [bool(outcome.error) for outcome in outcomes] == [False, True, False]
    assert "Traceback" in str(outcomes[1].error) and "KeyError: 'nobody'" in str(outcomes[1].error)
