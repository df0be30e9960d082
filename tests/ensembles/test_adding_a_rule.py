"""A rule needs its own file and a line in RULES: nothing else knows the names of rules."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from bench.data.carvana import open_folder
from bench.ensembles.rules import RULES
from bench.ensembles.rules.rule import Rule
from bench.masks.store import MapStore
from bench.metrics.measures import measures
from tests.tiny import MEMBERS, Made


class Median(Rule):
    """The median of the members' maps."""

    def combine(self, maps, parameters):
        return np.median(maps, axis=0).astype(np.uint8)

    def without(self, parameters, member):
        return parameters


class Quantile(Rule):
    """The quantile of the members' maps that is the share of car among disputed pixels."""

    learns = True

    def fit(self, evidence):
        return {"quantile": float(1 - evidence.disputed.truth.mean())}

    def combine(self, maps, parameters):
        return np.quantile(maps, parameters["quantile"], axis=0).astype(np.uint8)


@pytest.fixture
def made(tiny_carvana, tmp_path, monkeypatch):
    monkeypatch.setitem(RULES, "median", Median())
    monkeypatch.setitem(RULES, "quantile", Quantile())
    made = Made(tmp_path, tiny_carvana)
    suite = yaml.safe_load(made.suite.read_text())
    suite["ensembles"] = {name: {"rule": name} for name in ("mean", "median", "quantile")}
    made.suite.write_text(yaml.safe_dump(suite))
    made.draw(seed=0)
    return made


def test_a_suite_runs_with_rules_of_one_s_own(made):
    for verb in ("score", "leaderboard", "submit", "ensemble", "report"):
        assert made.main(verb) == 0
    ensembles = made.run_folder / "ensembles"
    scores = pd.read_parquet(made.run_folder / "scores.parquet").set_index(["entry", "image"])
    image = scores.index[0][1]
    maps = []
    for member in MEMBERS:
        with MapStore.open(made.run_folder / member / "maps-heldout.sqlite") as store:
            maps.append(store.read(image))
    fitted = json.loads((ensembles / "quantile" / "parameters.json").read_text())
    group = next(group for group in fitted["groups"] if image[:-3] in group["cars"])
    quantile = group["parameters"]["quantile"]
    truth = open_folder(made.data).mask(image)
    for name, expected in {
        "median": np.median(maps, axis=0).astype(np.uint8),
        "quantile": np.quantile(maps, quantile, axis=0).astype(np.uint8),
    }.items():
        with MapStore.open(ensembles / name / "maps-heldout.sqlite") as store:
            assert (store.read(image) == expected).all()
        assert scores.loc[(name, image), "dice"] == measures(expected >= 128, truth)["dice"]
    assert not (ensembles / "median" / "parameters.json").exists()
    analysis = json.loads((made.run_folder / "analysis.json").read_text())
    left_out = {each["entry"]: each["leave_one_out"] for each in analysis["ensembles"]}
    assert [each["member"] for each in left_out["median"]] == list(MEMBERS)
    assert left_out["quantile"] == []
    sidecar = json.loads((made.folder / "out" / "made-median.json").read_text())
    assert sidecar["parameters"] == {"rule": "median"}


def test_weights_are_refused_by_a_rule_that_takes_none(made, capsys):
    suite = yaml.safe_load(made.suite.read_text())
    members = suite["recipes"]
    suite["ensembles"] = {"it": {"rule": "median", "members": members, "weights": [1, 2, 3]}}
    made.suite.write_text(yaml.safe_dump(suite))
    assert made.main("score") == 2
    assert "ensembles.it: rule 'median' takes no weights\n" in capsys.readouterr().err
