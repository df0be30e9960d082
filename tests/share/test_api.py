"""The library call: docs/api.md is true, and what goes in wrong is said clearly."""

import doctest
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import bench
from tests.tiny import HOME

PAGE = HOME / "docs" / "api.md"


@pytest.fixture
def model(exported):
    return bench.load_model(exported, device="cpu")


def test_the_page_s_examples_are_true(exported, photo, tmp_path, monkeypatch):
    shutil.copytree(exported, tmp_path / "car-model")
    (tmp_path / "car.jpg").write_bytes(photo)
    monkeypatch.chdir(tmp_path)
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=options)
    assert found.attempted > 15 and not found.failed
    assert Image.open("car.png").size == (120, 80) and Image.open("on-white.jpg").mode == "RGB"


def test_a_cutout_is_what_the_command_makes(exported, model, photo, tmp_path):
    from bench.cli.verbs import main

    (tmp_path / "car.jpg").write_bytes(photo)
    words = ["cutout", str(tmp_path / "car.jpg"), "--model", str(exported), "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    model(photo).save(tmp_path / "mine.png")
    made = (tmp_path / "out" / "car.png").read_bytes()
    assert (tmp_path / "mine.png").read_bytes() == made


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(np.zeros((8, 8), np.uint8), id="grey"),
        pytest.param(np.zeros((8, 8, 4), np.uint8), id="with alpha"),
        pytest.param(np.zeros((8, 8, 3)), id="floats"),
        pytest.param(np.zeros((0, 8, 3), np.uint8), id="empty"),
    ],
)
def test_pixels_of_another_kind_are_refused(model, given):
    with pytest.raises(TypeError, match=r"pixels are uint8 \(H, W, 3\), not"):
        model(given)


def test_errors_say_what_and_where(exported, model, photo, tmp_path):
    (tmp_path / "letter.jpg").write_text("dear")
    wide = np.zeros((2, 16_384, 3), np.uint8)
    for use, said in (
        (lambda: bench.load_model(tmp_path), "no manifest.json, so no exported model"),
        (lambda: model(tmp_path / "letter.jpg"), r"letter\.jpg: no JPEG, PNG"),
        (lambda: model(photo).save(tmp_path / "car.tiff"), r"car\.tiff: name it \.png"),
        (lambda: model(wide).save(tmp_path / "car.webp"), r"car\.webp: 16384x2 .*choose png"),
        (lambda: model(photo).on("mauvish"), "unknown; name transparent, blur"),
        (lambda: model(photo).on("transparent"), "take `rgba`"),
    ):
        with pytest.raises(bench.BenchError, match=said):
            use()
    assert repr(model) == "CutoutModel('mean', members=['a', 'b'])"
    assert repr(model(photo)) == "Cutout(80x120)"


def test_public_names_are_there_and_cost_nothing_until_they_are_used():
    for name in bench.__all__:
        assert getattr(bench, name).__doc__
    with pytest.raises(AttributeError, match="no public name 'Model'"):
        _ = bench.Model
    code = "import bench, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=HOME).returncode == 0
