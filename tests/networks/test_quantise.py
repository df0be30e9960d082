"""Networks predict in int8 where their masks stay as good, and every map knows it."""

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.cli.verbs import main
from bench.config.layout import Layout
from bench.config.machine import Machine
from bench.cutout.manifest import read_manifest
from bench.cutout.model import open_model
from bench.data.carvana import open_folder
from bench.data.images import read_image
from bench.masks.store import MapStore
from bench.metrics import parity
from bench.networks import quantise
from bench.networks.engines.openvino import convert
from bench.networks.quantised import quantised
from bench.system.errors import BenchError
from tests.tiny import HOME

pytestmark = pytest.mark.skipif(not find_spec("nncf"), reason="no nncf: pip install it")


class Trained:
    """A run whose two networks are trained, and the words that name it."""

    def __init__(self, exported, data, folder):
        shutil.copytree(exported.parent, folder)
        self.layout, self.data = Layout(folder / "runs" / "tiny"), data
        self.words = [
            str(folder / "tiny.yaml"),
            "--data",
            str(data),
            "--runs",
            str(folder / "runs"),
        ]

    def do(self, verb):
        return main([verb, *self.words, *(["--device", "cpu"] if verb != "quantise" else [])])

    def maps(self):
        with MapStore.open(self.layout.maps("b", "heldout")) as store:
            return {image: store.read(image) for image in store.ids()}


@pytest.fixture
def trained(exported, tiny_carvana, tmp_path, monkeypatch):
    monkeypatch.setattr(quantise, "FASTER", 100.0)  # of networks so small, no time can be told
    monkeypatch.setattr(quantise, "MAX_DICE_CHANGE", 0.01)  # a pixel is 0.0004 of such a car
    return Trained(exported, tiny_carvana, tmp_path / "it")


def test_a_network_in_int8_makes_other_maps_as_good_and_is_exported(trained, capsys, tmp_path):
    assert trained.do("predict") == 0
    before = trained.maps()
    assert trained.do("quantise") == 0
    said = capsys.readouterr().err
    assert said.count("from now on it predicts in int8") == 2 and "Statistics" not in said
    training = trained.layout.training("b", 0)
    assert "FakeQuantize" in (training.folder / "network.xml").read_text()
    assert trained.do("predict") == 0
    assert "the maps of b are of other weights or another recipe" in capsys.readouterr().err
    after = trained.maps()
    assert after.keys() == before.keys()
    assert any((after[image] != before[image]).any() for image in after)
    moved = [((after[image] >= 128) != (before[image] >= 128)).mean() for image in after]
    assert np.mean(moved) < 0.01
    assert trained.do("quantise") == 0
    assert capsys.readouterr().err.count("predicts in int8 already") == 2

    run, out = str(trained.layout.folder), tmp_path / "model"
    export = ["export", "--run", run, "--entry", "b", "--out", str(out)]
    assert main(export) == 0
    assert [network.engine for network in read_manifest(out).networks] == ["openvino"]
    image, map = next(iter(after.items()))
    photo = read_image(open_folder(trained.data).train[image])
    assert np.array_equal(open_model(out, Machine("cpu")).maps([photo])[0][0], map)

    (training.folder / "network.bin").write_bytes(b"damaged")
    assert main(export) == 3 and read_manifest(out)
    trained.layout.maps("b", "heldout").unlink()
    assert trained.do("predict") == 3
    wrong = "quantised.json: network.bin beside it is missing, or not the file that it names; "
    cure = "remove it, and the network predicts as it was trained, or `quantise` makes it again"
    assert capsys.readouterr().err.count(wrong + cure) == 2
    assert trained.do("quantise") == 0
    assert trained.do("predict") == 0
    assert trained.maps().keys() == after.keys()
    training.quantised.unlink()
    assert main(export) == 4
    assert "made while its networks predicted in int8" in capsys.readouterr().err
    assert trained.do("predict") == 0 and main(export) == 0
    assert all(np.array_equal(map, before[image]) for image, map in trained.maps().items())


