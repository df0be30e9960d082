"""What a change makes stale, what is then made again, and what is refused; no clock decides."""

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from bench.cli.arguments import make_parser, open_run
from bench.cli.verbs import VERBS, main
from bench.config.strict import to_yaml
from bench.masks.parts import part_path
from bench.masks.store import MapStore
from bench.run.members import training_stages
from bench.run.record import Record, read_record
from bench.run.stages import all_stages
from bench.system.claims import claimed
from tests.tiny import MADE_SUITE, RECIPE, TRAIN_CARS


def opened(made):
    return open_run(make_parser(VERBS).parse_args(made.words("run")))


def stale(made):
    return [stage.name for stage in all_stages(opened(made)) if not stage.done]


def heldout_mask(made, car=0):
    return made.data / "train_masks" / f"{TRAIN_CARS[car]}_01_mask.gif"


def swap(path: Path, other: Path):
    """Put one file's content into another, and set its time back."""
    times = path.stat()
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_run_that_was_copied_elsewhere_is_current(made):
    assert stale(made) == []


def test_times_decide_nothing(made):
    for number, path in enumerate(sorted(made.folder.rglob("*"))):
        os.utime(path, (10**9 - number, 10**9 - number))
    assert stale(made) == []


@pytest.mark.parametrize(
    "name",
    [
        "scores.parquet",
        "ceilings.json",
        "analysis.json",
        "report.html",
        "leaderboard.csv",
        "by_view.csv",
        "made/score.json",
        "ensembles/stacking/parameters.json",
    ],
)
@pytest.mark.parametrize("damage", ["gone", "empty", "one byte"])
def test_a_damaged_result_is_made_again(made, finished, name, damage):
    path = made.run_folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"" if damage == "empty" else content)
    assert made.main("run") == 0
    assert stale(made) == []
    same_numbers(made, finished)


def same_numbers(made, finished):
    scores = [pd.read_parquet(each.run_folder / "scores.parquet") for each in (made, finished)]
    pd.testing.assert_frame_equal(*scores)
    for name in ("leaderboard.csv", "by_view.csv", "by_make.csv", "analysis.json", "folds.csv"):
        assert (made.run_folder / name).read_bytes() == (finished.run_folder / name).read_bytes()
    for file in (finished.folder / "out").glob("*.csv.gz"):
        assert (made.folder / "out" / file.name).read_bytes() == file.read_bytes()


def test_a_changed_mask_of_a_car_that_trained_a_network_is_refused(made, capsys):
    swap(heldout_mask(made), heldout_mask(made, 1))
    for verb in ("run", "score", "leaderboard", "report", "predict", "train", "submit"):
        assert made.main(verb) == 3
        error = capsys.readouterr().err
        assert f"cars changed: {TRAIN_CARS[0]}); put that back; or remove " in error
        assert "carvana-bench train" in error


def test_a_swapped_photograph_of_a_test_car_is_predicted_again(made, capsys):
    tests = sorted((made.data / "test").iterdir())
    swap(tests[0], tests[1])
    assert stale(made) == ["predict test photographs"]
    assert made.main("submit") == 4
    assert "1 photograph changed; first: carvana-bench predict" in capsys.readouterr().err


def test_maps_of_other_weights_are_not_scored(made, capsys):
    weights = made.run_folder / "a" / "fold0" / "weights.safetensors"
    weights.write_bytes(bytes(range(100)))
    assert made.main("score") == 4
    assert "the maps of a are of other weights" in capsys.readouterr().err
    assert made.main("run") == 3
    assert "weights.safetensors is damaged" in capsys.readouterr().err


def test_another_map_makes_everything_again_that_stands_on_it(made, capsys):
    with MapStore.open(made.run_folder / "b" / "maps-heldout.sqlite") as store:
        image = store.ids()[0]
        map, origin, maker = store.read(image), store.made_from()[image], store.made_by
    with MapStore.create(made.run_folder / "b" / "maps-heldout.sqlite", maker) as store:
        store.write(image, 255 - map, origin)
    assert stale(made) == ["fit", "score", "analysis", "report"]
    assert made.main("score") == 0
    assert "score: maps changed: b" in capsys.readouterr().err
    assert stale(made) == ["leaderboard", "submissions", "report"]


