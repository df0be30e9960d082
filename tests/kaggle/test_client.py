"""Kaggle's own client is handed the file, and what it says is passed on."""

from pathlib import Path

import pytest

from bench.kaggle import writing
from bench.system.errors import BenchError, Missing


@pytest.fixture
def kaggle(tmp_path, monkeypatch):
    """A stand-in for Kaggle's client on the search path; returns a setter of its behaviour."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def install(body):
        program = folder / "kaggle"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    return install


def test_upload_hands_the_file_to_kaggle_s_client(tmp_path, kaggle, capfd):
    path = tmp_path / "file.csv.gz"
    writing.write_submission(path, [])
    kaggle('echo "progress" >&2; for word in "$@"; do echo "<$word>"; done')
    writing.upload_submission(path, "five models; $(touch no)")
    assert capfd.readouterr().err.splitlines() == [
        "progress",
        "<competitions>",
        "<submit>",
        "<carvana-image-masking-challenge>",
        "<-f>",
        f"<{path}>",
        "<-m>",
        "<five models; $(touch no)>",
    ]


def test_what_the_client_says_need_not_be_text(tmp_path, kaggle, capfd):
    writing.write_submission(tmp_path / "file.csv.gz", [])
    kaggle(r"printf 'caf\351 done\n'")
    writing.upload_submission(tmp_path / "file.csv.gz", "")
    assert capfd.readouterr().err == "caf\N{REPLACEMENT CHARACTER} done\n"


def test_upload_says_when_kaggle_s_client_fails(tmp_path, kaggle, capfd):
    path = tmp_path / "file.csv.gz"
    writing.write_submission(path, [])
    for words, error, cure in (
        ("401 - Unauthorized", Missing, "docs/api"),
        ("403 Client Error: Forbidden", Missing, "accept the rules"),
        ("You have submitted too often", BenchError, "too often"),
    ):
        kaggle(f"echo '{words}' >&2; exit 3")
        with pytest.raises(error, match=rf"file\.csv\.gz: .*{cure}"):
            writing.upload_submission(path, "")
        assert capfd.readouterr().err == f"{words}\n"


def test_upload_needs_the_client_and_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(Missing, match="no such file"):
        writing.upload_submission(Path("none.csv.gz"), "")
    writing.write_submission(tmp_path / "file.csv.gz", [])
    with pytest.raises(Missing, match=r"Kaggle's client needs .*extra 'kaggle'"):
        writing.upload_submission(tmp_path / "file.csv.gz", "")
    (tmp_path / "kaggle").write_text("#!/moved/away/python\n")
    (tmp_path / "kaggle").chmod(0o755)
    with pytest.raises(Missing, match=r"kaggle: .*does not start .*; install it again: .*pip inst"):
        writing.upload_submission(tmp_path / "file.csv.gz", "")