def test_an_export_in_int8_that_differs_from_float32_says_how_to_undo_int8(
    trained, capsys, tmp_path, monkeypatch
):
    for verb in ("quantise", "run"):
        assert trained.do(verb) == 0
    run, out = str(trained.layout.folder), tmp_path / "model"
    export = ["export", "--run", run, "--entry", "mean", "--out", str(out)]
    compared = [*export, "--data", str(trained.data)]
    monkeypatch.setattr(parity, "MAX_DICE_CHANGE", 0)
    assert main(compared) == 1
    cure = re.search(r"in int8: remove (.+), and `run` its suite again", capsys.readouterr().err)
    for file in cure[1].split(", "):
        Path(file).unlink()
    monkeypatch.setattr(parity, "MAX_DICE_CHANGE", 0.01)
    assert trained.do("run") == 0
    assert main(compared) == 0
    assert {network.engine for network in read_manifest(out).networks} == {None}


@pytest.mark.parametrize("bar", ["FASTER", "MAX_DICE_CHANGE"])
def test_a_network_that_gains_nothing_stays_as_it_was(trained, capsys, monkeypatch, bar):
    monkeypatch.setattr(quantise, bar, -1.0)
    assert trained.do("quantise") == 0
    assert "it stays as it was trained" in capsys.readouterr().err
    assert not quantised(trained.layout.training("a", 0))
    assert not list(trained.layout.folder.rglob("network.xml"))


def test_a_damaged_network_that_gains_nothing_now_predicts_as_it_was_trained(trained, monkeypatch):
    assert trained.do("quantise") == 0
    training = trained.layout.training("b", 0)
    (training.folder / "network.bin").write_bytes(b"damaged")
    monkeypatch.setattr(quantise, "FASTER", -1.0)
    assert trained.do("quantise") == 0
    assert not training.quantised.exists()
    assert trained.do("predict") == 0


def test_int8_of_other_weights_is_not_used(trained):
    assert trained.do("quantise") == 0
    a, b = (trained.layout.training(name, 0) for name in "ab")
    assert quantised(b)
    shutil.copy(a.weights, b.weights)
    assert not quantised(b)


def test_a_run_that_changed_since_it_was_trained_is_refused(trained, capsys):
    trained.words += ["--set", "recipe.size=[48, 64]"]
    assert trained.do("quantise") == 2
    assert "recipe fields changed: size" in capsys.readouterr().err


def test_a_network_that_openvino_does_not_know_is_named(tmp_path):
    class Odd(torch.nn.Module):
        stride = 1

        def forward(self, image):
            return torch.special.gammainc(image.abs(), image.abs())[:, :1]

    with pytest.raises(BenchError, match=r"cannot convert the network of it/fold0 \(.+\); leave"):
        convert(Odd(), (8, 8), tmp_path / "it" / "fold0")


def test_its_makers_are_not_told_of_a_conversion(tmp_path):
    """Both libraries would report each use over the network, unless they find no way to."""
    convert = (
        "import sys, pathlib, torch; from bench.networks.engines.openvino import convert_to_int8\n"
        "network = torch.nn.Conv2d(3, 1, 3, padding=1); network.stride = 1\n"
        "convert_to_int8(network, torch.rand(2, 3, 8, 8), pathlib.Path(sys.argv[1]))\n"
        "assert not [name for name in sys.modules if name.startswith('openvino_telemetry.')]"
    )
    subprocess.run([sys.executable, "-c", convert, tmp_path], cwd=HOME, check=True)
    assert (tmp_path / "network.xml").is_file()


@pytest.mark.parametrize("library", ["openvino", "nncf"])
def test_what_is_not_installed_is_named(trained, capsys, monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)
    assert trained.do("quantise") == 4
    assert "(extra 'export')" in capsys.readouterr().err


def test_networks_that_are_not_trained_are_refused(trained, capsys):
    trained.layout.training("a", 0).manifest.unlink()
    assert trained.do("quantise") == 4
    assert "fold0: not trained yet; first: carvana-bench train" in capsys.readouterr().err