def test_a_suite_may_grow_and_an_ensemble_may_change(made, capsys):
    suite = yaml.safe_load(made.suite.read_text())
    suite["ensembles"]["pair"] = {"rule": "mean", "members": ["a.yaml", "b.yaml"]}
    suite["ensembles"]["vote"] = {"rule": "vote", "members": ["b.yaml", "c.yaml"]}
    made.suite.write_text(yaml.safe_dump(suite))
    assert made.main("run") == 0
    error = capsys.readouterr().err
    assert "score: entries changed: vote; entries added: pair" in error
    assert "fit:" not in error and stale(made) == []
    assert "pair" in (made.run_folder / "leaderboard.csv").read_text()
    assert "pair" in (made.run_folder / "suite.yaml").read_text()


@pytest.mark.parametrize(
    ("field", "value", "left"),
    [
        ("goal", "another", []),
        ("reported", {"dice": 0.9}, []),
        ("refine", ["fill_holes"], []),
        ("tta", {"flip": False}, ["maps of a are of other weights or another recipe"]),
    ],
)
def test_fields_that_decide_no_training_may_change(made, capsys, field, value, left):
    content = yaml.safe_load(to_yaml(RECIPE)) | {field: value}
    (made.folder / "a.yaml").write_text(yaml.safe_dump(content))
    assert made.main("leaderboard") == (4 if left or field == "refine" else 0)
    assert all(phrase in capsys.readouterr().err for phrase in left)


def test_a_field_that_decides_a_training_is_refused(made, capsys):
    content = yaml.safe_load(to_yaml(RECIPE)) | {"seed": 7}
    (made.folder / "a.yaml").write_text(yaml.safe_dump(content))
    assert made.main("run") == 2
    assert "recipe fields added: seed" in capsys.readouterr().err


def test_a_manifest_is_put_back(made, finished):
    manifest = made.run_folder / "a" / "fold0" / "manifest.json"
    kept = manifest.read_text()
    manifest.write_text(kept.replace("5.0", "9.0"))
    assert made.main("run") == 0
    assert manifest.read_text() == kept
    same_numbers(made, finished)


def test_a_second_process_is_refused_before_any_work(made, capsys):
    (made.run_folder / "scores.parquet").unlink()
    with claimed(made.run_folder / ".claim", made.run_folder):
        for verb in ("run", "score", "ensemble"):
            assert made.main(verb) == 1
            assert f"in use: process {os.getpid()}" in capsys.readouterr().err
    assert not (made.run_folder / "scores.parquet").exists()


def test_a_finished_run_that_cannot_be_written_to_can_be_looked_at(made, monkeypatch):
    assert made.main("run") == 0

    def forbidden(*_, **__):
        raise AssertionError("something is written")

    for name in ("files.replacing", "claims.claimed", "progress.log_to"):
        monkeypatch.setattr(f"bench.system.{name}", forbidden)
    for name in ("stages.claimed", "stages.log_to", "record.write_json"):
        monkeypatch.setattr(f"bench.run.{name}", forbidden)
    for verb in ("run", "score", "leaderboard", "report", "submit"):
        assert made.main(verb) == 0


def test_verify_reads_everything_again(made, capsys):
    assert made.main("run") == 0
    begun = next(made.run_folder.rglob("maps-*.sqlite"))
    part_path(begun, 1, 2).touch()
    assert made.main("run", "--verify") == 0
    said = capsys.readouterr().err
    assert "read to their ends" in said and "part-001-of-002.sqlite: holds no maps yet" in said


