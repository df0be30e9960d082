"""An exported entry gives the masks of its run, in one folder."""

import json
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from bench.cli.verbs import main
from bench.config.layout import Layout
from bench.config.machine import Machine
from bench.config.recipe import Recipe
from bench.config.refinement import DEFAULT_STEPS, names_of, to_json
from bench.config.strict import read
from bench.cutout.cutout import segment
from bench.cutout.export import manifest_of
from bench.cutout.manifest import Manifest, read_manifest
from bench.cutout.model import Model, open_model
from bench.cutout.photographs import Photograph
from bench.data.carvana import open_folder
from bench.data.images import read_image
from bench.doubt.calibration import Calibration, Trial
from bench.masks.store import MapStore
from bench.metrics import parity
from bench.networks.predict import run
from bench.networks.wanted import FoldTask, PredictionTask
from tests.tiny import TRAIN_CARS, combine

CPU = Machine("cpu")


@pytest.fixture
def copy(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "model")


def test_exported_model_sees_what_the_run_predicts(exported, tiny_carvana, tmp_path):
    """The same maps, bit for bit, as `predict` writes, and the same rule over them."""
    layout = Layout(exported.parent / "runs" / "tiny")
    images = [f"{TRAIN_CARS[0]}_{view:02d}" for view in (1, 5)]
    paths = {image: open_folder(tiny_carvana).train[image] for image in images}
    model = open_model(exported, CPU)
    mine = model.maps([read_image(path) for path in paths.values()])
    for number, name in enumerate(model.names):
        training = layout.training(name, 0)
        recipe = read(training.recipe, Recipe)
        run([PredictionTask(recipe, [FoldTask([training], paths)], tmp_path / name)], CPU)
        with MapStore.open(tmp_path / name) as store:
            for image, maps in zip(images, mine, strict=True):
                assert np.array_equal(store.read(image), maps[number])
    merged = combine({"rule": "mean", "weights": [1, 1]}, mine[0])
    assert np.array_equal(model.merge(mine[0]), merged)


def test_scores_of_the_run_are_told(exported, tmp_path):
    run_folder = shutil.copytree(exported.parent / "runs" / "tiny", tmp_path / "tiny")
    words = {"image": ["x_01", "x_02", "x_01"], "car": ["x"] * 3, "view": [1, 2, 1]}
    scores = pd.DataFrame({"entry": ["mean", "mean", "vote"], "dice": [0.9, 0.7, 0.1], **words})
    scores.to_parquet(run_folder / "scores.parquet")
    assert manifest_of(run_folder, "mean").dice == pytest.approx(0.8)


def test_an_export_of_another_entry_is_not_overwritten(exported, copy, tmp_path, capsys):
    run_folder = exported.parent / "runs" / "tiny"
    words = ["export", "--run", str(run_folder), "--out", str(copy), "--entry"]
    assert main([*words, "vote"]) == 2
    assert f"{copy}: holds the entry 'mean' of the run 'tiny'; name a" in capsys.readouterr().err
    assert main([*words, "mean"]) == 0
    assert read_manifest(copy).entry == "mean"


def test_the_cures_of_a_damaged_manifest_and_of_a_damaged_record_work(
    exported, tiny_carvana, tmp_path, capsys
):
    home = shutil.copytree(exported.parent, tmp_path / "home")
    run_folder, new = home / "runs" / "tiny", tmp_path / "new"
    words = ["export", "--run", str(run_folder), "--entry", "mean", "--out"]
    (home / "model" / "manifest.json").write_text("{")
    assert main([*words, str(home / "model")]) == 3
    assert "; remove it and export the model again, or pull it, into a" in capsys.readouterr().err
    (home / "model" / "manifest.json").unlink()
    record = Layout(run_folder).training("a", 0).record
    record.write_text("{")
    assert main([*words, str(new)]) == 3
    assert f"{record}: damaged" in (said := capsys.readouterr().err)
    assert "; remove it and run the suite again" in said
    record.unlink()
    places = ["--data", str(tiny_carvana), "--runs", str(run_folder.parent), "--device", "cpu"]
    assert main(["train", str(home / "tiny.yaml"), *places]) == 0
    assert main([*words, str(new)]) == 0
    assert read_manifest(new).made_by["trained_on"] == read_manifest(exported).made_by["trained_on"]


def test_an_export_whose_doubt_is_not_calibrated_says_so_with_the_cure(
    exported, tiny_carvana, tmp_path, capsys
):
    home = shutil.copytree(exported.parent, tmp_path / "home")  # two folds, of which one ran
    words = ["export", "--run", str(home / "runs" / "tiny"), "--out", str(home / "model")]
    assert main([*words, "--entry", "mean"]) == 0
    said = "doubt: not calibrated: that takes a scored run of at least 4 held-out cars (or groups)"
    assert f"{said}; run more of its folds or, where all" in capsys.readouterr().err
    places = ["--data", str(tiny_carvana), "--runs", str(home / "runs"), "--device", "cpu"]
    all_folds = ["--set", "suite.folds.run=[0,1]", "--submissions", str(home)]
    assert main(["run", str(home / "tiny.yaml"), *places, *all_folds]) == 0
    assert main([*words, "--entry", "mean"]) == 0
    assert "doubt: on 64 photographs of 4 held-out cars, " in capsys.readouterr().err


