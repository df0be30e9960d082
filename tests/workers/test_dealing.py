"""Items are dealt out to nodes in order, and again where processes, nodes or their disks fail."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.run.items import Item, Outcome
from bench.system.disk import DiskFull
from bench.system.errors import BadFile, BenchError, Incomplete, Missing
from bench.workers import dealing
from bench.workers.dealing import TRIES, Dealer, Died
from bench.workers.nodes import Need, Node
from bench.workers.task import Line

ONE, TWO = Node("1" * 8, "one", cpus=1, gpus=0), Node("2" * 8, "two", cpus=1, gpus=0)
A, B, C = (Item("train", (name,)) for name in "abc")
SCRATCH = Path("/scratch")
FULL = DiskFull(SCRATCH / "part", "cannot be written: no space left on its disk")


@dataclass
class Drawn:
    """A cluster on paper: each task ends at once on the first node that it may use.

    Args:
        fates: gives the outcome of an item on a node, or None if it dies there.
        there: the nodes at each look; the last ones stay.
    """

    fates: dict
    there: list = field(default_factory=lambda: [[ONE, TWO]])
    begun: list = field(default_factory=list)
    most_at_once: int = 0
    said: list = field(default_factory=list)
    stopped: list = field(default_factory=list)
    running: int = 0
    frozen: tuple = ()
    late: tuple = ()  # lines that come when the second node begins something

    def nodes(self):
        return self.there.pop(0) if len(self.there) > 1 else self.there[0]

    def begin(self, given, need, unfit):
        fit = [node for node in self.there[0] if node.id not in unfit]
        node = next((each for each in fit if each.id not in given.avoided), fit[0])
        self.begun.append((given.item.recipes[0], node.host))
        self.said.append(Line(node.id, node.host, given.number, "begun"))
        self.said += self.late if node == TWO else ()
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        return len(self.begun) - 1

    def ended(self, tasks, within_s):
        return [task for task in tasks if self.begun[task] not in self.frozen][:1]

    def outcome(self, task):
        self.running -= 1
        name, host = self.begun[task]
        fate = self.fates.get(name, {}).get(host, "done")
        if fate is None:
            raise Died("killed")
        error = None if fate == "done" else fate
        return Outcome(next(item for item in (A, B, C) if item.recipes[0] == name), {}, error)

    def stop(self, tasks):
        self.stopped += tasks

    def lines(self):
        said, self.said = self.said, []
        return said


def dealt(cluster, *items, scratch=None):
    outcomes = Dealer(cluster, Need(1, 0), scratch, items).outcomes()
    return {outcome.item.recipes[0]: outcome.error for outcome in outcomes}


def test_items_begin_in_order_and_no_more_at_once_than_nodes_can_hold(capsys):
    cluster = Drawn({})
    assert dealt(cluster, C, A, B) == {"c": None, "a": None, "b": None}
    assert [name for name, _ in cluster.begun] == ["c", "a", "b"]
    assert cluster.most_at_once == 2
    assert capsys.readouterr().err.count("one: begun") == 3


def test_what_dies_with_its_node_is_done_on_another(capsys):
    cluster = Drawn({"a": {"one": None}})
    assert dealt(cluster, A, B) == {"a": None, "b": None}
    assert ("a", "two") in cluster.begun
    assert "train a, fold 0: died on one (killed); again, try 2 of 4" in capsys.readouterr().err


def test_what_dies_every_time_is_given_up_and_all_else_is_done():
    cluster = Drawn({"a": {"one": None, "two": None}})
    errors = dealt(cluster, A, B)
    assert errors["b"] is None
    assert str(errors["a"]).startswith("4 times; the last died on")
    assert [name for name, _ in cluster.begun].count("a") == TRIES


def test_an_error_of_ours_is_not_tried_again():
    cluster = Drawn({"a": {"one": BenchError("no such weights")}})
    assert str(dealt(cluster, A)["a"]) == "no such weights"
    assert len(cluster.begun) == 1


def test_a_node_whose_scratch_is_full_gets_no_more_work(capsys):
    cluster = Drawn({name: {"one": FULL} for name in "abc"})
    assert dealt(cluster, A, B, C, scratch=SCRATCH) == {"a": None, "b": None, "c": None}
    assert str(FULL) in capsys.readouterr().err
    assert ("c", "one") not in cluster.begun


def test_the_last_node_with_a_full_scratch_ends_the_item_with_that_error():
    cluster = Drawn({"a": {"one": FULL, "two": FULL}})
    assert dealt(cluster, A, scratch=SCRATCH)["a"] is FULL


@pytest.mark.parametrize(
    "error",
    [
        BadFile(SCRATCH / "car.jpg", "damaged", "copy it again"),
        Incomplete(f"1 photograph is damaged: {SCRATCH}/car.jpg"),
        DiskFull(Path("/runs/part"), f"cannot be written from {SCRATCH}/part"),
    ],
)
def test_an_error_that_only_names_a_path_on_scratch_is_not_its_failure(error):
    cluster = Drawn({"a": {"one": error}})
    assert dealt(cluster, A, B, C, scratch=SCRATCH) == {"a": error, "b": None, "c": None}
    assert ("c", "one") in cluster.begun


def test_a_node_that_comes_back_is_waited_for_but_not_for_ever(monkeypatch):
    monkeypatch.setattr(dealing, "LOOK_EVERY_S", 0.001)
    assert dealt(Drawn({}, there=[[], [], [ONE]]), A) == {"a": None}
    monkeypatch.setattr(dealing, "LOST_AFTER_S", 0.01)
    error = dealt(Drawn({}, there=[[]]), A)["a"]
    assert isinstance(error, Missing)
    assert "no node that could do it" in str(error)


def test_what_runs_on_a_frozen_node_is_done_on_another_and_its_late_lines_are_not_heard(capsys):
    late = Line(ONE.id, ONE.host, 0, "I am back")
    there = [[ONE, TWO], [ONE, TWO], [TWO]]
    cluster = Drawn({}, there, frozen=[("a", "one")], late=[late])
    outcomes = Dealer(cluster, Need(1, 0), None, [A, B]).outcomes()
    assert [next(outcomes).item] == [B]
    assert [outcome.error for outcome in outcomes] == [None]
    assert cluster.begun == [("a", "one"), ("b", "one"), ("a", "two")]
    said = capsys.readouterr().err
    assert "died on one (its node gives no sign of life); again, try 2 of 4" in said
    assert late.text not in said


def test_what_still_runs_is_stopped_when_nobody_waits_for_it():
    cluster = Drawn({})
    outcomes = Dealer(cluster, Need(1, 0), None, [A, B]).outcomes()
    next(outcomes)
    outcomes.close()
    assert cluster.stopped == [1]


@pytest.mark.parametrize(
    ("need", "node", "count"),
    [
        pytest.param(Need(2, 0), Node("", "", 5, 0), 2, id="CPUs"),
        pytest.param(Need(2, 1), Node("", "", 64, 8), 8, id="GPUs"),
        pytest.param(Need(2, 1), Node("", "", 4, 8), 2, id="too few CPUs for the GPUs"),
        pytest.param(Need(2, 1), Node("", "", 64, 0), 0, id="no GPU"),
    ],
)
def test_how_many_items_fit_on_a_node(need, node, count):
    assert need.fits(node) == count