def test_submissions_of_another_run_are_made_again(made, finished):
    """Two runs of one name share a folder: each run's own files are there after its `submit`."""
    file = made.folder / "out" / "made-mean.csv.gz"
    own = file.read_bytes()
    file.write_bytes((made.folder / "out" / "made-a.csv.gz").read_bytes())
    assert stale(made) == ["submissions"]
    assert made.main("submit") == 0
    assert file.read_bytes() == own
    assert MADE_SUITE["ensembles"]


def test_names_as_the_sample_writes_them_decide_the_submissions(made):
    made.main("run")
    sample = made.data / "sample_submission.csv"
    sample.write_text(sample.read_text().replace("_01.jpg", "_01.JPG"))
    assert stale(made) == ["submissions"]


@pytest.mark.parametrize("change", ["other", "gone"])
def test_weights_that_a_finished_training_began_with_may_be_gone(made, change, monkeypatch, capsys):
    """Nobody needs them any more; others of the same name are another beginning."""
    weights = made.folder / "pretrained" / "resnet18.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"some")
    monkeypatch.setattr("bench.run.inputs.starting_weights", lambda _recipe: [weights])
    for training in training_stages(opened(made)):
        training.note(training.reads())
    if change == "other":
        weights.write_bytes(b"other")
    else:
        weights.unlink()
    assert made.main("leaderboard") == (3 if change == "other" else 0)
    assert ("starting weights changed: resnet18" in capsys.readouterr().err) == (change == "other")


def test_what_was_only_begun_may_get_another_recipe(made, capsys):
    """Stopped in its first epoch, mended, started again."""
    folder = made.run_folder / "a" / "fold0"
    Record(read_record(folder / "made.json").made_from).write(folder / "made.json")
    for name in ("manifest.json", "weights.safetensors", "history.csv"):
        (folder / name).unlink()
    (made.folder / "a.yaml").write_text(to_yaml(RECIPE.model_copy(update={"seed": 7})))
    assert made.main("train") == 2
    error = capsys.readouterr().err
    assert str(folder) not in error and "fold1: made from something else" in error


@pytest.mark.parametrize("verb", ["errors", "refine"])
def test_nothing_is_drawn_or_tried_on_what_is_not_current(made, verb, capsys):
    """Pictures of new maps beside scores of old ones would show what never was."""
    words = [verb, "--entry", "a", "--out", str(made.folder / "drawn")]
    (made.run_folder / "a" / "maps-heldout.sqlite").unlink()
    assert made.main(*words) == 4
    assert "no maps of a yet; first: carvana-bench predict" in capsys.readouterr().err
    assert not (made.folder / "drawn").exists()


def test_errors_are_not_drawn_by_damaged_scores(made, capsys):
    (made.run_folder / "scores.parquet").write_bytes(b"damaged")
    assert made.main("errors", "--entry", "a", "--out", str(made.folder / "drawn")) == 4
    assert "scores.parquet is damaged, or another run made it" in capsys.readouterr().err


def test_a_leaderboard_of_other_scores_is_not_compared(made, capsys):
    scores = pd.read_parquet(made.run_folder / "scores.parquet")
    scores.assign(dice=scores["dice"] / 2).to_parquet(made.run_folder / "scores.parquet")
    (made.run_folder / "made" / "score.json").unlink()
    assert main(["compare", str(made.run_folder), str(made.run_folder)]) == 3
    assert "the stage `leaderboard` was done with other scores" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("export", "--entry", "greedy"), "ensembles/greedy/parameters.json"),
        (("compare",), "scores.parquet"),
        (("compare",), "leaderboard.csv"),
    ],
)
def test_verbs_that_know_only_a_folder_refuse_what_was_changed(made, capsys, words, name):
    path = made.run_folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    folders = ["--run", str(made.run_folder), "--out", str(made.folder / "model")]
    if words == ("compare",):
        folders = [str(made.run_folder)] * 2
    assert main([*words, *folders]) == 3
    error = capsys.readouterr().err
    assert f"{path}: not the file that the stage" in error and "run the suite again" in error
