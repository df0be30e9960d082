"""A suite with edge networks, of a single model and of an ensemble: from training to cut-outs."""

import csv
import json
import re
from itertools import pairwise

import numpy as np
import pytest
import yaml

from bench.cli.verbs import main
from bench.config.machine import Machine
from bench.cutout.model import open_model
from bench.data.images import read_image
from bench.masks.parts import open_maps
from bench.networks import predictor, wanted
from tests.edges import Edges

RECIPES = ("a", "b", "a-edge", "mean-edge")


@pytest.fixture(scope="module")
def edges(tiny_carvana, tmp_path_factory):
    return Edges(tmp_path_factory.mktemp("edges"), tiny_carvana)


@pytest.fixture(scope="module")
def finished(edges):
    assert edges.main("run") == 0
    return edges


@pytest.mark.slow
def test_a_run_with_edge_networks_ends_is_current_and_counts_their_whole_cost(finished, capsys):
    with finished.made("leaderboard.csv").open() as file:
        rows = {row["entry"]: row for row in csv.DictReader(file)}
    assert rows.keys() == {"a", "b", "a-edge", "mean-edge", "mean", "edges", "greedy"}
    for key in ("params_m", "gflops", "train_s", "disk_mb"):
        cost = {name: float(row[key]) for name, row in rows.items()}
        growing = ["a", "a-edge", "mean-edge", "edges"]  # what each needs, the next one needs, too
        assert all(cost[one] < cost[next_one] for one, next_one in pairwise(growing))
        assert cost["edges"] < cost["a-edge"] + cost["mean-edge"]  # `a` is needed once
    for name, below in (("a-edge", "a"), ("mean-edge", "mean")):
        gain = float(rows[name]["dice"]) - float(rows[below]["dice"])
        assert float(rows[name]["gain"]) == pytest.approx(gain)
    assert rows["a-edge"]["size"] == "64x64 tiles" and float(rows["a-edge"]["ceiling"]) == 1
    kinds = ["single", "single", "edge", "edge", "ensemble"]
    assert [rows[name]["kind"] for name in ("a", "b", "a-edge", "mean-edge", "edges")] == kinds
    own = sum(wanted.ms_per_image(finished.made(f"{name}/maps-heldout.sqlite")) for name in RECIPES)
    report = finished.made("report.html").read_text()
    assert f"{own:,.0f} ms a photograph by all members" in report
    assert finished.main("run") == 0
    assert "everything is there and current" in capsys.readouterr().err
    assert not list(finished.made("a-edge").rglob("maps-fold*.sqlite"))  # learned from, and gone


@pytest.mark.slow
def test_maps_below_an_edge_network_are_read_where_they_are_current(finished, monkeypatch):
    made, below = (finished.made(f"{name}/maps-heldout.sqlite") for name in ("a-edge", "a"))
    with open_maps(made) as maps:
        before = {image: maps.read(image).copy() for image in maps.ids()}
    made.unlink()
    with monkeypatch.context() as patch:
        patch.setattr(predictor, "mean_probability", None)  # so that no network but the edge's runs
        assert finished.main("predict", "--only", "a-edge") == 0
    made.unlink()
    below.unlink()  # now it is predicted first
    assert finished.main("predict", "--only", "a-edge") == 0
    with open_maps(made) as maps, open_maps(below) as maps_below:
        assert before.keys() == set(maps.ids()) == set(maps_below.ids())
        assert all(np.array_equal(maps.read(image), map) for image, map in before.items())


@pytest.mark.slow
def test_an_edge_network_notes_the_weights_below_it(finished):
    weights = finished.made("a/fold0/weights.safetensors")
    noted = finished.made("a-edge/fold0/made.json").read_text()
    assert weights.name in noted and "weights below the edge network" in noted


@pytest.mark.slow
@pytest.mark.parametrize(
    ("entry", "engine"),
    [("a-edge", ""), ("edges", ""), ("mean-edge", "openvino"), ("a-edge", "onnx")],
)
def test_an_exported_edge_network_makes_the_maps_of_the_run(finished, tmp_path, entry, engine):
    if engine:
        pytest.importorskip({"openvino": "openvino", "onnx": "onnxruntime"}[engine])
    run, out = ["--run", str(finished.made("."))], tmp_path / "model"
    flags = [f"--{engine}"] if engine else []
    assert main(["export", *run, "--entry", entry, "--out", str(out), *flags]) == 0
    model = open_model(out, Machine("cpu"))
    names = model.names
    stores = [open_maps(finished.made(f"{name}/maps-heldout.sqlite")) for name in names]
    image = stores[0].ids()[3]
    photo = read_image(finished.data / "train" / f"{image}.jpg")
    for map, store in zip(model.maps([photo])[0], stores, strict=True):
        difference = np.abs(map.astype(int) - store.read(image))
        assert difference.mean() < 0.5  # single levels, where bf16 rounds otherwise
    assert json.loads((out / "manifest.json").read_text())["members"][0]["base"]["entry"]


def changed(edges, recipe, **changes):
    fields = yaml.safe_load((edges.folder / f"{recipe}.yaml").read_text())
    (edges.folder / f"{recipe}.yaml").write_text(yaml.safe_dump({**fields, **changes}))


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("meen", "recipe a-edge: edge.of: no entry of the suite 'meen'; nearest: mean"),
        (
            "greedy",
            "'greedy' learns from the held-out photographs.* name an ensemble whose",
        ),
        ("mean-edge", "'mean-edge' is made of 'mean-edge', an edge network itself; name a recipe"),
        ("edges", "'edges' is made of 'a-edge', an edge network itself"),
    ],
)
def test_an_edge_network_of_what_it_cannot_sharpen_is_refused(
    tmp_path, tiny_carvana, capsys, of, message
):
    edges = Edges(tmp_path, tiny_carvana)
    changed(edges, "a-edge", edge={"of": of})
    assert edges.main("run") == 2
    assert re.search(message, capsys.readouterr().err)
    assert not edges.made(".").exists()