def test_refinement_of_an_entry_travels_and_is_applied(exported, tmp_path, monkeypatch):
    """Of an ensemble as of a recipe: the folder holds the steps, cutout and serve obey them."""
    run_folder = shutil.copytree(exported.parent / "runs" / "tiny", tmp_path / "tiny")
    suite = run_folder / "suite.yaml"
    told = yaml.safe_load(suite.read_text())
    told["ensembles"]["mean"]["refine"] = [{"denoise": {"blur": 3, "opening": 9}}]
    suite.write_text(yaml.safe_dump(told))
    single = {"b": [{"largest_component": {}}, {"fill_holes": {}}]}
    (run_folder / "refinement.json").write_text(json.dumps(single))
    speckled = np.zeros((80, 120), np.uint8)
    speckled[20:60, 20:90], speckled[5:8, 100:103] = 250, 240
    speckled[24:38, 60:80] = 10
    photo = Photograph(np.full((80, 120, 3), 90, np.uint8))
    monkeypatch.setattr(Model, "maps", lambda model, photos: [[speckled] * len(model.names)])
    for entry, step in {"mean": "denoise", "b": "largest_component, fill_holes"}.items():
        out = tmp_path / entry
        assert main(["export", "--run", str(run_folder), "--entry", entry, "--out", str(out)]) == 0
        assert names_of(read_manifest(out).refine) == step
        (seen,) = segment(open_model(out, CPU), [photo], [[]])
        assert seen.map[40, 50] >= 128 and seen.map[6, 101] < 128
        assert seen.cut()[40, 50, 3] == 255 and seen.cut()[6, 101, 3] == 0
        assert seen.cut()[30, 70, 3] == (0 if entry == "mean" else 255)  # the hole


def test_doubt_that_was_learnt_on_refined_maps_is_none(exported):
    fields = json.loads((exported / "manifest.json").read_text())
    trial = Trial(photographs=9, cars=4, rank_correlation=1, bad=0, first=1, bad_first=0)
    known = Calibration(offset=-9, slopes=(0, 0), spread=1, trial=trial).model_dump(mode="json")
    steps = tuple(DEFAULT_STEPS.values())

    def doubt(of, refine):
        manifest = {**fields, "doubt": {**known, "of": of}, "refine": to_json(refine)}
        return Manifest.model_validate_json(json.dumps(manifest)).doubt

    assert doubt(None, ()) and doubt("combined map", ()) and doubt("combined map", steps)
    assert doubt(None, steps) is None


def test_single_member_is_an_entry_too(exported, tmp_path):
    run_folder = exported.parent / "runs" / "tiny"
    words = ["export", "--run", str(run_folder), "--entry", "b", "--out", str(tmp_path / "b")]
    assert main(words) == 0
    model = open_model(tmp_path / "b", CPU)
    photo = np.full((80, 120, 3), 90, np.uint8)
    (maps,) = model.maps([photo])
    assert model.names == ["b"] and model.merge(maps) is maps[0]


