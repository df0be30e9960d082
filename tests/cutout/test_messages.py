"""What is refused before the first photograph: the file or option, what is wrong, and a cure."""

import sys

import pytest

from bench.cli.verbs import main
from bench.cutout.background import open_background
from bench.cutout.cutout import CutoutOptions, run
from bench.system import environment
from bench.system.environment import ROOT
from bench.system.errors import BadConfig, BadData, Missing


@pytest.mark.parametrize(
    ("background", "content", "said"),
    [
        pytest.param("sky.png", b"text", "sky.png, the background: no JPEG", id="no picture"),
        pytest.param("sky.png", None, "sky.png: no such picture .*; name one", id="not there"),
        pytest.param("mauvish", None, "'mauvish': unknown; name .* or a picture's", id="no colour"),
        pytest.param("rgb(300,0,0)", None, "background 'rgb.300,0,0.': ", id="brighter than any"),
        pytest.param("#00000000", None, "background '#00000000': ", id="a colour seen through"),
    ],
)
def test_a_background_is_refused_by_its_name(tmp_path, monkeypatch, background, content, said):
    monkeypatch.chdir(tmp_path)
    if content:
        (tmp_path / background).write_bytes(content)
    with pytest.raises((BadConfig, BadData, Missing), match=said):
        open_background(background)


def test_a_colour_may_have_a_point_in_it():
    assert open_background("hsl(120, 99.9%, 50%)").colour == (0, 255, 0)


def test_a_mistyped_step_is_answered_with_the_nearest(tmp_path):
    options = CutoutOptions(steps=("fill_hole",))
    with pytest.raises(BadConfig, match="no step 'fill_hole'; nearest: fill_holes"):
        run(None, [tmp_path], tmp_path / "out", options, 1)


def test_what_the_server_needs_is_named_with_its_command(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(environment, "find_spec", lambda module: module == "fastapi")
    assert main(["serve", "--model", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert "the server needs packages that are not installed (extra 'serve')" in said
    assert f"{sys.executable} -m pip install -e '{ROOT}[serve]'" in said
