"""A suite's ensembles as entries, and those that are refused before any work."""

import json
import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from bench.config.library import SUITES, list_names, load_suite, suite_path
from bench.config.suite import Ensemble
from bench.ensembles.entry import Entry, check_ensembles, entries_of, read_fitted
from bench.ensembles.rules import RULES
from bench.system.errors import BadConfig, BadFile
from tests.tiny import Made

FILE = Path("mine.yaml")


def suite_of(**ensembles):
    suite = load_suite("xu2018")
    records = {name: Ensemble.model_validate(record) for name, record in ensembles.items()}
    return suite.model_copy(update={"ensembles": records})


def test_entries_are_singles_then_ensembles():
    suite = load_suite("xu2018")
    entries = entries_of(suite, {})
    assert [entry.rule is None for entry in entries] == [True] * 5 + [False] * 8
    assert entries[-1].members == suite.recipes


@pytest.mark.parametrize("name", list_names(SUITES))
def test_the_ensembles_of_every_suite_have_rules(name):
    check_ensembles(load_suite(name), suite_path(name))


def test_a_suite_may_name_every_rule():
    suite = suite_of(**{name: {"rule": name} for name in RULES})
    check_ensembles(suite, FILE)
    assert [entry.rule for entry in entries_of(suite, {})][-len(RULES) :] == list(RULES)


@pytest.mark.parametrize(
    ("ensemble", "said"),
    [
        pytest.param(
            {"rule": "max"},
            "ensembles.a.rule: no rule 'max'; nearest: mean, vote, greedy,",
            id="unknown rule lists all where none is near",
        ),
        pytest.param(
            {"rule": "tresholds"},
            "ensembles.a.rule: no rule 'tresholds'; nearest: threshold",
            id="a typing error is answered with the nearest",
        ),
        pytest.param(
            {"rule": "greedy", "members": ["demo"], "weights": [1]},
            "ensembles.a: rule 'greedy' takes no weights; it finds its own",
            id="weights of a rule that learns",
        ),
    ],
)
def test_wrong_ensembles_are_refused_by_file_and_field(ensemble, said):
    good = {"rule": "vote", "members": ["demo"], "weights": [2]}
    with pytest.raises(BadConfig) as refused:
        check_ensembles(suite_of(good=good, a=ensemble), FILE)
    assert str(refused.value).startswith(f"mine.yaml:\n  {said}")


def test_every_wrong_ensemble_is_named():
    with pytest.raises(BadConfig, match=r"ensembles\.a\.rule: .*\n.*ensembles\.b\.rule: "):
        check_ensembles(suite_of(a={"rule": "max"}, b={"rule": "min"}), FILE)


def test_a_suite_of_more_members_than_a_rule_can_combine_is_refused():
    for seeds, is_refused in ((12, False), (13, True)):  # of each of five recipes
        suite = suite_of(**{name: {"rule": name} for name in RULES})
        suite = suite.model_copy(update={"seeds": tuple(range(seeds))})
        with pytest.raises(BadConfig) if is_refused else nullcontext() as refused:
            check_ensembles(suite, FILE)
    assert str(refused.value) == (
        "mine.yaml:\n  ensembles.staple: rule 'staple' takes at most 62 members, these are 65; "
        "name fewer in `members`"
    )


@pytest.mark.parametrize("verb", [("run", "--dry-run"), ("folds",), ("train",), ("run",)])
def test_an_unknown_rule_is_refused_before_any_work(tiny_carvana, tmp_path, capsys, verb):
    made = Made(tmp_path, tiny_carvana)
    suite = yaml.safe_load(made.suite.read_text())
    suite["ensembles"]["mean"] = {"rule": "maen"}
    made.suite.write_text(yaml.safe_dump(suite))
    assert made.main(*verb) == 2
    assert f"{made.suite}:\n  ensembles.mean.rule: no rule 'maen'" in capsys.readouterr().err
    assert not made.run_folder.exists()


def test_a_plain_mean_has_equal_weights_and_no_refinement():
    plain = Entry("x", "mean", ("a", "b"), {"rule": "mean", "weights": [1, 1]})
    assert plain.is_plain_mean
    assert not replace(plain, parameters={"rule": "mean", "weights": [1, 2]}).is_plain_mean
    assert not replace(plain, rule="vote").is_plain_mean
    assert not Entry("x", None, ("a",)).is_plain_mean


def test_idle_members_are_left_behind():
    entry = Entry("x", "greedy", ("a", "b", "c"), {"rule": "greedy", "weights": [2, 0, 1]})
    busy = entry.without_idle_members()
    assert (busy.members, busy.parameters["weights"]) == (("a", "c"), [2, 1])
    maps = {
        name: np.array([[value]], np.uint8) for name, value in {"a": 9, "b": 99, "c": 200}.items()
    }
    assert (busy.map(maps, "x_01") == entry.map(maps, "x_01")).all()
    stacked = replace(entry, rule="stacking", parameters={"rule": "stacking"})
    assert stacked.without_idle_members() is stacked


SOUND = {"rule": "greedy", "weights": [2, 1]}
DAMAGED = {
    "not JSON": '{"parameters": ',
    "a list": "[]",
    "no groups": json.dumps({"parameters": SOUND}),
    "no weights": json.dumps({"parameters": {"rule": "greedy", "veights": [2, 1]}, "groups": []}),
    "words": json.dumps({"parameters": {"rule": "greedy", "weights": ["2", "x"]}, "groups": []}),
    "three members": json.dumps({"parameters": SOUND | {"weights": [1, 2, 3]}, "groups": []}),
    "a group": json.dumps({"parameters": SOUND, "groups": [{"cars": ["a"], "parameters": {}}]}),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_parameters_are_refused_with_their_cure(tmp_path, content):
    path = tmp_path / "parameters.json"
    path.write_text(content)
    with pytest.raises(BadFile, match=r"parameters\.json: .*; remove it and run the stage `score`"):
        read_fitted(Entry("mine", "greedy", ("a", "b")), path)


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        *(("greedy", {"weights": each}) for each in ([-1, 2], [0, 0], [10**12, 1], [2**24, 1])),
        *(("threshold", {"threshold": each}) for each in (-5, 0, 256, math.nan)),
        *(
            ("stacking", {"intercept": intercept, "coefficients": [0.5, slope]})
            for intercept in (0, 1e9, math.nan, -math.inf)
            for slope in (1, 1e9, math.nan)
            if (intercept, slope) != (0, 1)
        ),
    ],
)
def test_numbers_that_no_fit_finds_are_refused(tmp_path, rule, numbers):
    path = tmp_path / "parameters.json"
    path.write_text(json.dumps({"parameters": {"rule": rule, **numbers}, "groups": []}))
    with pytest.raises(BadFile, match=f"json: not what rule {rule} learns from 2 members .*remove"):
        read_fitted(Entry("mine", rule, ("a", "b")), path)


def test_sound_parameters_are_read(tmp_path):
    path = tmp_path / "parameters.json"
    group = {"cars": ["a"], "parameters": SOUND | {"weights": [1, 1]}}
    path.write_text(json.dumps({"parameters": SOUND, "groups": [group]}))
    entry = read_fitted(Entry("mine", "greedy", ("a", "b")), path)
    assert entry.parameters == SOUND and entry.by_car == {"a": group["parameters"]}