def test_member_without_weight_stays_at_home(exported, tmp_path):
    run_folder = shutil.copytree(exported.parent / "runs" / "tiny", tmp_path / "tiny")
    learned = Layout(run_folder).parameters("greedy")
    learned.parent.mkdir(parents=True)
    parameters = {"rule": "greedy", "weights": [0, 2]}
    learned.write_text(json.dumps({"parameters": parameters, "groups": []}))
    words = ["export", "--run", str(run_folder), "--entry", "greedy", "--out", str(tmp_path / "m")]
    assert main(words) == 0
    model = open_model(tmp_path / "m", CPU)
    assert model.names == ["b"] and model.manifest.parameters["weights"] == [2]
    assert not (tmp_path / "m" / "a").exists()
    maps = [np.arange(6, dtype=np.uint8).reshape(2, 3), np.full((2, 3), 200, np.uint8)]
    assert np.array_equal(model.merge(maps[1:]), combine(parameters, maps))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        pytest.param(["--entry", "median"], 2, "no entry 'median'; nearest: mean", id="entry"),
        pytest.param(["--entry", "greedy"], 4, "not fitted yet", id="not fitted"),
    ],
)
def test_export_refuses(exported, tmp_path, capsys, words, code, said):
    run_folder = str(exported.parent / "runs" / "tiny")
    assert main(["export", "--run", run_folder, *words, "--out", str(tmp_path / "m")]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_export_writes_over_its_own_folder_only(exported, copy, tmp_path):
    run_folder = str(exported.parent / "runs" / "tiny")
    words = ["export", "--run", run_folder, "--entry", "mean", "--out"]
    assert main([*words, str(copy)]) == 0
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    assert main([*words, str(tmp_path / "mine")]) == 2
    assert main(["export", "--run", str(tmp_path), "--entry", "x", "--out", "y"]) == 4


CONVERTED = {  # flags of export, and the files that stand in place of the weights
    "--openvino": ["network.bin", "network.xml"],
    "--onnx": ["network.onnx"],
    "--onnx static": ["network.onnx"],
}


@pytest.fixture(params=CONVERTED)
def converted(request, exported, tiny_carvana, tmp_path, monkeypatch, capsys):
    """The run's mean converted, what the export said, and the files of a network."""
    monkeypatch.setattr(
        parity, "MAX_DICE_CHANGE", 0.01
    )  # a pixel of these small photographs is much
    run_folder, out = exported.parent / "runs" / "tiny", tmp_path / "converted"
    words = ["export", "--run", str(run_folder), "--entry", "mean", "--out", str(out)]
    assert main([*words, "--data", str(tiny_carvana), *request.param.split()]) == 0
    return out, capsys.readouterr().err, CONVERTED[request.param]


@pytest.mark.slow
def test_engines_give_the_masks_that_torch_gives(exported, converted, tiny_carvana):
    folder, said, files = converted
    assert "parity with float32" in said and "within 0.01" in said
    there = sorted(path.name for path in (folder / "a" / "fold0").iterdir())
    assert there == [*files, "recipe.yaml"]
    photo = read_image(open_folder(tiny_carvana).train[f"{TRAIN_CARS[0]}_01"])
    photos = [photo, photo[:, ::-1]]
    for exact, close in ((True, 2), (False, 24)):  # levels of 255, between two ways to round
        mine, torchs = (
            np.array(Model(each, read_manifest(each), CPU, exact=exact).maps(photos), int)
            for each in (folder, exported)
        )
        assert abs(mine - torchs).max() <= close
        assert np.ptp(torchs) > 100
    assert set(read_manifest(folder).identity) > set(read_manifest(exported).identity)


@pytest.mark.slow
def test_engines_run_on_cpus_and_their_files_are_checked(converted, tmp_path, tiny_carvana, capsys):
    folder, _, files = converted
    photo = str(next(iter(open_folder(tiny_carvana).train.values())))
    words = ["cutout", photo, "--model", str(folder), "--out", str(tmp_path / "cars")]
    assert main(words) == 0
    assert main([*words, "--device", "cuda"]) == 2
    numbers = folder / "a" / "fold0" / files[0]
    numbers.write_bytes(numbers.read_bytes()[:-1] + b"?")
    assert main(words) == 3
    said = capsys.readouterr().err
    assert "converted for CPUs" in said and f"{files[0]}: not the file that was exported" in said


def test_nothing_is_exported_whose_masks_differ(exported, tiny_carvana, tmp_path, monkeypatch):
    run_folder = exported.parent / "runs" / "tiny"
    words = ["export", "--run", str(run_folder), "--entry", "a", "--out", str(tmp_path / "m")]
    monkeypatch.setattr(parity, "MAX_DICE_CHANGE", 0)
    assert main([*words, "--data", str(tiny_carvana)]) == 1
    assert not (tmp_path / "m").exists()
    assert main(words) == 0
    assert main([*words, "--data", str(tmp_path)]) == 4
    assert read_manifest(tmp_path / "m").entry == "a"  # the earlier one is kept


@pytest.mark.parametrize(
    ("flag", "library"),
    [("--openvino", "openvino"), ("--onnx", "onnxscript"), ("--onnx", "onnxruntime")],
)
def test_without_an_engine_it_says_what_to_install(
    exported, tmp_path, monkeypatch, capsys, flag, library
):
    monkeypatch.setitem(sys.modules, library, None)
    run_folder = exported.parent / "runs" / "tiny"
    words = ["export", "--run", str(run_folder), "--entry", "a", "--out", str(tmp_path / "m")]
    assert main([*words, flag]) == 4
    said = capsys.readouterr().err
    assert f"(extra '{'export' if library == 'openvino' else 'onnx'}')" in said


def test_a_static_network_has_one_size_and_one_scale(exported, tmp_path, capsys):
    run_folder = shutil.copytree(exported.parent / "runs" / "tiny", tmp_path / "tiny")
    path = Layout(run_folder).training("a", 0).recipe
    told = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(told | {"tta": {"scales": [1.0, 1.5]}}))
    words = ["export", "--run", str(run_folder), "--entry", "a", "--out", str(tmp_path / "m")]
    assert main([*words, "--onnx", "static"]) == 2
    assert "at the scales 1.0, 1.5, a static network at one; use" in capsys.readouterr().err


def test_models_that_an_older_version_converted_are_read(exported, copy):
    path = copy / "manifest.json"
    told = json.loads(path.read_text())
    del told["own_sha256"]
    (network,) = told["members"][0]["parts"]
    del network["engine"]
    network["converted_sha256"] = ["0" * 64, "1" * 64]
    path.write_text(json.dumps(told))
    (read_back, _) = read_manifest(copy).networks
    assert read_back.engine == "openvino" and "network.bin" in read_back.files()
