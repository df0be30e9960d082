"""What is damaged or missing is refused or said before it costs anything."""

import gzip
import shutil

import pandas as pd
import pytest

from bench.cli.arguments import make_parser, open_run
from bench.cli.verbs import VERBS
from bench.config.recipe import Network
from bench.config.strict import to_yaml
from bench.masks.store import MapStore
from bench.run import leaderboard
from bench.run.results import warn_of_submissions
from bench.system.text import listed
from tests.tiny import RECIPE, TEST_CAR, Road, packed, wedge


def test_damaged_weights_cost_no_map(made, capsys):
    weights = made.run_folder / "a" / "fold0" / "weights.safetensors"
    weights.write_bytes(b"other bytes")
    assert made.main("predict") == 3
    assert "weights.safetensors: damaged" in capsys.readouterr().err
    with MapStore.open(made.run_folder / "a" / "maps-heldout.sqlite") as store:
        assert len(store.ids()) == 64


def test_damaged_weights_are_refused_before_others_are_trained(made, capsys):
    (made.run_folder / "b" / "fold0" / "weights.safetensors").write_bytes(b"other bytes")
    shutil.rmtree(made.run_folder / "a" / "fold0")
    assert made.main("run") == 3
    error = capsys.readouterr().err
    assert "weights.safetensors is damaged" in error and "epoch" not in error
    assert not (made.run_folder / "a" / "fold0").exists()


def opened(made, *more):
    return open_run(make_parser(VERBS).parse_args([*made.words("run"), *more]))


def last_words(made, capsys, verb, *more):
    assert made.main(verb, *more) == 0
    return capsys.readouterr().err.splitlines()[-1]


def test_the_last_words_name_photographs_that_are_to_be_submitted_and_are_not_here(made, capsys):
    gone = sorted((made.data / "test").glob("*_02.jpg"))[0]
    gone.unlink()
    sample = made.data / "sample_submission.csv"
    said = f"they lack 1 image of {sample}, first {gone.name}; put all photographs into "
    for verb, *more in (["run"], ["run"], ["submit"], ["submit", "--quiet"], ["run", "--json"]):
        assert said in last_words(made, capsys, verb, *more)


@pytest.mark.parametrize("verb", ["run", "submit"])
def test_a_table_of_what_to_submit_that_comes_later_is_noticed(made, verb, capsys):
    sample = made.data / "sample_submission.csv"
    rows = sample.read_text()
    sample.unlink()
    assert "would refuse" not in last_words(made, capsys, "run")
    sample.write_text(rows + "".join(f"00087a6bd4dc_{view:02d}.jpg,1 1\n" for view in range(1, 17)))
    assert f"they lack 16 images of {sample}, first 0008" in last_words(made, capsys, verb)
    sample.write_text(rows.replace(f"{TEST_CAR}_03.jpg,1 1\n", ""))
    said = f"{sample} lacks 1 image of theirs, first {TEST_CAR}_03.jpg; restore that file"
    assert said in last_words(made, capsys, verb)


def test_a_limit_that_keeps_photographs_from_being_submitted_is_named(made, capsys):
    (made.data / "test" / "00087a6bd4dc_01.jpg").write_bytes(b"never read")
    sample = made.data / "sample_submission.csv"
    sample.write_text(f"{sample.read_text()}00087a6bd4dc_01.jpg,1 1\n")
    warn_of_submissions(opened(made, "--limit", "1"))
    said = capsys.readouterr().err
    assert f"they lack 1 image of {sample}, first 00087a6bd4dc_01.jpg; put " in said
    assert said.endswith("and run the suite again without a limit of cars\n")


@pytest.mark.parametrize("verb", ["run", "submit"])
def test_submissions_of_empty_masks_alone_are_told_each_time(made, verb, capsys):
    """The test car's masks were drawn empty, some with specks."""
    texts = {
        entry.name: gzip.decompress(opened(made).submission(entry).read_bytes()).decode()
        for entry in opened(made).entries
    }
    empty = [name for name in texts if texts[name].count(".jpg,\n") == 16]
    assert 0 < len(empty) < len(texts)
    said = f"every mask in the submission files of {listed(empty)} is empty: nothing was found in "
    assert said in last_words(made, capsys, verb, "--quiet")


def test_entries_that_found_nothing_are_named_below_the_leaderboard(made):
    run = opened(made)
    scores = pd.read_parquet(run.layout.scores)
    scores.loc[scores["entry"] == "b", ["tp", "fp"]] = 0
    scores.to_parquet(run.layout.scores)
    table = made.folder / "table.md"
    leaderboard.write(run, {"md": table})
    assert table.read_text().endswith("so that the Dice is that of empty masks: b.\n")


CUT = {"augment": ("background",), "backgrounds": "pictures"}
NO_FOLDER = {**CUT, "backgrounds": "nowhere"}
ALL_FROZEN = {"freeze": ("encoder", "decoder", "segmentation_head")}


@pytest.fixture
def beginning(tiny_carvana, tmp_path, monkeypatch):
    """A run that has not begun, in a working directory with damaged files."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    wedge().save(pictures / "whole.png")
    (pictures / "cut.jpg").write_bytes(packed(wedge(), "JPEG")[:-100])
    (tmp_path / "junk.safetensors").write_bytes(b"junk")
    monkeypatch.chdir(tmp_path)
    return Road(tmp_path, tiny_carvana)


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        pytest.param({"start_from": "no.file"}, 4, "start_from: no file /", id="no weights"),
        pytest.param({"start_from": "junk.safetensors"}, 3, "start_from: not a whole", id="junk"),
        pytest.param(CUT, 3, "backgrounds: pictures/cut.jpg: cannot be read", id="a cut picture"),
        pytest.param(NO_FOLDER, 4, "backgrounds: no folder /", id="no folder"),
        pytest.param({"freeze": ("encodr",)}, 2, "freeze: no module 'encodr'", id="no module"),
        pytest.param(ALL_FROZEN, 2, "no parameter that is left to train", id="all frozen"),
        pytest.param(
            {"network": Network(name="otsu_watershed")}, 2, "left to train", id="learns nothing"
        ),
    ],
)
@pytest.mark.parametrize("words", [["run"], ["train", "--workers", "2"]])
def test_what_a_later_recipe_needs_is_looked_at_before_any_training(
    beginning, capsys, changes, code, said, words
):
    recipe = beginning.folder / "b.yaml"
    recipe.write_text(to_yaml(RECIPE.model_copy(update=changes)))
    assert beginning.run(*words) == code
    error = capsys.readouterr().err.splitlines()[-1]
    assert ": recipe b: " in error and said in error
    assert not beginning.made("a").exists()
