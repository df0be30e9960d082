"""The contents of files are known without reading them twice, and never taken for another's."""

import os
import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.system import contents as module
from bench.system.contents import Contents, Seen
from bench.system.errors import BadData
from bench.system.files import sha256


@pytest.fixture
def rested(monkeypatch):
    """Every file counts as one that nobody has touched for a while."""
    monkeypatch.setattr(module, "RESTED_S", -1)


@pytest.fixture
def reads(monkeypatch):
    """The files that were read, in order."""
    read = []
    monkeypatch.setattr(module, "sha256", lambda path: read.append(path.name) or sha256(path))
    return read


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    paths = [folder / name for name in ("a.jpg", "b.jpg")]
    for path in paths:
        path.write_text(path.name)
    return paths


def test_a_file_that_rests_is_read_once(tmp_path, files, rested, reads):
    for _ in range(2):
        assert Contents(tmp_path / "cache").of(files) == {path: sha256(path) for path in files}
    assert sorted(reads) == ["a.jpg", "b.jpg"]


def test_a_file_that_was_just_made_is_not_trusted(tmp_path, files, reads):
    for _ in range(2):
        Contents(tmp_path / "cache").of(files)
    assert sorted(reads) == ["a.jpg", "a.jpg", "b.jpg", "b.jpg"]


@pytest.mark.parametrize("way", ["in place", "replaced"])
def test_a_change_that_keeps_size_and_time_is_seen(tmp_path, files, rested, way):
    contents, path = Contents(tmp_path / "cache"), files[0]
    before, times = contents.of(files)[path], path.stat()
    if way == "replaced":
        path.rename(path.with_suffix(".old"))
    path.write_text("A.jpg")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert contents.of(files)[path] == sha256(path) != before


@given(st.lists(st.tuples(st.integers(0, 1), st.binary(max_size=2)), max_size=6))
def test_whatever_is_written_hashes_are_those_of_the_files(tmp_path_factory, changes):
    folder = tmp_path_factory.mktemp("data")
    paths = [folder / name for name in ("a", "b")]
    contents = Contents(folder / "cache")
    for path in paths:
        path.touch()
    for place, content in changes:
        paths[place].write_bytes(content)
        assert contents.of(paths) == {path: sha256(path) for path in paths}


def test_verify_finds_what_changed_unseen(tmp_path, files, rested):
    contents = Contents(tmp_path / "cache")
    contents.of(files)
    assert contents.verify(files) == []
    with sqlite3.connect(tmp_path / "cache" / "contents.sqlite") as connection:  # as if a disk had
        row = connection.execute("SELECT * FROM files WHERE name = ?", (b"b.jpg",)).fetchone()
        other = (*row[:3], "0" * 64)
        checksum = module._checksum(*other)
        connection.execute("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?)", (*other, checksum))
    contents = Contents(tmp_path / "cache")  # of a later process
    assert contents.of(files)[files[1]] == "0" * 64
    assert contents.verify(files) == [files[1]]
    assert contents.of(files)[files[1]] == sha256(files[1])


@pytest.mark.parametrize("spoil", [b"", b"no database at all", None])
def test_a_damaged_memory_costs_only_time(tmp_path, files, rested, spoil):
    contents, memory = Contents(tmp_path / "cache"), tmp_path / "cache" / "contents.sqlite"
    expected = contents.of(files)
    changed = bytearray(memory.read_bytes())
    for place in range(len(changed) // 2, len(changed), 97):
        changed[place] ^= 1
    memory.write_bytes(changed if spoil is None else spoil)
    assert contents.of(files) == contents.of(files) == expected


@pytest.mark.parametrize("column", ["state", "sha256", "checksum", "schema"])
@pytest.mark.parametrize("value", [None, 7, b"bytes", "text"])
def test_a_memory_whose_values_have_other_types_costs_only_time(
    tmp_path, files, rested, column, value
):
    contents, memory = Contents(tmp_path / "cache"), tmp_path / "cache" / "contents.sqlite"
    expected = contents.of(files)
    if column == "schema":  # no text: SQLite's own message cannot be read then
        memory.write_bytes(
            memory.read_bytes().replace(b"CREATE TABLE files", b"CREATE TABL\xee files")
        )
    else:
        with closing(sqlite3.connect(memory)) as connection, connection:
            connection.execute(f"UPDATE files SET {column} = ?", (value,))
    assert contents.of(files) == contents.of(files) == expected


def test_a_folder_that_cannot_be_written_to_costs_only_time(tmp_path, files):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert Contents(tmp_path / "cache").of(files) == {path: sha256(path) for path in files}


def test_a_file_that_is_gone_is_named(tmp_path, files):
    files[0].unlink()
    with pytest.raises(BadData, match=r"a\.jpg: cannot be read \(No such file or directory\)"):
        Contents(tmp_path / "cache").of(files)


def test_the_memory_is_one_file_without_a_write_ahead_log(tmp_path):
    """It may lie on a network file system."""
    file = tmp_path / "file"
    file.write_text("content")
    memory = Contents(tmp_path / "cache")
    memory._remember({file: Seen("state", "digest")})
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["contents.sqlite"]
    assert (tmp_path / "cache" / "contents.sqlite").read_bytes()[18:20] == b"\1\1"


@pytest.mark.parametrize("damage", ["another column", "a page"])
def test_a_memory_that_opens_and_cannot_be_used_is_begun_anew(tmp_path, rested, damage):
    files = [tmp_path / f"{number}" for number in range(300)]
    for file in files:
        file.write_text(file.name)
    cache = tmp_path / "cache"
    Contents(cache).of(files)
    memory = cache / "contents.sqlite"
    if damage == "a page":
        changed = bytearray(memory.read_bytes())
        changed[4096:] = b"\xff" * (len(changed) - 4096)
        memory.write_bytes(changed)
    else:
        with closing(sqlite3.connect(memory)) as connection, connection:
            connection.execute("ALTER TABLE files RENAME checksum TO sum")
    Contents(cache).of(files)
    assert Contents(cache)._known(files).keys() == set(files)
