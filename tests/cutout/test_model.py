"""An exported model: it needs nothing of its run, and what was changed in it is noticed."""

import json
import shutil

import cv2
import numpy as np
import pytest

from bench.config.machine import Machine
from bench.cutout.manifest import ExportedMember, ExportedNetwork, read_manifest
from bench.cutout.model import open_model
from bench.system.errors import BadData, Missing

CPU = Machine("cpu")


@pytest.fixture
def copy(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "model")


def test_folder_needs_nothing_of_the_run(exported, copy):
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert names == {"manifest.json"} | {
        f"{member}/fold0/{file}"
        for member in "ab"
        for file in ("recipe.yaml", "weights.safetensors")
    }
    manifest = read_manifest(copy)
    assert (manifest.entry, manifest.rule, manifest.suite) == ("mean", "mean", "tiny")
    assert str(exported.parent) not in (copy / "manifest.json").read_text()


@pytest.mark.parametrize(
    "name", ["a/b-1.2", "my unet (2)", "r\N{LATIN SMALL LETTER E WITH ACUTE}seau"]
)
def test_what_a_recipe_may_be_called_an_exported_member_may(name):
    network = ExportedNetwork(fold=0, recipe_sha256="0" * 64, weights_sha256="1" * 64)
    assert ExportedMember(name=name, size=(8, 8), parts=(network,)).name == name


def test_changed_weights_are_noticed(copy):
    weights = copy / "a" / "fold0" / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(BadData, match="not the file that was exported"):
        open_model(copy, CPU)


def test_a_changed_manifest_is_noticed_and_one_of_an_older_version_is_read(copy, monkeypatch):
    path = copy / "manifest.json"
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told))  # the same in other words
    assert read_manifest(copy).entry == "mean"
    path.write_text(json.dumps(told | {"parameters": {"rule": "mean", "weights": [1, 3]}}))
    with pytest.raises(BadData, match=r"json: not the file that was exported; .*export the model"):
        read_manifest(copy)
    del told["own_sha256"]
    path.write_text(json.dumps(told))
    assert read_manifest(copy).entry == "mean"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("name", "../../etc", id="a name that leaves the folder"),
        pytest.param("name", "/etc", id="an absolute name"),
        pytest.param("name", "a/../b", id="a name with dots inside"),
    ],
)
def test_manifest_names_no_file_outside(copy, field, value):
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["members"][0][field] = value
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadData, match="members"):
        read_manifest(copy)


def test_missing_and_damaged_manifests_say_so(copy, tmp_path):
    with pytest.raises(Missing, match="export"):
        read_manifest(tmp_path)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(BadData, match=r"; remove it and export the model again, or pull it, into"):
        read_manifest(copy)
    (copy / "a" / "fold0" / "recipe.yaml").unlink()


def test_photographs_of_any_shape_share_a_pass(exported):
    model = open_model(exported, CPU)
    shapes = [(80, 120), (200, 90), (1, 1), (64, 1000)]
    photos = [np.full((*shape, 3), 120, np.uint8) for shape in shapes]
    together = model.maps(photos)
    assert [maps[0].shape for maps in together] == shapes
    alone = [model.maps([photo])[0] for photo in photos]
    for some, one in zip(together, alone, strict=True):
        for both in zip(some, one, strict=True):
            assert np.abs(cv2.absdiff(*both)).max() <= 2


def test_a_rule_that_this_version_does_not_know_is_refused(copy):
    manifest = json.loads((copy / "manifest.json").read_text()) | {"rule": "maen"}
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadData, match=r"rule: .*no rule 'maen'; nearest: mean.*export"):
        read_manifest(copy)


def test_the_rule_and_what_edge_networks_sharpen_make_a_map(exported):
    mean = read_manifest(exported)
    single = mean.model_copy(update={"rule": None, "members": mean.members[:1]})
    vote = mean.model_copy(update={"rule": "vote"})
    edges = [
        single.model_copy(
            update={"members": (single.members[0].model_copy(update={"base": base}),)}
        )
        for base in (mean, vote)
    ]
    assert single.rules is None
    found = [json.dumps(manifest.rules) for manifest in (single, mean, vote, *edges)]
    assert len(set(found)) == len(found)
