"""From held-out maps to tables: every stage after prediction, on maps made without any training."""

import json

import numpy as np
import pandas as pd
import pytest

from bench.cli.verbs import main
from bench.config.library import load_suite
from bench.data.carvana import car_of, open_folder
from bench.ensembles.entry import entries_of, read_fitted
from bench.ensembles.evidence import evidence
from bench.ensembles.fit import fit_rule, groups
from bench.ensembles.rules import RULES
from bench.masks.store import MapStore
from bench.metrics.boundary import boundary
from bench.metrics.overlap import counts, dice
from bench.metrics.statistics import holm, paired_p
from bench.system.errors import BadConfig, Missing
from tests.tiny import MEMBERS, Made, combine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def made(tiny_carvana, tmp_path_factory):
    found = Made(tmp_path_factory.mktemp("made"), tiny_carvana)
    found.draw(seed=0)
    assert found.main("score") == 0
    assert found.main("leaderboard") == 0
    return found


@pytest.fixture(scope="module")
def scores(made):
    return pd.read_parquet(made.run_folder / "scores.parquet")


@pytest.fixture(scope="module")
def board(made):
    return pd.read_csv(made.run_folder / "leaderboard.csv").set_index("entry")


@pytest.mark.parametrize("rule", [name for name, rule in RULES.items() if rule.learns])
def test_no_car_is_scored_with_parameters_it_took_part_in(made, scores, rule):
    name = rule.replace("_", "-")
    path = made.run_folder / "ensembles" / name / "parameters.json"
    found = json.loads(path.read_text())
    cars = sorted({car_of(image) for image in scores["image"]})
    assert sorted(car for group in found["groups"] for car in group["cars"]) == cars
    data = open_folder(made.data)
    with MapStore.open(made.run_folder / "a" / "maps-heldout.sqlite") as store:
        images = store.ids()
    stores = [MapStore.open(made.run_folder / each / "maps-heldout.sqlite") for each in MEMBERS]
    maps = {image: [store.read(image) for store in stores] for image in images}
    seen = {
        image: evidence(maps[image], data.mask(image), 8192, place)
        for place, image in enumerate(images)
    }
    for group in found["groups"]:
        others = [seen[image] for image in images if car_of(image) not in group["cars"]]
        assert group["parameters"] == fit_rule(rule, others)
        image = next(image for image in images if car_of(image) in group["cars"])
        predicted = combine(group["parameters"], maps[image]) >= 128
        mine = scores[(scores["entry"] == name) & (scores["image"] == image)].iloc[0]
        assert mine["dice"] == dice(counts(predicted, data.mask(image)))
        outline = boundary(predicted, data.mask(image))
        assert (mine["boundary_iou"], mine["surface_px"]) == (outline.iou, outline.mean_distance_px)
    assert found["parameters"] == fit_rule(rule, list(seen.values()))
    for store in stores:
        store.close()


def test_a_single_car_has_no_others_to_learn_from():
    with pytest.raises(BadConfig, match="needs two held-out cars"):
        groups(["a_01", "a_02"])
    assert groups([f"{car}_01" for car in "abcdefg"])[0] == {"a", "f"}


def test_an_entry_uses_what_was_learned_without_its_car(made):
    entries = entries_of(load_suite(str(made.suite)), {})
    entry = next(each for each in entries if each.name == "greedy")
    known = read_fitted(entry, made.run_folder / "ensembles" / "greedy" / "parameters.json")
    assert len(known.by_car) == 4
    maps = {
        name: np.full((2, 3), value, np.uint8)
        for name, value in zip("abc", (0, 90, 250), strict=True)
    }
    car, own = next(iter(known.by_car.items()))
    for image, parameters in ((f"{car}_01", own), ("7e57_01", known.parameters)):
        assert (known.map(maps, image) == combine(parameters, list(maps.values()))).all()
    with pytest.raises(Missing, match="run the stage `score` first"):
        read_fitted(entry, made.folder / "nowhere.json")


def test_leaderboard_columns_follow_from_the_scores(scores, board):
    mine = scores[scores["entry"] == "mean"]
    row = board.loc["mean"]
    worst = np.sort(mine["dice"])[:4].mean()  # 5 % of 64 images, rounded up
    assert row["dice_worst5"] == pytest.approx(worst)
    assert row["one_minus_jaccard"] == pytest.approx(1 - mine["jaccard"].mean())
    assert (row["fp_px"], row["fn_px"]) == pytest.approx((mine["fp"].mean(), mine["fn"].mean()))
    assert row["hausdorff95_px"] == pytest.approx(mine["hausdorff95_px"].mean())
    assert row["jaccard_low"] < row["jaccard"] < row["jaccard_high"]
    assert (row["rank"], row["group"]) == (1, 1)  # four cars tell nothing apart
    assert row["disk_mb"] == pytest.approx(3 * 0.004)
    assert row["gflops"] == pytest.approx(3 * board.loc["a", "gflops"])
    assert board.loc["a", "pareto"] and not board.loc["c", "pareto"]  # c is slower and worse


