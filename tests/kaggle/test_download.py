"""Downloads go through Kaggle's client; what it says when it fails becomes one clear error."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.kaggle.download import DOWNLOADS, download
from bench.system.errors import BadData, BenchError, Missing

CLIENT = """#!{python}
import shutil, sys
from pathlib import Path
(Path({store!r}) / "calls.txt").open("a").write(" ".join(sys.argv[1:]) + "\\n")
assert sys.argv[1:5] == ["competitions", "download", "-c", "carvana-image-masking-challenge"]
name, folder = sys.argv[sys.argv.index("-f") + 1], sys.argv[sys.argv.index("-p") + 1]
failure = Path({store!r}) / "failure.txt"
if failure.exists() and name == "train.zip":
    sys.exit(failure.read_text())
shutil.copy(Path({store!r}) / name, folder)
"""


@pytest.fixture
def kaggle(tmp_path: Path, tiny_carvana: Path, install_client: Callable[..., None]) -> Path:
    """The folder from which a stand-in for Kaggle's client copies, first on the path."""
    store = tmp_path / "kaggle"
    store.mkdir()
    for name in DOWNLOADS:
        shutil.make_archive(str(store / name), "zip", tiny_carvana, name)
    install_client(store, CLIENT.format(python=sys.executable, store=str(store)))
    return store


def test_a_download_is_unpacked_and_checked(kaggle, tmp_path):
    out = tmp_path / "data"
    assert download(out, jobs=1).ok
    assert {path.name for path in out.iterdir()} == set(DOWNLOADS)
    calls = (kaggle / "calls.txt").read_text().splitlines()
    assert download(out, jobs=1).ok
    assert (kaggle / "calls.txt").read_text().splitlines() == calls and len(calls) == len(DOWNLOADS)


@pytest.mark.parametrize(
    ("words", "error", "cure"),
    [
        ("403 - Forbidden", Missing, "accept the rules at https://www.kaggle.com/c/carvana-image"),
        ("Could not find kaggle.json", Missing, r"https://www\.kaggle\.com/docs/api"),
        ("401 Client Error: Unauthorized", Missing, r"https://www\.kaggle\.com/docs/api"),
        ("Connection reset by peer", BenchError, "Connection reset by peer; run again"),
        (
            "Warning: run 'chmod 600 kaggle.json'\n  5%|5  | 401M/8.09G\r  5%|5  | 403M/8.09G\n"
            "Connection broken\n  6%|6  | 403/8.09G",
            BenchError,
            "Connection broken; run again",
        ),
    ],
)
def test_what_the_client_says_becomes_the_cure(kaggle, tmp_path, words, error, cure):
    (kaggle / "failure.txt").write_text(words)
    with pytest.raises(error, match=rf"train\.zip: .*{cure}"):
        download(tmp_path / "data", jobs=1)
    (kaggle / "failure.txt").unlink()
    assert download(tmp_path / "data", jobs=1).ok, "goes on with the rest"


def test_a_bad_download_is_cured_as_its_error_says(kaggle, tmp_path):
    sound = (kaggle / "metadata.csv.zip").read_bytes()
    shutil.make_archive(str(kaggle / "metadata.csv"), "zip", kaggle, "train.zip")
    for _ in range(2):
        with pytest.raises(BadData, match=r"metadata\.csv\.zip: .*; remove it, then download it"):
            download(tmp_path / "data", jobs=1)
    (tmp_path / "data" / "metadata.csv.zip").unlink()
    (kaggle / "metadata.csv.zip").write_bytes(sound)
    (tmp_path / "data" / "train").mkdir()  # an empty folder is no photographs
    assert download(tmp_path / "data", jobs=1).ok


def test_a_client_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(Missing, match=r"Kaggle's client needs .*extra 'kaggle'"):
        download(tmp_path / "data", jobs=1)
    assert not (tmp_path / "data").exists()
