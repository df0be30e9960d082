"""Runs of earlier versions, which noted no hashes: what their own files say still counts."""

import shutil

import pytest
import yaml

from bench.config.strict import to_yaml
from tests.tiny import MADE_SUITE, RECIPE, Made


@pytest.fixture
def old(tiny_carvana, tmp_path):
    """A run as an earlier version left it: without records."""
    made = Made(tmp_path, tiny_carvana)
    made.draw(seed=0)
    assert made.main("folds") == 0
    shutil.rmtree(made.run_folder / "made")
    for record in made.run_folder.rglob("made.json"):
        record.unlink()
        (record.parent / "recipe.yaml").write_text(to_yaml(RECIPE))
    return made


def test_its_trainings_and_folds_are_taken_as_they_are(old, capsys):
    assert old.main("run") == 0
    assert "an earlier version did not note what from" in capsys.readouterr().err
    assert len(list(old.run_folder.rglob("made.json"))) == 6


@pytest.mark.parametrize("finished", [True, False])
def test_another_recipe_is_refused(old, capsys, finished):
    folder = old.run_folder / "a" / "fold0"
    if not finished:
        (folder / "manifest.json").unlink()
        (folder / "state.pt").write_bytes(b"of some epochs")
    recipe = RECIPE.model_copy(update={"seed": 7})
    (old.folder / "a.yaml").write_text(to_yaml(recipe))
    for verb in ("run", "train", "score"):
        assert old.main(verb) == 2
        assert f"{folder} was made with another seed; remove the folder" in capsys.readouterr().err
    assert (folder / "recipe.yaml").read_text() == to_yaml(RECIPE)


def test_other_folds_are_refused(old, capsys):
    old.suite.write_text(yaml.safe_dump(MADE_SUITE | {"folds": MADE_SUITE["folds"] | {"seed": 5}}))
    for verb in ("run", "score"):
        assert old.main(verb) == 2
        assert "was made with another folds" in capsys.readouterr().err


def test_other_photographs_are_refused(old, capsys):
    listed = old.run_folder / "photographs.txt"
    listed.write_text(listed.read_text().replace("_01", "_91"))
    assert old.main("run") == 2
    assert "folds.csv: drawn for other photographs than those in" in capsys.readouterr().err
