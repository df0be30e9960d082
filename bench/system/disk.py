"""Disks: an error with a cure where one is full or fails; which are shared; space taken early."""

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from bench.system.errors import BadConfig, BenchError

AGAIN = "run the same command again, which keeps what is finished"
REASONS = {
    errno.ENOSPC: ("no space left on its disk", f"free some and {AGAIN}"),
    errno.EDQUOT: ("your quota of its disk is used up", f"free some and {AGAIN}"),
    errno.EFBIG: (
        "larger than its disk or your shell (ulimit -f) allows",
        f"raise the limit or name a folder on another disk, and {AGAIN}",
    ),
    errno.EIO: ("its disk failed", f"check the disk and {AGAIN}"),
    errno.EROFS: ("its disk can only be read", "name a folder on another disk"),
    errno.EACCES: ("you have no right to write there", "give it to you or name another folder"),
    errno.EPERM: ("you have no right to write there", "give it to you or name another folder"),
    errno.ENAMETOOLONG: ("its name is too long for the disk", "give it a shorter one"),
    errno.EEXIST: ("a file is where a folder has to be", "move it or name another folder"),
    errno.ENOTDIR: ("a file is where a folder has to be", "move it or name another folder"),
    errno.EISDIR: ("a folder is where the file has to be", "move it or name another file"),
}
FULL = (errno.ENOSPC, errno.EDQUOT)
UNABLE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV)  # to set bytes aside
BLOCK = 4096
ZEROS = bytes(2**20)
MOUNTS = Path("/proc/self/mountinfo")  # on Linux
NETWORK = frozenset(  # types of file systems that several machines may write to at once
    """
    nfs nfs4 cifs smb3 smbfs 9p afs vboxsf virtiofs
    lustre beegfs ceph gpfs glusterfs ocfs2 gfs2 orangefs pvfs2 panfs wekafs
    fuse.sshfs fuse.glusterfs fuse.ceph fuse.ceph-fuse fuse.beegfs fuse.juicefs fuse.mfs
    fuse.moosefs fuse.quobyte fuse.s3fs fuse.gcsfuse fuse.rclone
    """.split()  # noqa: SIM905 (a line of quotes is no easier to read)
)
ATTEMPT = ".attempt-"  # ends, with a number, the name of the folder of an attempt


class DiskFails(BenchError):
    """A disk is full or fails, or may not be used: which file it concerns, and why."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path, self.why = path, why


class DiskFull(DiskFails):
    """A disk is full, or a quota of it used up."""


def below(folder: Path) -> Iterator[Path]:
    """Yield what is below a folder; to be removed by others meanwhile is no error."""
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            yield Path(path, name)


@contextmanager
def writing(path: Path, needed_bytes: int = 0, temporary: Path | None = None) -> Iterator[None]:
    """Turn an error of the disk inside the block into one that names the file and a cure.

    Args:
        path: the file or folder that the block writes.
        needed_bytes: its size, where it is known.
        temporary: the path under which the block writes it first.

    Raises:
        DiskFails: the disk is full or fails, or nothing may be written. Errors of other files,
            which the block only reads, are left as they are.
    """
    try:
        yield
    except OSError as error:
        if error.filename not in {None, str(path), str(temporary), *map(str, path.parents)}:
            raise
        raise failed(path, error, needed_bytes) from error


def failed(path: Path, error: OSError, needed_bytes: int = 0) -> DiskFails:
    """Return the error of a file or folder that cannot be written, with the reason and a cure."""
    kind = DiskFull if error.errno in FULL else DiskFails
    return kind(path, f"cannot be written: {reason(error, path, needed_bytes)}")


def reason(error: OSError, path: Path, needed_bytes: int = 0) -> str:
    """Say why a file could not be written and what to do about it."""
    what, cure = REASONS.get(error.errno or 0, (str(error), f"mend that and {AGAIN}"))
    if error.errno in FULL:
        needed = f"; needed: {readable(needed_bytes)}" if needed_bytes else ""
        what = f"{what} (free: {readable(free_bytes(path))}{needed})"
    return f"{what}; {cure}"


def free_bytes(path: Path) -> int:
    """Bytes that are free on the disk of a file or folder, which need not exist yet."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


def readable(size_bytes: int) -> str:
    """A number of bytes for people.

    >>> readable(8_100_000_000), readable(250_000_000), readable(1_200)
    ('8.1 GB', '250.0 MB', '1.2 kB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size_bytes >= unit:
            return f"{size_bytes / unit:.1f} {name}"
    return f"{size_bytes / 1e3:.1f} kB"


def is_network(path: Path) -> bool:
    """Whether a path lies on a file system that other machines, too, may write to."""
    return file_system(path) in NETWORK


def file_system(path: Path) -> str:
    """The type of the file system of a path, as "ext4" or "nfs4"; "" where that is not told.

    Source: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html
    """
    with suppress(FileNotFoundError):
        mounts = _mounts(MOUNTS.read_bytes())
        real = path.resolve()
        return next((mounts[each] for each in (real, *real.parents) if each in mounts), "")
    return ""


@lru_cache(maxsize=1)  # asked for every store that is opened
def _mounts(table: bytes) -> dict[Path, str]:
    """The type of what is mounted at each place; of several on top of another, the last."""
    mounts = {}
    for line in table.splitlines():
        before, _, after = line.partition(b" - ")
        place = re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), before.split()[4])
        mounts[Path(os.fsdecode(place))] = after.split()[0].decode()
    return mounts


def sync(path: Path) -> None:
    """Have the disk keep a file's content, or a folder's names, through a loss of power.

    Raises:
        OSError: the disk failed. Some network file systems have none of that for folders.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not (path.is_dir() and error.errno in UNABLE):
            raise
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless it is there.

    The folder of an attempt is made by `claims.attempt` alone: where another attempt took it over,
    this one must not make it again.

    Raises:
        BenchError: the disk is full, or nothing may be made there.
    """
    if folder.suffix.startswith(ATTEMPT):
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def check_writable(folder: Path, option: str = "--out") -> None:
    """Refuse a folder for results in which nothing can be written, before they cost any work.

    Nothing is left there: a file without a name is opened in the folder, or in the one around it.

    Args:
        option: that names the folder.

    Raises:
        BadConfig: the folder is a file, or lies below one.
        DiskFails: nothing may be written there, or the disk fails.
    """
    there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not there.is_dir():
        raise BadConfig(f"{there}: a file, not a folder; name another {option}")
    try:
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise failed(folder, error) from error


def take_space(path: Path) -> None:
    """Have the disk set aside all bytes of a file that was made with holes.

    A file with holes, mapped into memory, would end the process by a signal where the disk fills
    up. Where the system or the file system cannot set bytes aside, zeros are written.

    Raises:
        OSError: the disk is full.
    """
    with open(path, "r+b") as file:
        size_bytes = path.stat().st_size
        try:
            os.posix_fallocate(file.fileno(), 0, size_bytes)
        except AttributeError:  # macOS
            _write_zeros(file, size_bytes)
        except OSError as error:
            if error.errno not in UNABLE:
                raise
            _write_zeros(file, size_bytes)


def _write_zeros(file: BinaryIO, size_bytes: int) -> None:
    """Write zeros after what the first block of a file holds."""
    first = file.read(BLOCK)
    file.seek(0)
    file.write(first)
    for place in range(len(first), size_bytes, len(ZEROS)):
        file.write(ZEROS[: size_bytes - place])
