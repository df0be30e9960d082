"""Map stores that are written elsewhere, and appear in their place whole and in one step.

Where several machines see one folder, a process that was taken for dead may wake up and write on,
and SQLite cannot write safely at all. There a store is written on a disk of the machine, copied
into the folder of the attempt and renamed.
"""

import platform
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from bench.masks.damage import BESIDE, aside, moving_if_damaged
from bench.masks.database import KEPT, DamagedStore, Database
from bench.masks.parts import left_of_parts
from bench.masks.store import MapStore, OtherMaker
from bench.system.claims import Taken, attempt, claim_of, claimed
from bench.system.disk import DiskFull, is_network, sync, writing
from bench.system.errors import BenchError, Missing
from bench.system.progress import say
from bench.system.temporaries import temporary_folder

LARGER = "or name a folder on a larger disk by --scratch DIR"
RESERVE_BYTES = 16 * 2**20  # of a disk, until its other space is used up
BLOCK_BYTES = 2**20


def is_elsewhere(path: Path, scratch: Path | None) -> bool:
    """Whether a store is written on another disk than where it will lie."""
    return scratch is not None or is_network(path)


@contextmanager
def written_store(path: Path, made_by: dict[str, Any], scratch: Path | None) -> Iterator[MapStore]:
    """Give a store to write to: in its place where that is safe, otherwise as `published` does.

    It begins with what lies in its place, if that was `made_by` the same.
    """
    if is_elsewhere(path, scratch):
        with published(path, made_by, scratch) as store:
            yield store
        return
    with MapStore.renew(path, made_by) as store:
        for left in left_of_parts(path):
            with suppress(Taken), claimed(claim_of(left), left):
                store.take_back(left)
            with suppress(OSError):
                left.parent.rmdir()  # of an attempt; not of the store, which is not empty
        yield store


@contextmanager
def published(path: Path, made_by: dict[str, Any], scratch: Path | None) -> Iterator[MapStore]:
    """Give a store to write to, which takes the place of `path` when the block ends.

    It begins with the maps that are there, if they were `made_by` the same, and with what an
    earlier attempt has left. It is put into its place after an error, too: its maps are sound.

    Args:
        scratch: the folder to write in; None: on a network file system the system's folder of
            temporary files, elsewhere the folder of the store.

    Raises:
        Taken: a later attempt took over; `path` is as that one makes it.
        BenchError: a disk is full or fails.
    """
    failure: BaseException | None = None
    begun, far = False, is_elsewhere(path, scratch)
    with (
        attempt(path.parent, path.stem) as folder,
        temporary_folder("maps", scratch) if far else nullcontext(folder) as place,
    ):
        store, reserve = place / f"{platform.node()}.{uuid.uuid4().hex}.sqlite", place / "reserve"
        try:
            if far:
                with writing(reserve, RESERVE_BYTES):
                    reserve.write_bytes(bytes(RESERVE_BYTES))
            with _begun(store, path, made_by, folder) as maps:
                begun = True
                try:
                    yield maps
                finally:
                    reserve.unlink(missing_ok=True)
        except DiskFull as error:
            here = far and error.path.is_relative_to(place)
            failure = DiskFull(error.path, f"{error.why}; {LARGER}") if here else error
        except BaseException as error:
            failure = error
        if not begun or Path(f"{store}-wal").exists():
            raise failure or BenchError(f"{store}: cannot be closed to one file; {KEPT}")
        _put(store, folder / store.name, path)
    if failure:
        raise failure


def _begun(store: Path, path: Path, made_by: dict[str, Any], folder: Path) -> MapStore:
    """Open a new store with the maps that lie in its place, and those of earlier attempts."""
    left = sorted(folder.glob("*.sqlite"))
    with suppress(Missing, DamagedStore, OtherMaker):
        with MapStore.open(path) as present:
            present.check_maker(made_by)
        present_file = path.stat()
        with (
            writing(store, present_file.st_size),
            moving_if_damaged(path, present_file),
            closing(Database(path, writable=False)) as database,
        ):
            database.copy_to(store)
    with ExitStack() as opened:
        maps = opened.enter_context(MapStore.create(store, made_by))
        for other in (aside(path), *left):
            if other.exists() and (kept := maps.take_back(other)):
                say(f"{path}: {kept} sound maps are kept of a store that was not finished")
        opened.pop_all()
    return maps


def _put(store: Path, complete: Path, path: Path) -> None:
    """Rename a store into its place, from the folder of its attempt.

    Args:
        complete: what it is called there; it is copied if it lies elsewhere.
    """
    with writing(path, store.stat().st_size, complete):
        if store != complete:
            _copy(store, complete)
        sync(complete)
        _end_log(path)
        complete.replace(path)
        sync(path.parent)


def _end_log(path: Path) -> None:
    """Leave nothing beside a store that SQLite would lay over the one which takes its place.

    Readers of a store that was written in its place keep its log; those that still read go on.
    """
    if not Path(f"{path}-wal").exists():
        return
    with suppress(BenchError), closing(Database(path, writable=True)) as database:
        database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
    for part in BESIDE:
        Path(f"{path}{part}").unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a file; unlike shutil.copyfile's, an error of writing does not name the source."""
    with open(source, "rb") as read, open(target, "wb") as written:
        shutil.copyfileobj(read, written, BLOCK_BYTES)
