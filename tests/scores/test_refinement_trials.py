"""Refined entries are entries like any other, and every refinement can be tried on one."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml

from bench.config.refinement import DEFAULT_STEPS, from_json, names_of
from bench.config.strict import to_yaml
from bench.data.carvana import open_folder
from bench.ensembles.arithmetic import mean
from bench.masks.store import MapStore
from bench.metrics.measures import measures
from bench.refinement.refine import refined
from bench.scores.refinement_trials import CHAINS, NONE
from tests.tiny import MEMBERS, RECIPE, Made

pytestmark = pytest.mark.slow

STEPS = [{"adaptive_smoothing": {"alpha": 0.4}}, {"fill_holes": {}}]
PARSED = from_json(STEPS)
SUITE = {
    "title": "refined",
    "recipes": [f"{name}.yaml" for name in MEMBERS],
    "folds": {"count": 2, "run": [0, 1], "valid_cars": 1},
    "ensembles": {
        "mean": {"rule": "mean"},
        "fine": {"rule": "mean", "refine": STEPS},
        "staple": {"rule": "staple", "refine": STEPS},
    },
}


def refine_recipe(made, steps):
    recipe = yaml.safe_load(to_yaml(RECIPE)) | {"refine": steps}
    (made.folder / "a.yaml").write_text(yaml.safe_dump(recipe))


@pytest.fixture(scope="module")
def made(tiny_carvana, tmp_path_factory):
    found = Made(tmp_path_factory.mktemp("refined"), tiny_carvana, "refined")
    found.suite.write_text(yaml.safe_dump(SUITE))
    refine_recipe(found, STEPS)
    found.draw(seed=0)
    assert found.main("score") == 0
    return found


def maps_of(made, image):
    stores = [MapStore.open(made.run_folder / each / "maps-heldout.sqlite") for each in MEMBERS]
    maps = [store.read(image) for store in stores]
    for store in stores:
        store.close()
    return maps


def test_entries_are_scored_as_refined(made):
    scores = pd.read_parquet(made.run_folder / "scores.parquet").set_index(["entry", "image"])
    image = scores.index[5][1]
    truth, maps = open_folder(made.data).mask(image), maps_of(made, image)
    merged = mean(maps, [1, 1, 1])  # of the members as they are: `a` is refined on its own only
    for name, map in (
        ("a", refined(maps[0], PARSED)),
        ("b", maps[1]),
        ("mean", merged),
        ("fine", refined(merged, PARSED)),
    ):
        assert scores.loc[(name, image)][["tp", "fp"]].tolist() == [
            measures(map >= 128, truth)[count] for count in ("tp", "fp")
        ]
    assert (refined(merged, PARSED) != merged).any()


def test_refined_entries_are_ranked_and_submitted_with_their_steps(made):
    assert made.main("leaderboard") == 0
    board = pd.read_csv(made.run_folder / "leaderboard.csv")
    assert {"a", "fine", "staple"} <= set(board["entry"])
    assert made.main("submit") == 0
    notes = [
        json.loads((made.folder / "out" / f"refined-{name}.json").read_text())
        for name in ("a", "fine", "staple", "mean")
    ]
    assert [note["refine"] for note in notes] == [STEPS, STEPS, STEPS, []]


def test_other_steps_need_no_new_maps_but_new_scores(made):
    before = pd.read_parquet(made.run_folder / "scores.parquet").set_index(["entry", "image"])
    refine_recipe(made, [{"denoise": {"opening": 5}}])
    assert made.main("score") == 0
    after = pd.read_parquet(made.run_folder / "scores.parquet").set_index(["entry", "image"])
    assert (after.loc["a", "tp"] != before.loc["a", "tp"]).any()
    assert (after.loc["b", "tp"] == before.loc["b", "tp"]).all()
    refine_recipe(made, STEPS)


def test_the_maps_of_a_refined_ensemble_say_how(made):
    assert made.main("ensemble") == 0
    for name, steps in (("mean", None), ("fine", STEPS)):
        path = made.run_folder / "ensembles" / name / "maps-heldout.sqlite"
        with MapStore.open(path) as store:
            assert store.made_by.get("refine") == steps
            image = store.ids()[0]
            expected = refined(mean(maps_of(made, image), [1, 1, 1]), PARSED if steps else ())
            assert (store.read(image) == expected).all()


@pytest.fixture(scope="module")
def tried(made, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert made.main("refine", "--entry", "fine", "--out", str(out)) == 0
    return out


def test_every_refinement_is_tried_on_the_bare_entry(made, tried):
    found = pd.read_csv(tried / "effect.csv").set_index("refinement")
    assert list(found.index) == [
        NONE,
        *DEFAULT_STEPS,
        *(", ".join(chain) for chain in CHAINS),
        names_of(PARSED),
    ]
    scores = pd.read_parquet(made.run_folder / "scores.parquet")
    own, plain = (scores.loc[scores["entry"] == name, "dice"].mean() for name in ("fine", "mean"))
    assert found.loc[NONE, "dice"] == pytest.approx(plain)
    assert found.loc[names_of(PARSED), "dice"] == pytest.approx(own)
    assert found.loc[names_of(PARSED), "gain"] == pytest.approx(own - plain)
    counted = found.iloc[1:][["better", "worse", "unchanged"]].sum(axis=1)
    assert (counted == 64).all()
    assert found["gain_p"].iloc[1:].between(0, 1).all()
    images = pd.read_parquet(tried / "images.parquet")
    assert len(images) == 64 * len(found)


def test_a_success_and_a_failure_of_each_are_drawn(tried):
    found = pd.read_csv(tried / "effect.csv").set_index("refinement").iloc[1:]
    pictures = {path.name.split("-")[0] + path.name.split("-")[1] for path in tried.glob("*.png")}
    expected = {
        f"{place:02d}{word}"
        for place, (_, row) in enumerate(found.iterrows(), start=1)
        for word, count in (("helped", row["better"]), ("harmed", row["worse"]))
        if count
    }
    assert pictures == expected and len(pictures) >= 4


def test_the_table_is_printed(made, capsys):
    assert made.main("refine", "--entry", "mean") == 0
    head, _, none, fill = capsys.readouterr().out.splitlines()[:4]
    assert head.startswith("| refinement | dice | gain |") and head.endswith("| refine_ms |")
    assert none.startswith("| none | 0.") and fill.startswith("| fill_holes | 0.")
    assert made.main("refine", "--entry", "b", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["refinement"] == "none" and rows[0]["better"] is None
    assert np.isclose(rows[1]["dice"] - rows[0]["dice"], rows[1]["gain"])
    assert made.main("refine", "--entry", "nobody") == 2