def test_p_values_of_the_leaderboard_are_corrected_over_the_table(made, scores, board):
    dice = scores.pivot(index="entry", columns="image", values="dice")
    cars = [car_of(image) for image in dice.columns]
    ensembles = board.index[board["kind"] == "ensemble"]
    raw = [paired_p(dice.loc[name], dice.loc["a"], cars) for name in ensembles]
    assert board.loc[ensembles, "gain_p"].tolist() == pytest.approx(holm(raw).tolist())
    assert board["p_best"].isna().tolist() == [True] + [False] * (len(board) - 1)
    assert (board["p_best"].iloc[1:] >= 0.125).all()  # the smallest p of four cars
    found = json.loads((made.run_folder / "analysis.json").read_text())
    assert found["statistics"]["pairs"] == len(board) * (len(board) - 1) // 2
    better = {
        each["entry"]
        for each in found["ensembles"]
        if each["over_plain_mean"] and each["over_plain_mean"]["low"] > 0
    }
    assert set(found["beat_plain_mean"]) == better
    assert "mean" not in better


def test_analysis_says_why_the_ensemble_gains(made, scores, board):
    found = json.loads((made.run_folder / "analysis.json").read_text())
    table = scores.pivot(index="entry", columns="image", values="dice")
    assert found["oracle"]["dice"] == pytest.approx(table.loc[list(MEMBERS)].max().mean())
    assert found["best_member"] == "a"
    assert np.allclose(found["disagreement"], np.array(found["disagreement"]).T)
    assert sum(row["pixels"] for row in found["calibration"]) == 64 * 80 * 120
    ensembles = {each["entry"]: each for each in found["ensembles"]}
    assert ensembles["vote"]["over_best_member"]["mean"] == pytest.approx(board.loc["vote", "gain"])
    pair = ensembles["greedy"]["over_plain_mean"]["mean"]
    assert pair == pytest.approx(board.loc["greedy", "dice"] - board.loc["mean", "dice"])
    assert [each["member"] for each in ensembles["mean"]["leave_one_out"]] == list(MEMBERS)
    assert ensembles["stacking"]["leave_one_out"] == []
    assert found["disputed_px"].keys() == set(scores["image"])


def test_tables_by_view_and_by_make(made, scores):
    by_view = pd.read_csv(made.run_folder / "by_view.csv")
    assert by_view.groupby("entry")["view"].nunique().eq(16).all()
    mine = scores[(scores["entry"] == "a") & (scores["view"] == 5)]
    row = by_view[(by_view["entry"] == "a") & (by_view["view"] == 5)].iloc[0]
    assert row["dice"] == pytest.approx(mine["dice"].mean())
    by_make = pd.read_csv(made.run_folder / "by_make.csv")
    assert by_make["make"].unique().tolist() == ["Make"]
    assert (by_make["images"] == 64).all()


@pytest.mark.parametrize(
    ("form", "told"),
    [("md", "| --- |"), ("csv", "dice_worst5"), ("json", '"entry": '), ("latex", r"\toprule")],
)
def test_leaderboard_in_every_form(made, form, told):
    found = (made.run_folder / f"leaderboard.{form}").read_text()
    assert told in found
    assert "private leaderboard" not in found  # these are no real photographs


def test_leaderboard_is_printed_as_latex(made, capsys):
    assert made.main("leaderboard", "--format", "latex") == 0
    found = capsys.readouterr().out
    assert found.count("\\\\\n") == 1 + len(MEMBERS) + 8
    assert "_" not in found.replace(r"\_", "")


def test_submissions_carry_what_was_learned(made):
    assert made.main("submit") == 0
    sidecar = json.loads((made.folder / "out" / "made-greedy.json").read_text())
    learned_json = made.run_folder / "ensembles" / "greedy" / "parameters.json"
    assert sidecar["parameters"] == json.loads(learned_json.read_text())["parameters"]


def test_errors_are_drawn_worst_first(made, scores, tmp_path, capsys):
    words = ["--worst", "3", "--out", str(tmp_path)]
    assert made.main("errors", "--entry", "mean", *words) == 0
    table = pd.read_csv(tmp_path / "errors.csv")
    expected = scores[scores["entry"] == "mean"].nsmallest(3, "dice")["image"].tolist()
    assert table["image"].tolist() == expected
    pictures = sorted(path.name for path in tmp_path.glob("*.[jp]*g"))
    assert pictures[:2] == [f"01-{expected[0]}-crop.png", f"01-{expected[0]}.jpg"]
    assert len(pictures) == 6
    assert made.main("errors", "--entry", "maen", *words) == 2
    assert "has no entry 'maen'" in capsys.readouterr().err


def test_two_runs_are_ranked_together(made, tiny_carvana, capsys):
    other = Made(made.folder, tiny_carvana, "other")
    other.draw(seed=1)
    assert other.main("score") == 0
    assert other.main("leaderboard") == 0
    capsys.readouterr()
    folders = [str(made.run_folder), str(other.run_folder)]
    assert main(["compare", *folders, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["entries"]) == 2 * (len(MEMBERS) + 8)
    assert {row["run"] for row in found["entries"]} == {"made", "other"}
    gains = {row["entry"]: row for row in found["gains"]}
    assert gains["a"]["gain"] == pytest.approx(gains["a"]["dice_b"] - gains["a"]["dice_a"])
    assert all(0 < row["gain_p"] <= 1 for row in found["gains"])
    assert main(["compare", *folders]) == 0
    assert "| made | 1 |" in capsys.readouterr().out


def test_runs_on_other_cars_are_not_compared(made, tmp_path, scores, capsys):
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    scores[scores["view"] < 9].to_parquet(fewer / "scores.parquet")
    assert main(["compare", str(made.run_folder), str(fewer)]) == 3
    assert "64 photographs" in capsys.readouterr().err
    assert main(["compare", str(made.run_folder), str(tmp_path)]) == 4
