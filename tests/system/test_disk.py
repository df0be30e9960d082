"""Disks that are full, read-only or fail: one error, with the file and a cure."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.system import disk
from bench.system.disk import (
    REASONS,
    DiskFails,
    below,
    check_writable,
    make_folder,
    take_space,
    writing,
)
from bench.system.errors import BadConfig, BenchError
from bench.system.files import replacing, write_bytes
from bench.system.temporaries import check_new_folder


@pytest.mark.parametrize("number", REASONS, ids=errno.errorcode.get)
def test_every_error_of_the_disk_names_the_file_and_a_cure(tmp_path, number):
    path = tmp_path / "made" / "file.json"
    with (
        pytest.raises(BenchError) as raised,
        replacing(path, 3_200_000_000) as temporary,
    ):
        temporary.write_bytes(b"half")
        raise OSError(number, os.strerror(number), str(temporary))
    what, cure = REASONS[number]
    message = str(raised.value)
    assert message.startswith(f"{path}: cannot be written: {what}") and message.endswith(cure)
    assert ("needed: 3.2 GB" in message) == (number in disk.FULL)
    assert raised.value.exit_code == 1
    assert not list(path.parent.iterdir())


def test_an_unknown_error_of_the_disk_is_said_in_its_own_words(tmp_path):
    with (
        pytest.raises(BenchError, match=r"file: cannot be written: .*Stale.*run the same"),
        writing(tmp_path / "file"),
    ):
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))


def test_an_error_of_a_file_that_is_only_read_stays_as_it_is(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"photo\.jpg"), replacing(tmp_path / "new"):
        (tmp_path / "photo.jpg").read_bytes()


def test_a_file_in_the_place_of_a_folder_is_said(tmp_path):
    (tmp_path / "runs").write_text("")
    for path in (tmp_path / "runs", tmp_path / "runs" / "deeper"):
        with pytest.raises(BenchError, match="a file is where a folder has to be; move it"):
            make_folder(path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BenchError, match="a folder is where the file has to be"):
        write_bytes(tmp_path / "folder", b"")


@pytest.mark.parametrize("inside", ["out", "out/deeper"])
@pytest.mark.parametrize("link", [False, True])
def test_a_folder_for_results_is_no_file(tmp_path, inside, link):
    (tmp_path / "out").symlink_to("nowhere") if link else (tmp_path / "out").write_text("a file")
    for check in (check_writable, check_new_folder):
        with pytest.raises(BadConfig, match=r"out: a file, not a folder; name another --out"):
            check(tmp_path / inside)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.EDQUOT])
def test_a_folder_for_results_in_which_nothing_can_be_written_is_refused(
    tmp_path, monkeypatch, number
):
    """And what can be written to is left as it was."""
    out = tmp_path / "new" / "out"
    check_writable(out)
    check_new_folder(tmp_path)
    assert not list(tmp_path.iterdir())

    def refused(dir):
        assert dir == tmp_path
        raise OSError(number, os.strerror(number), f"{dir}/tmp1234")

    monkeypatch.setattr(disk, "TemporaryFile", refused)
    for check in (check_writable, check_new_folder):
        with pytest.raises(DiskFails, match=f"^{out}: cannot be written: {REASONS[number][0]}"):
            check(out)


def test_a_name_that_leaves_no_room_for_that_of_its_temporary_is_written(tmp_path):
    for name in ("a" * 255, "ü" * 127):
        write_bytes(tmp_path / name, b"content")
        assert (tmp_path / name).read_bytes() == b"content"
    with pytest.raises(BenchError, match="its name is too long"):
        write_bytes(tmp_path / ("a" * 256), b"")


def test_a_limit_of_the_shell_is_said():
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from pathlib import Path\n"
        "from bench.system.files import write_bytes\n"
        "write_bytes(Path('/tmp') / 'bench-limited', bytes(2000))"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True)
    assert "bench-limited: cannot be written: larger than" in done.stderr


def _unsupported(*_: object) -> None:
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


@pytest.mark.parametrize("way", ["allocated", "unsupported", "absent"])
def test_space_is_taken_without_changing_what_is_there(tmp_path, monkeypatch, way):
    if way == "unsupported":
        monkeypatch.setattr(os, "posix_fallocate", _unsupported)
    if way == "absent":
        monkeypatch.delattr(os, "posix_fallocate")
    path = tmp_path / "samples.npy"
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(3, 1000, 1001))
    take_space(path)
    assert path.stat().st_blocks * 512 >= path.stat().st_size == 128 + 3_003_000
    assert np.load(path).shape == (3, 1000, 1001) and not np.load(path).any()


def test_a_disk_without_space_is_no_disk_that_cannot_set_it_aside(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    (tmp_path / "samples").write_bytes(b"x")
    with pytest.raises(OSError, match="No space"):
        take_space(tmp_path / "samples")


MOUNTS = rb"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:40 / /home rw shared:5 - nfs4 server:/export/home rw,vers=4.2
41 40 8:1 / /home/my\040disk rw,noatime - xfs /dev/sdb1 rw
42 27 0:42 / /mnt rw - autofs systemd-1 rw
43 42 0:43 / /mnt rw master:2 - lustre mds@tcp:/scratch rw
44 27 0:44 / /cut rw - fuse.sshfs me@host: rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/homes/me", "ext4"),
        ("/home", "nfs4"),
        ("/home/me/not/there/yet.sqlite", "nfs4"),
        ("/home/my disk/runs", "xfs"),
        ("/mnt/runs", "lustre"),
        ("/cut/runs", "fuse.sshfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_nearest_mount(tmp_path, monkeypatch, path, kind):
    (tmp_path / "mountinfo").write_bytes(MOUNTS)
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mountinfo")
    assert disk.file_system(Path(path)) == kind
    assert disk.is_network(Path(path)) == (kind in {"nfs4", "lustre", "fuse.sshfs"})


def test_a_link_lies_where_it_leads(tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to("/home/me")
    (tmp_path / "mountinfo").write_bytes(MOUNTS)
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mountinfo")
    assert disk.is_network(tmp_path / "link" / "runs") and not disk.is_network(tmp_path)


def test_where_the_system_tells_no_mounts_no_file_system_is_known(tmp_path, monkeypatch):
    assert not disk.MOUNTS.exists() or disk.file_system(tmp_path)
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "none")
    assert disk.file_system(tmp_path) == "" and not disk.is_network(tmp_path)


def test_what_others_remove_while_a_folder_is_walked_is_no_error(tmp_path):
    for name in "ab":
        (tmp_path / name / "deep").mkdir(parents=True)
    seen = below(tmp_path)
    first = next(seen)
    for name in "ab":
        shutil.rmtree(tmp_path / name)
    assert {first, *seen} == {tmp_path / "a", tmp_path / "b"}
