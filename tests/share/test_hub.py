"""Push and pull, against a hub of our own: what comes back is what was sent, and nothing else."""

import json
import logging
import shutil
from io import StringIO

import pytest
import yaml
from huggingface_hub import constants
from huggingface_hub.utils import _http, get_token

from bench.cli.verbs import main
from bench.cutout.manifest import Scored, read_manifest
from bench.share import hub as sharing
from bench.share.card import card
from bench.system.errors import BadFile
from tests.share.fake_hub import TOKEN, running

RULES = "Kaggle's rules: no commercial use"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub that the client takes for the real one, and no token of a person's."""
    with running() as server:
        monkeypatch.setattr(sharing, "HfApi", lambda: sharing_api(server.address))
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


def sharing_api(address):
    from huggingface_hub import HfApi

    return HfApi(endpoint=address)


def push(folder, *more):
    return main(["push", str(folder), "me/cars", "--data-licence", RULES, *more])


def pull(out, *more, repository="me/cars"):
    return main(["pull", repository, "--out", str(out), *more])


def contents(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_is_pulled_is_what_was_pushed(exported, hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert push(exported) == 0
    assert f"{hub.address}/me/cars/commit/" in capsys.readouterr().err
    hub.files["me/cars"]["evil.bin"] = b"pickle"
    assert pull(tmp_path / "model") == 0
    assert contents(tmp_path / "model") == contents(exported)
    assert not [asked for asked in hub.asked if "evil" in asked]
    assert read_manifest(tmp_path / "model").entry == "mean"
    assert push(exported) == 0  # again, over its own


def test_the_card_says_what_the_manifest_says(exported, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(exported)
    card = hub.files["me/cars"]["README.md"].decode()
    _, header, text = card.split("---\n", 2)
    assert yaml.safe_load(header)["pipeline_tag"] == "image-segmentation"
    for said in (RULES, "by the rule `mean`", "32x48", "cannot do", "pull me/cars", "no pickles"):
        assert said in text


@pytest.mark.parametrize(
    ("split", "said", "data"),
    [
        ("car", "had not seen", "Cars, never views of one car, were split into 5 folds"),
        ("image_random", "too high for new cars", "so that views of one car lie apart, into 5"),
    ],
)
def test_the_card_says_what_the_networks_had_seen(exported, split, said, data):
    scored = Scored(photographs=32, cars=2, folds=5, trained_folds=1, split=split)
    manifest = read_manifest(exported).model_copy(update={"dice": 0.99, "scored": scored})
    text = card(manifest, "me/cars", RULES)
    assert said in text and data in text
    assert "Its doubt is not calibrated." in text


@pytest.mark.parametrize("entry", ["..", "../x", "a\0b", "\x1b[31m", "scores.parquet", "x" * 300])
def test_an_entry_s_name_is_a_folder_s(exported, tmp_path, entry):
    fields = json.loads((exported / "manifest.json").read_text()) | {"entry": entry}
    del fields["own_sha256"]
    (tmp_path / "manifest.json").write_text(json.dumps(fields))
    with pytest.raises(BadFile, match="is no folder's name"):
        read_manifest(tmp_path)


def test_without_a_token_nothing_is_sent(exported, hub, capsys):
    assert get_token() is None
    assert push(exported) == 4
    assert "hf auth login" in capsys.readouterr().err
    assert hub.files == {}


@pytest.mark.parametrize(
    ("files", "more", "repository", "code", "said"),
    [
        pytest.param({}, (), "me/nobody", 4, "me/nobody: no such repository on", id="repository"),
        pytest.param({}, (), "a/b/c", 2, "a/b/c: no repository's name; write", id="name"),
        pytest.param({}, ("--revision", "x"), "me/cars", 4, "no such revision", id="revision"),
        pytest.param(
            {"pytorch_model.bin": b"x", "config.json": b"{}"}, (), "me/cars", 3,
            "so no exported model, but pytorch_model.bin, a pickle, which could run anything and "
            "is never fetched", id="pickle",
        ),
        pytest.param({"config.json": b"{}"}, (), "me/cars", 3, "only config.json; name", id="kind"),
        pytest.param({"manifest.json": b"{}"}, (), "me/cars", 3, "manifest.json", id="damaged"),
    ],
)  # fmt: skip
def test_pull_refuses(hub, tmp_path, capsys, files, more, repository, code, said):  # noqa: PLR0913
    hub.files["me/cars"] = files
    assert pull(tmp_path / "model", *more, repository=repository) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "model").exists()


def test_a_file_that_changed_on_the_way_or_lacks_is_refused(
    exported, hub, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(exported)
    weights = "a/fold0/weights.safetensors"
    whole = hub.files["me/cars"][weights]
    hub.files["me/cars"][weights] = whole[:-1] + b"?"
    assert pull(tmp_path / "model") == 3
    said = f"me/cars: {weights}: not the file that was exported; pull again, update"
    assert said in capsys.readouterr().err
    del hub.files["me/cars"][weights]
    assert pull(tmp_path / "model") == 3
    assert f"no {weights}, which its manifest names" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("keep")
    assert pull(tmp_path / "full") == 2
    assert not (tmp_path / "model").exists()


def test_other_people_s_repositories_and_damaged_folders_are_left_alone(
    exported, hub, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    hub.files["me/cars"] = {"model.safetensors": b"x", "README.md": b"mine"}
    assert push(exported) == 2
    assert "me/cars: holds something else (model.safetensors)" in capsys.readouterr().err
    hub.files["me/cars"] = {"manifest.json": b'{"name": "a web app"}', "README.md": b"mine"}
    assert push(exported) == 2
    assert "me/cars: holds something else (manifest.json)" in capsys.readouterr().err
    assert main(["push", str(exported), "cars", "--data-licence", RULES]) == 2
    assert hub.files.keys() == {"me/cars"}
    copy = shutil.copytree(exported, tmp_path / "copy")
    (copy / "a" / "fold0" / "recipe.yaml").write_text("changed")
    assert push(copy) == 3
    assert push(tmp_path) == 4
    assert hub.files["me/cars"]["README.md"] == b"mine"


def test_offline_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sharing, "HfApi", lambda: sharing_api("http://127.0.0.1:9"))
    assert pull(tmp_path / "model") == 4
    assert "http://127.0.0.1:9 cannot be reached" in capsys.readouterr().err


def test_a_pull_that_was_interrupted_leaves_nothing(exported, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(exported)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sharing, "check_files", interrupted)
        assert pull(tmp_path / "model") == 130
    assert not (tmp_path / "model").exists()
    assert pull(tmp_path / "model") == 0
    assert json.loads((tmp_path / "model" / "manifest.json").read_text())["entry"] == "mean"


def test_a_hub_that_fails_in_the_middle_is_named(exported, hub, tmp_path, monkeypatch, capsys):
    log = StringIO()
    handlers = [logging.StreamHandler(log)]
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "handlers", handlers)
    monkeypatch.setattr(_http.time, "sleep", lambda _: None)  # before it tries again
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    push(exported)
    for status, code, said in ((500, 1, "me/cars: "), (403, 4, "does not let you: log in")):
        hub.broken = status
        assert pull(tmp_path / "model") == code
        assert said in capsys.readouterr().err
    assert log.getvalue() == ""  # our error stands alone
    assert not (tmp_path / "model").exists()


def test_an_edge_network_goes_with_the_files_of_what_it_sharpens(exported):
    below = read_manifest(exported)
    member = below.members[0].model_copy(update={"name": "edge", "base": below})
    edge = below.model_copy(update={"members": (member,)})
    assert edge.files.keys() > below.files.keys()
    assert all(file.startswith("edge/") for file in edge.files.keys() - below.files.keys())
    assert below.members[0].name in card(edge, "me/cars", "CC-BY-4.0")
