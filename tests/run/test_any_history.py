"""Whatever happens between its verbs, a run ends as one made from nothing, or says why not.

A state machine changes inputs and spoils files between verbs. After each verb that ends with 0,
what it made is compared with a run from nothing of the same inputs, folds and seeds; after a
refusal, the choice that its message names is carried out, and must work.
"""

import os
import re
import shlex
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from bench.system import contents
from tests.histories import (
    CHANGES,
    CHOICE,
    ENSEMBLES,
    FILES,
    KEPT_RECORDS,
    MACHINE,
    NETWORKS,
    PRODUCTS,
    RESTED_S,
    Inputs,
    call,
    copy,
    from_nothing,
    places,
    products,
    put,
    template,
    variant,
    write_config,
)

pytestmark = pytest.mark.slow


class AnyHistory(RuleBasedStateMachine):
    """A run in a folder of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.work, self.good = self.folder / "work", self.folder / "good"
        shutil.copytree(template(), self.work)
        self.inputs = Inputs()
        self.keep()

    def teardown(self) -> None:
        try:
            self.finish(retrain=False)
        finally:
            shutil.rmtree(self.folder)

    @property
    def run(self) -> Path:
        return self.work / "runs" / "s"

    def keep(self) -> None:
        """Remember what a run was made from, and its files."""
        self.good_inputs = self.inputs
        shutil.rmtree(self.good, ignore_errors=True)
        shutil.copytree(self.run, self.good)

    def change(self, inputs: Inputs, keep_time: bool = False) -> None:
        names = inputs.files.keys() | self.inputs.files.keys()
        for name in names:
            number = inputs.files.get(name, 0)
            if number != self.inputs.files.get(name, 0):
                put(self.work / "data" / name, variant(name, number), keep_time)
        self.inputs = inputs
        write_config(self.work, inputs)

    @rule(name=FILES, number=st.integers(0, 9), keep_time=st.booleans())
    def change_a_file(self, name: str, number: int, keep_time: bool) -> None:
        self.change(replace(self.inputs, files={**self.inputs.files, name: number}), keep_time)

    @rule(name=st.sampled_from(list(NETWORKS)), number=st.integers(0, len(CHANGES) - 1))
    def change_a_recipe(self, name: str, number: int) -> None:
        self.change(replace(self.inputs, recipes={**self.inputs.recipes, name: number}))

    @rule(ensembles=st.sets(st.sampled_from(list(ENSEMBLES))))
    def change_ensembles(self, ensembles: set[str]) -> None:
        self.change(replace(self.inputs, ensembles=frozenset(ensembles)))

    @rule(changes=st.sampled_from([{"title": "t"}, {"folds": (0, 1)}, {"folds": (0,)},
                                   {"reported": 0.8}]))  # fmt: skip
    def change_the_suite(self, changes: dict[str, Any]) -> None:
        self.change(replace(self.inputs, **changes))

    @rule(which=st.integers(0, 999), how=st.sampled_from(["flip", "cut", "empty", "gone"]),
          where=st.floats(0, 0.999), keep_time=st.booleans())  # fmt: skip
    def spoil_a_file_of_the_run(self, which: int, how: str, where: float, keep_time: bool) -> None:
        made = [path for name in ("runs", "out") for path in (self.work / name).rglob("*")]
        files = sorted(path for path in made if path.is_file() and path.stat().st_size)
        path = files[which % len(files)]
        note(f"{path.relative_to(self.work)}: {how}")
        if how == "gone" and path.name in KEPT_RECORDS:
            self.finish(retrain=False)  # whoever removes it says that nothing has changed
            path.unlink()
            self.finish(retrain=False)
            return
        content = bytearray(path.read_bytes())
        at = int(where * len(content))
        content[at] ^= 1 << which % 8
        spoilt = {"flip": bytes(content), "cut": bytes(content[:at]), "empty": b"", "gone": None}
        put(path, spoilt[how], keep_time)

    @rule()
    def swap_folds(self) -> None:
        path = self.run / "folds.csv"
        if path.exists():
            text = re.sub(
                rb",([01])\n", lambda found: b",%d\n" % (1 - int(found[1])), path.read_bytes()
            )
            put(path, text)

    @rule(seed=st.integers(0, 10**9))
    def set_all_times(self, seed: int) -> None:
        random = Random(seed)
        for path in self.work.rglob("*"):
            time_ns = random.randrange(4 * 10**18)
            os.utime(path, ns=(time_ns, time_ns))

    @rule(name=st.sampled_from(list(NETWORKS)))
    def remove_a_training(self, name: str) -> None:
        shutil.rmtree(self.run / name / "fold0", ignore_errors=True)

    @rule(verb=st.sampled_from(list(PRODUCTS)))
    def do(self, verb: str) -> None:
        self.call(verb)

    @rule(retrain=st.booleans())
    def finish(self, retrain: bool) -> None:
        """Run; carry out whatever choice a refusal names, until the run ends with 0."""
        for _ in range(12):
            code, said = self.call("run")
            if code == 0:
                self.keep()
                return
            self.choose(said, retrain)
        raise AssertionError(f"no choice helps: {said}")

    def call(self, verb: str) -> tuple[int, str]:
        time.sleep(2 * RESTED_S)
        name, *flags = verb.split()
        code, said = call(name, *places(self.work, self.work), *flags)
        note(f"{verb}: {code} {said}")
        assert code in range(6)
        if code:
            where = (str(self.work), "folds.csv")
            assert any(name in said for name in where) and CHOICE.search(said), said
        else:
            self.compare(verb)
        return code, said

    def compare(self, verb: str) -> None:
        """Compare what a verb made with the same of a run from nothing."""
        code, expected = from_nothing(self.work)
        if verb == "run":
            assert code == 0
        found = products(self.work, PRODUCTS[verb]) if code == 0 else {}
        for name, content in expected.items() if code == 0 else ():
            if re.search(PRODUCTS[verb], name):
                assert name in found, f"{verb}: no {name}"
                assert holds(found[name], content), f"{verb}: {name} is not as from nothing"

    def choose(self, said: str, retrain: bool) -> None:
        """Carry out a choice that a message names: train again, or put back what it names."""
        again = re.search(r"train again: (carvana-bench train .*?)(;|$)", said)
        removed = re.search(r"or remove (\S+) and train again", said)
        if again and retrain:
            if removed:
                shutil.rmtree(removed[1])
            code, told = call(*shlex.split(again[1])[1:], *MACHINE)
            note(f"train again: {code} {told}")
            if not code:
                return
        words = [word.rstrip(":;,") for word in said.split()]
        self.put_back({Path(word) for word in words if word.startswith(str(self.work))})

    def put_back(self, named: set[Path]) -> None:
        """Put back files of the run that are named, and those of the data, or else all inputs."""
        for kept in self.good.rglob("*.*"):
            path = self.run / kept.relative_to(self.good)
            if kept.is_file() and named & {path, path.parent}:
                copy(kept, path)
        now, before = self.inputs.files, self.good_inputs.files
        names = {name for name in now if self.work / "data" / name in named}
        spoilt = {name: before.get(name, 0) for name in names if now[name] != before.get(name, 0)}
        files = replace(self.inputs, files={**now, **spoilt})
        self.change(files if spoilt else self.good_inputs)


def holds(found: object, expected: object) -> bool:
    """Whether something is as expected; a map store may hold more maps."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.items() <= found.items()
    return found == expected


def test_any_history_ends_as_a_run_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "RESTED_S", RESTED_S)
    run_state_machine_as_test(
        AnyHistory,
        settings=settings(
            max_examples=int(os.environ.get("HISTORIES", "6")),
            stateful_step_count=8,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # a history is short, and shrinking it takes minutes
            database=None,
        ),
    )
