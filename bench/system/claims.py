"""Claims: one process at a time works in a folder or on a file, and every other is told who does.

A claim is a hidden file that its owner keeps locked, and that says who the owner is. A lock ends
with its process, so what a killed process claimed is free at once. A machine may not see the locks
that another one holds in a shared folder: there, the file's time tells that the owner is alive.

A claim cannot end the work of a process that was frozen for so long that another one took over:
`attempt` does.
"""

import fcntl
import glob
import json
import os
import shlex
import shutil
import socket
import sys
import threading
import uuid
from _thread import interrupt_main
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from bench.system.disk import ATTEMPT, below, failed, make_folder, writing
from bench.system.errors import BenchError
from bench.system.progress import warn
from bench.system.temporaries import hold, is_at

BEAT_S = 10.0  # between two signs of life
DEAD_AFTER_S = 120.0  # without one, a process of another machine counts as dead
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # another one for each start of a machine

_held: set[int] = set()  # file descriptors


class Taken(BenchError):
    """Another process works there."""


@dataclass(frozen=True)
class Owner:
    """The process that holds a claim."""

    host: str
    boot: str
    pid: int
    since: str
    command: str
    uuid: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} has done so since {self.since} ({self.command})"


@contextmanager
def claimed(claim: Path, target: Path | str) -> Iterator[None]:
    """Hold a claim inside the block.

    Args:
        claim: its file, which exists as long as the claim is held.
        target: what is claimed, for messages.

    Raises:
        Taken: another process holds the claim; or, at the end of the block, a process of another
            machine took it over, because this one gave no sign of life for DEAD_AFTER_S.
        BenchError: the folder cannot be written to.
    """
    owner = _this_process()
    make_folder(claim.parent)
    try:
        descriptor = _take(claim, target, owner)
    except OSError as error:
        raise failed(Path(target), error) from error
    _held.add(descriptor)
    ended, lost = threading.Event(), threading.Event()
    heart = threading.Thread(target=_beat, args=(claim, owner, ended, lost), daemon=True)
    heart.start()
    try:
        try:
            yield
        finally:
            ended.set()
            heart.join()
    except KeyboardInterrupt:
        if not lost.is_set():
            raise
    finally:
        _held.discard(descriptor)
        if _is_anothers(claim, owner):
            lost.set()
        else:
            claim.unlink(missing_ok=True)
        os.close(descriptor)
    if lost.is_set():
        raise Taken(
            f"{target}: this process gave no sign of life for so long that another one took over: "
            f"{_owner(claim)}; what was finished is kept"
        )


def claim_of(path: Path) -> Path:
    """Return the file that says who writes a file now."""
    return path.with_name(f".{path.name}.claim")


@contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Wait for a process that makes a file, and keep others waiting inside the block.

    Where there are no locks, nobody waits.

    Raises:
        DiskFails: nothing may be written there.
    """
    make_folder(path.parent)
    lock = claim_of(path)
    with writing(path, temporary=lock):
        held = hold(lock)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(held)


def check_unclaimed(claim: Path, target: Path | str) -> None:
    """Refuse to begin work that would come upon another process's claim later.

    Raises:
        Taken: another process holds the claim.
    """
    if claim.exists():
        with claimed(claim, target):
            pass


def remove_abandoned(folder: Path) -> None:
    """Remove the claims of processes that were killed, anywhere below a folder."""
    for claim in below(folder):
        if claim.match(".*claim"):
            with suppress(BenchError), claimed(claim, claim):  # removed at the end of the block
                pass


@contextmanager
def attempt(folder: Path, name: str) -> Iterator[Path]:
    """Give a folder for work that only the latest attempt at it may go on with.

    It holds what an earlier attempt left, whose folder is renamed: should a process of that one
    still live, frozen or cut off from the network, all that it writes by the old name fails, and so
    does what it renames from there. The folder goes when the block ends, and stays after an error.

    Args:
        folder: where the folder `<name>.attempt-<number>` lies.

    Raises:
        Taken: a later attempt took over before the block ended.
        BenchError: the folder cannot be written to.
    """
    mine = folder / f"{name}{ATTEMPT}{uuid.uuid4().hex}"
    make_folder(folder)
    try:
        for earlier in left_by_attempts(folder, name):
            with suppress(FileNotFoundError):  # taken over by another one meanwhile
                shutil.rmtree(earlier) if mine.exists() else earlier.rename(mine)
        mine.mkdir(exist_ok=True)
    except OSError as error:
        raise failed(folder, error) from error
    try:
        yield mine
        shutil.rmtree(mine)
    except Exception as error:
        if mine.exists():
            raise
        raise Taken(
            f"{folder}: a later attempt at {name} took over; what was done so far goes on there"
        ) from error


def left_by_attempts(folder: Path, name: str) -> list[Path]:
    """Return the folders of attempts that have not ended, or that ended by an error."""
    return sorted(folder.glob(f"{glob.escape(name)}{ATTEMPT}*"))


def _this_process() -> Owner:
    return Owner(
        host=socket.gethostname(),
        boot=BOOT_ID.read_text().strip() if BOOT_ID.exists() else "",
        pid=os.getpid(),
        since=f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        command=shlex.join(["carvana-bench", *sys.argv[1:]])[:200],
    )


def _take(claim: Path, target: Path | str, owner: Owner) -> int:
    """Lock the file and write the owner into it; return its descriptor."""
    while True:
        descriptor = os.open(claim, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _refuse_if_taken(claim, target, owner, locked=_lock(descriptor, claim))
            if is_at(descriptor, claim):  # or its last owner has just removed it
                _sign(descriptor, claim, owner)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sign(descriptor: int, claim: Path, owner: Owner) -> None:
    """Write the owner into a claim that is ours; where the disk is full, leave none."""
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(asdict(owner)).encode())
    except OSError:
        claim.unlink(missing_ok=True)
        raise


def _lock(descriptor: int, claim: Path) -> bool | None:
    """Lock a file: whether nobody else holds the lock; None where there are no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        _warn_of_no_locks(claim.parent, str(error.strerror))
        return None
    return True


@cache
def _warn_of_no_locks(folder: Path, why: str) -> None:
    """Say once, also to those who asked for quiet, that only signs of life protect a folder."""
    warn(
        f"{folder}: no locks here ({why}): another process is only noticed by a sign of life "
        f"within {DEAD_AFTER_S:.0f} s"
    )


def _refuse_if_taken(claim: Path, target: Path | str, owner: Owner, locked: bool | None) -> None:
    other = _owner(claim)
    if locked and (other is None or other.boot == owner.boot):
        return  # an owner on this machine would hold the lock
    if locked is False or (other and _silent_for(claim) < DEAD_AFTER_S):
        who = other or "another process has begun to do so"
        raise Taken(f"{target}: in use: {who}; wait until it has ended, or stop it")


def _owner(claim: Path) -> Owner | None:
    """Read who holds a claim; None of one that is not written yet."""
    try:
        return Owner(**json.loads(claim.read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _is_anothers(claim: Path, owner: Owner) -> bool:
    present = _owner(claim)
    return bool(present and present.uuid != owner.uuid)


def _silent_for(claim: Path) -> float:
    """Return the seconds since the owner's last sign of life, by the clock of the file system."""
    probe = claim.with_name(f"{claim.name}.{uuid.uuid4().hex}")
    probe.touch()
    try:
        return probe.stat().st_mtime - claim.stat().st_mtime
    finally:
        probe.unlink()


def _beat(claim: Path, owner: Owner, ended: threading.Event, lost: threading.Event) -> None:
    """Give a sign of life now and then; stop the work when the claim is another's."""
    while not ended.wait(BEAT_S):
        if _is_anothers(claim, owner):
            lost.set()
            interrupt_main()
            return
        with suppress(OSError):
            os.utime(claim)


def _let_go_in_child() -> None:
    """Close the locks that a forked child inherits, or it would hold them after its parent."""
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)
