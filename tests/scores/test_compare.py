"""Entries of two runs are ranked in one table, if both are of the same photographs."""

import json

import numpy as np
import pytest

from bench.cli.verbs import main
from bench.data.carvana import open_folder
from bench.data.images import read_mask
from bench.masks import rle
from tests.tiny import MEMBERS, Made, save_mask

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("what", ["masks", "photographs"])
def test_runs_on_other_data_of_the_same_names_are_not_compared(made, copy, tmp_path, what, capsys):
    car = sorted((copy / "train").iterdir())[0].name.partition("_")[0]
    photograph, mask = copy / "train" / f"{car}_01.jpg", copy / "train_masks" / f"{car}_01_mask.gif"
    if what == "masks":
        save_mask(mask, np.roll(read_mask(mask), 20, axis=1))
    else:
        photograph.write_bytes(photograph.read_bytes() + b"\0")
    other = Made(tmp_path, copy, "other")
    other.draw(seed=0)
    assert other.main("score") == 0
    assert other.main("leaderboard") == 0
    capsys.readouterr()
    folders = [str(made.run_folder), str(other.run_folder)]
    assert main(["compare", *folders]) == 3
    out, error = capsys.readouterr()
    assert f"scored on different {what} of held-out cars: {car}; score both with the" in error
    assert not out


def test_a_run_and_an_evaluation_are_compared_if_their_masks_are_the_same(made, copy, tmp_path):
    data, codes = open_folder(copy), {0: tmp_path / "same", 3: tmp_path / "other"}
    rows = [f"{image}.jpg,{rle.encode(data.mask(image))}" for image in data.train]
    (tmp_path / "true.csv").write_text("\n".join(["img,rle_mask", *rows]))
    for code, out in codes.items():
        if code:
            save_mask(data.masks[min(data.masks)], np.zeros((80, 120), bool))
        places = ["--data", str(copy), "--out", str(out), "--jobs", "1"]
        assert main(["evaluate", "--submission", str(tmp_path / "true.csv"), *places]) == 0
        assert main(["compare", str(made.run_folder), str(out)]) == code


def test_runs_on_other_cars_are_not_compared(made, tmp_path, scores, capsys):
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    scores[scores["view"] < 9].to_parquet(fewer / "scores.parquet")
    assert main(["compare", str(made.run_folder), str(fewer)]) == 3
    assert "64 photographs" in capsys.readouterr().err
    assert main(["compare", str(made.run_folder), str(tmp_path)]) == 4
