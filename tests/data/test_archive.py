"""Zip files are unpacked whole and inside their folder, or not at all."""

import contextlib
import errno
import os
import re
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from bench.cli.verbs import main
from bench.data import archive
from bench.data.archive import packed_files, unpack_all
from bench.data.carvana import open_folder
from bench.system.errors import BadData, BenchError, Missing


def pack(path: Path, members: dict[str, bytes | str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_kaggles_zip_files_are_unpacked_once(tmp_path):
    pack(tmp_path / "train.zip", {"train/": "", "train/a_01.jpg": "a", "train/a_02.jpg": "b"})
    pack(tmp_path / "test_hq.zip", {"b_01.jpg": "c", "__MACOSX/test_hq/._b_01.jpg": "d"})
    pack(tmp_path / "metadata.csv.zip", {"metadata.csv": "id"})
    assert {path.name for path in unpack_all(tmp_path)} == {"train", "test_hq", "metadata.csv"}
    zips = {"train.zip", "test_hq.zip", "metadata.csv.zip"}
    new = {"train/a_01.jpg", "train/a_02.jpg", "test_hq/b_01.jpg", "metadata.csv"}
    assert files(tmp_path) == zips | new
    assert (tmp_path / "train/a_02.jpg").read_text() == "b"
    assert unpack_all(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    ["../x.jpg", "/x.jpg", "train/../../x.jpg", "..\\x.jpg", "C:/x.jpg", "train/a/../../../x"],
)
def test_a_member_that_would_land_elsewhere_is_refused(tmp_path, name):
    (tmp_path / "data").mkdir()
    pack(tmp_path / "data/train.zip", {"train/a_01.jpg": "a", name: "evil"})
    with pytest.raises(BadData, match=r"train\.zip: unsafe or doubled member"):
        unpack_all(tmp_path / "data")
    assert files(tmp_path) == {"data/train.zip"}


def test_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("train/a_01.jpg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(BadData, match="unsafe"):
        unpack_all(tmp_path)
    assert files(tmp_path) == {"train.zip"}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_doubled_member_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "train.zip", "w") as opened:
        opened.writestr("train/a_01.jpg", "a")
        opened.writestr("train/a_01.jpg", "b")
    with pytest.raises(BadData, match="doubled"):
        unpack_all(tmp_path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    pack(tmp_path / "train.zip", {"train/a_01.jpg": bytes(10_000_000)})
    with pytest.raises(BadData, match="no archive of Kaggle's"):
        unpack_all(tmp_path)
    monkeypatch.setattr(archive, "MAX_FILES", 2)
    pack(tmp_path / "train.zip", {f"train/{number}.jpg": "x" for number in range(3)})
    with pytest.raises(BadData, match="3 files"):
        unpack_all(tmp_path)
    assert files(tmp_path) == {"train.zip"}


def test_a_full_disk_is_said_before_unpacking(tmp_path, monkeypatch):
    pack(tmp_path / "train.zip", {"train/a_01.jpg": "a" * 50})
    monkeypatch.setattr(archive, "free_bytes", lambda _: 10)
    with pytest.raises(BenchError, match=r"train\.zip: needs .* make space"):
        unpack_all(tmp_path)
    assert files(tmp_path) == {"train.zip"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!DOCTYPE html><html>Sign in</html>", "web page saved as a zip file"),
        (b"PK\x03\x04 and then nothing", "damaged or cut short"),
        (b"", "damaged or cut short"),
    ],
)
def test_a_file_that_is_no_zip_file_is_named(tmp_path, content, why):
    (tmp_path / "train.zip").write_bytes(content)
    with pytest.raises(BadData, match=rf"train\.zip: .*{why}.*download it again"):
        unpack_all(tmp_path)


@pytest.mark.parametrize("name", ["train.zip", "mine.zip"])
@pytest.mark.parametrize("packed", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damage_anywhere_is_named(tmp_path, name, packed):
    with zipfile.ZipFile(tmp_path / name, "w", packed) as opened:
        opened.writestr("train/\xe4_01.jpg", os.urandom(300))
    content = (tmp_path / name).read_bytes()
    for place in range(len(content)):
        (tmp_path / name).write_bytes(content[:place] + b"\xff" + content[place + 1 :])
        with contextlib.suppress(BenchError):  # nothing else is raised
            unpack_all(tmp_path)
        shutil.rmtree(tmp_path / "train", ignore_errors=True)


def test_an_interrupted_unpacking_goes_on(tmp_path):
    members = {f"train/a_{view:02d}.jpg": f"{view:03d}" * 30 for view in range(1, 17)}
    pack(tmp_path / "train.zip", members)
    content = bytearray((tmp_path / "train.zip").read_bytes())
    whole = bytes(content)
    with zipfile.ZipFile(tmp_path / "train.zip") as opened:
        tenth = opened.infolist()[9].header_offset
    content[tenth + 30 + len("train/a_10.jpg")] ^= 0xFF  # first byte of the packed content
    (tmp_path / "train.zip").write_bytes(content)
    with pytest.raises(BadData, match="damaged or cut short"):
        unpack_all(tmp_path)
    assert not (tmp_path / "train").exists()
    kept = tmp_path / ".train.unpacking/a_01.jpg"
    before = kept.stat().st_mtime_ns
    (tmp_path / "train.zip").write_bytes(whole)
    unpack_all(tmp_path)
    assert files(tmp_path) == {"train.zip", *members}
    assert (tmp_path / "train/a_01.jpg").stat().st_mtime_ns == before
    assert (tmp_path / "train/a_10.jpg").read_text() == members["train/a_10.jpg"]


def test_a_file_that_a_power_failure_emptied_is_unpacked_again(tmp_path):
    pack(tmp_path / "train.zip", {"train/a_01.jpg": "content"})
    (tmp_path / ".train.unpacking").mkdir()
    (tmp_path / ".train.unpacking/a_01.jpg").write_bytes(bytes(len("content")))
    unpack_all(tmp_path)
    assert (tmp_path / "train/a_01.jpg").read_text() == "content"


def test_what_a_killed_call_left_goes_once_its_content_is_there(tmp_path):
    pack(tmp_path / "train.zip", {"train/a_01.jpg": "content"})
    unpack_all(tmp_path)
    before = files(tmp_path)
    (tmp_path / ".train.unpacking").mkdir()
    (tmp_path / ".train.unpacking/a_01.jpg").write_text("half")
    (tmp_path / ".train.zip").write_text("of a zip file in a zip file")
    (tmp_path / ".test.zip").write_text("still needed")
    unpack_all(tmp_path)
    assert files(tmp_path) == before | {".test.zip"}


def test_a_disk_that_fails_while_unpacking_is_said(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    pack(tmp_path / "train.zip", {"train/a_01.jpg": "content"})
    monkeypatch.setattr(archive.shutil, "copyfileobj", full)
    with pytest.raises(BenchError, match=r"train\.zip: cannot be unpacked: no space .* free some"):
        unpack_all(tmp_path)


@pytest.mark.parametrize(
    "name", ["train (1).zip", "train(2).zip", "train copy.zip", "TRAIN.ZIP", "Train-1.Zip"]
)
def test_a_second_download_is_known_by_its_name(tmp_path, name):
    pack(tmp_path / name, {"train/a_01.jpg": "a"})
    assert unpack_all(tmp_path) == [tmp_path / "train"]
    assert files(tmp_path) == {name, "train/a_01.jpg"}


def test_of_two_downloads_the_first_is_unpacked(tmp_path):
    pack(tmp_path / "train.zip", {"train/a_01.jpg": "a"})
    pack(tmp_path / "train (1).zip", {"train/a_01.jpg": "b"})
    unpack_all(tmp_path)
    assert (tmp_path / "train/a_01.jpg").read_text() == "a"
    assert unpack_all(tmp_path) == []


def test_removing_a_damaged_download_is_a_cure(tmp_path):
    (tmp_path / "train.zip").write_bytes(b"PK")
    pack(tmp_path / "train (1).zip", {"train/a_01.jpg": "b"})
    with pytest.raises(BadData, match=r"train\.zip: .*; remove it, then download it again"):
        unpack_all(tmp_path)
    (tmp_path / "train.zip").unlink()
    assert unpack_all(tmp_path) == [tmp_path / "train"]


@pytest.mark.parametrize("folder", ["", "train/", "TRAIN/", "data/train/", "train/train/", "x/"])
def test_photographs_lie_flat_however_deep_they_were_packed(tmp_path, folder):
    pack(tmp_path / "train.zip", {f"{folder}a_01.jpg": "a", f"{folder}.DS_Store": "b"})
    unpack_all(tmp_path)
    assert files(tmp_path) == {"train.zip", "train/a_01.jpg"}


def test_an_empty_folder_is_filled(tmp_path):
    pack(tmp_path / "train.zip", {"train/a_01.jpg": "a"})
    (tmp_path / "train").mkdir()
    assert unpack_all(tmp_path) == [tmp_path / "train"]
    assert (tmp_path / "train/a_01.jpg").exists()


@pytest.mark.parametrize("name", ["carvana-image-masking-challenge.zip", "all (1).ZIP"])
def test_zip_files_in_a_zip_file_are_unpacked(tmp_path, name):
    for inner in ("train", "train_masks"):
        pack(tmp_path / f"{inner}.zip", {f"{inner}/a_01.jpg": inner})
    pack(tmp_path / "metadata.csv.zip", {"metadata.csv": "id"})
    inside = {path.name: path.read_bytes() for path in tmp_path.glob("*.zip")}
    for path in list(tmp_path.glob("*.zip")):
        path.unlink()
    pack(tmp_path / name, {f"x/{inner}": content for inner, content in inside.items()})
    assert packed_files(tmp_path) == [tmp_path / name]
    assert {path.name for path in unpack_all(tmp_path)} == {"train", "train_masks", "metadata.csv"}
    new = {"train/a_01.jpg", "train_masks/a_01.jpg", "metadata.csv"}
    assert files(tmp_path) == {name, *new}
    assert (tmp_path / "train_masks/a_01.jpg").read_text() == "train_masks"
    assert packed_files(tmp_path) == unpack_all(tmp_path) == []


def test_a_whole_data_folder_in_a_zip_file_is_unpacked(tmp_path):
    members = {"d/train/a_01.jpg": "a", "d/train_masks/a_01.gif": "b", "d/metadata.csv": "c"}
    pack(tmp_path / "mine.zip", {**members, "d/notes.txt": "d"})
    unpack_all(tmp_path)
    new = {name.removeprefix("d/") for name in members}
    assert files(tmp_path) == {"mine.zip", *new}


def test_what_a_bundle_holds_is_checked_like_any_archive(tmp_path):
    pack(tmp_path / "all.zip", {"train.zip": b"PK\x03\x04 cut"})
    with pytest.raises(BadData, match=r"all\.zip: damaged or cut short"):
        unpack_all(tmp_path)
    assert files(tmp_path) == {"all.zip"}
    pack(tmp_path / "all.zip", {"train/a_01.jpg": "a", "../train/b.jpg": "b"})
    with pytest.raises(BadData, match=r"all\.zip: unsafe"):
        unpack_all(tmp_path)
    assert not (tmp_path / "train").exists()


@pytest.mark.parametrize(
    ("name", "members", "words"),
    [
        ("train.zip", {"train/readme.txt": "a"}, "no photographs"),
        ("mine.zip", {"photos/a.jpg": "a"}, r"mine\.zip holds none of these: unpack it and name"),
    ],
)
def test_a_cure_is_never_the_command_that_failed(tmp_path, capsys, name, members, words):
    pack(tmp_path / name, members)
    assert main(["check", "--data", str(tmp_path)]) == 4
    said = capsys.readouterr().err
    assert re.search(words, said) and "check --data" not in said


def test_only_what_check_would_unpack_is_left_to_it(tmp_path):
    pack(tmp_path / "Train (1).zip", {"train/a_01.jpg": "a"})
    with pytest.raises(Missing, match=r"unpack Train \(1\)\.zip first: carvana-bench check --data"):
        open_folder(tmp_path)
