"""The classical baseline: exact on drawn shapes, poor on real cars, and a member like any."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from bench.cli.verbs import main
from bench.config.recipe import Tta
from bench.data.carvana import open_folder
from bench.data.images import read_image
from bench.masks.resize import grow, shrink
from bench.metrics.overlap import counts, dice
from bench.networks.infer import probabilities
from bench.networks.tta import views
from models.otsu_watershed import OtsuWatershed

RECIPE = "extractnet2019/otsu-watershed"


def disc(row, column, radius=24, shape=(90, 131)):
    drawn = np.zeros(shape, np.uint8)
    return cv2.circle(drawn, (column, row), radius, 1, cv2.FILLED).astype(bool)


def photograph(mask, inside=(40, 60, 90), outside=(210, 200, 190)):
    return np.where(mask[..., None], inside, outside).astype(np.uint8)


def segmented(photo, core=0.01):
    image = torch.from_numpy(photo).permute(2, 0, 1)[None]
    return (OtsuWatershed(core=core)(image.float())[0, 0] > 0).numpy()


@pytest.mark.parametrize("dark", [True, False])
def test_a_disc_is_found_dark_or_bright(dark):
    mask = disc(45, 65)
    photo = photograph(mask) if dark else 255 - photograph(mask)
    assert dice(counts(segmented(photo), mask)) > 0.97  # the watershed's line lies on its rim


def test_holes_are_part_of_it():
    mask, hole = disc(45, 65), disc(45, 65, radius=9)
    assert segmented(photograph(mask & ~hole))[hole].all()


def test_the_segment_at_the_centre_is_chosen():
    found = segmented(photograph(disc(45, 65, 15) | disc(20, 20, 15)))
    assert found[45, 65]
    assert not found[20, 20]


def test_brightness_and_contrast_do_not_matter():
    photo = photograph(disc(40, 60))
    image = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    network = OtsuWatershed()
    assert torch.equal(network(image), network(image / 50 - 3))


def test_one_colour_is_one_segment_and_mere_noise_is_none():
    assert segmented(np.full((31, 40, 3), 128, np.uint8))[1:-1, 1:-1].all()
    noise = np.random.default_rng(0).integers(0, 256, (31, 40, 3), dtype=np.uint8)
    assert not segmented(noise, core=0.2).any()


def test_real_cars_are_found_badly_and_not_missed(carvana_folder):
    data = open_folder(carvana_folder)
    network, scores = OtsuWatershed(), []
    for image in sorted(data.train)[::160]:
        photo, mask = read_image(data.train[image]), data.mask(image)
        small = torch.from_numpy(shrink(photo, (224, 224))).permute(2, 0, 1)[None]
        probability = probabilities(network, small, views(Tta(flip=False)))[0].numpy()
        scores.append(dice(counts(grow(probability, mask.shape) >= 128, mask)))
    assert 0.35 < np.mean(scores) < 0.65


@pytest.mark.slow
def test_it_is_scored_ranked_and_submitted_like_any_model(tiny_carvana, tmp_path):
    suite = {"title": "classical", "recipes": [RECIPE], "folds": {"count": 2, "valid_cars": 1}}
    (tmp_path / "classical.yaml").write_text(yaml.safe_dump(suite))
    runs, out = tmp_path / "runs", tmp_path / "out"
    words = ["--data", str(tiny_carvana), "--runs", str(runs), "--submissions", str(out)]
    assert main(["run", str(tmp_path / "classical.yaml"), *words, "--device", "cpu"]) == 0
    row = pd.read_csv(runs / "classical" / "leaderboard.csv").iloc[0]
    assert (row["entry"], row["params_m"], row["train_s"]) == (RECIPE, 0, 0)
    assert 0 < row["dice"] < 1
    training = runs / "classical" / RECIPE / "fold0"
    assert load_file(training / "weights.safetensors") == {}
    manifest = json.loads((training / "manifest.json").read_text())
    assert 0 < manifest["valid_dice"] < 1
    assert len(list(out.glob("*.csv.gz"))) == 1
