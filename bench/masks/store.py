"""The map store: probability maps of one model in one SQLite file that survives a crash.

A row of the table `maps` is an image id, height, width, the packed map (see packing.py) and a
checksum over all of them; the table `made_by` says what made all maps, the table `origins` what
each was made from. An image is done when the table has its map: `ids()`. One process writes; any
number read meanwhile, from any number of threads.
"""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.masks.damage import (
    aside,
    moving_if_damaged,
    put_aside,
    remove,
    sound_rows,
)
from bench.masks.database import (
    AGAIN,
    CONTENT,
    FORGET,
    FORGET_ORIGIN,
    INSERT,
    INSERT_ORIGIN,
    ORIGIN,
    ROW,
    ContentRow,
    DamagedStore,
    Database,
    Origin,
    checksum_of,
    content_of,
    explained,
    is_sound,
)
from bench.masks.packing import pack, unpack
from bench.masks.scratch import BorrowedMap, Scratch
from bench.masks.types import Map
from bench.system.claims import claim_of, claimed
from bench.system.disk import make_folder
from bench.system.errors import BadData, BenchError, Missing
from bench.system.progress import say
from bench.system.temporaries import remove_left


class OtherMaker(BenchError):
    """A store's maps were made by something else than what would now make more of them."""


class MapStore:
    """Probability maps, uint8 (H, W), by image id. Made by `create` or `open`; close it."""

    def __init__(self, path: Path, *, writable: bool, scratch: Scratch | None = None) -> None:
        self.path = path
        self._claim = ExitStack()
        if writable:
            self._claim.enter_context(claimed(claim_of(path), path))
        self._file = None if writable else path.stat()
        self._database = Database(path, writable=writable)
        self._scratch = scratch or Scratch()

    @classmethod
    def create(cls, path: Path, made_by: dict[str, Any]) -> Self:
        """A store to write to: a new one, or the present one if it was `made_by` the same.

        Of a damaged one, the sound maps are kept.

        Args:
            made_by: what decides the maps (recipe, weights, size, ...), as JSON can hold it.

        Raises:
            OtherMaker: its maps were made by something else.
            BenchError: another process writes it, or its folder cannot be written to.
            BadData: the file is no map store.
        """
        make_folder(path.parent)
        remove_left(path.parent)
        store = cls(path, writable=True)
        with store._closing_on_error():
            try:
                store._begin(made_by)
            except DamagedStore:
                store._database.close()
                put_aside(path)
                store._database = Database(path, writable=True)
                store._begin(made_by)
            if aside(path).exists():
                kept = store.take_back(aside(path))
                say(f"{path}: was damaged; {kept} sound maps are kept, the others are made anew")
        return store

    @classmethod
    def renew(cls, path: Path, made_by: dict[str, Any]) -> Self:
        """A store to write to, as by `create`, but maps that something else made go."""
        try:
            return cls.create(path, made_by)
        except OtherMaker:
            remove(path)
            return cls.create(path, made_by)

    @classmethod
    def open(cls, path: Path, scratch: Scratch | None = None) -> Self:
        """A store to read from.

        Args:
            scratch: the buffers that `borrow` uses, where several stores share them.

        Raises:
            Missing: there is no such file, or nothing in it yet.
            DamagedStore: the file is damaged, and moved out of its place; predicting again makes
                anew what was damaged. As do all methods that read.
            BadData: the file is no map store.
        """
        if not path.is_file():
            raise Missing(f"{path}: no such map store; predict first")
        store = cls(path, writable=False, scratch=scratch)
        with store._closing_on_error(), store._moving_if_damaged():
            if not store._database.has_tables():
                raise Missing(f"{path}: holds no maps yet; predict first")
            store._database.check_kind()
        return store

    def write(
        self, image_id: str, map: Map, made_from: str = "", seconds: float = math.nan
    ) -> None:
        """Store a map, in place of an earlier one; once this returns, a crash cannot lose it.

        Args:
            made_from: the hash of what it was made from, such as its photograph.
            seconds: the time it took; NaN: unknown.

        Raises:
            TypeError: the map is not uint8 (H, W).
            BenchError: the disk is full or fails; maps written before are kept.
        """
        if map.dtype != np.uint8 or map.ndim != 2:
            raise TypeError(f"a map is uint8 (height, width), this one {map.dtype} {map.shape}")
        height, width = map.shape
        frame = pack(map)
        row = (image_id, height, width, checksum_of(image_id, height, width, frame), frame)
        with self._moving_if_damaged():
            self._database.write((INSERT, row), (INSERT_ORIGIN, (image_id, made_from, seconds)))

    def take_back(self, other: Path) -> int:
        """Store the sound maps of another store by the same maker, then remove it; count them.

        Args:
            other: need not be whole: damaged, or what a killed process wrote.
        """
        kept = 0
        for row, origin in sound_rows(other, self.made_by):
            self._database.write((INSERT, row), (INSERT_ORIGIN, origin))
            kept += 1
        remove(other)
        return kept

    def forget(self, images: Iterable[str]) -> None:
        """Remove the maps of some images."""
        for image in images:
            self._database.write((FORGET, (image,)), (FORGET_ORIGIN, (image,)))

    def read(self, image_id: str) -> Map:
        """The map of an image, uint8 (H, W).

        Raises:
            BadData: there is no such map, or it is damaged.
        """
        frame, height, width = self._packed(image_id)
        map = np.empty((height, width), np.uint8)
        unpack(frame, map)
        return map

    def borrow(self, image_id: str) -> BorrowedMap:
        """Like `read`, but into a buffer of this thread: the next call overwrites the map returned.

        For callers that use a map once. Copy what must outlive the thread's next `borrow` from this
        store; other threads and other stores have buffers of their own.
        """
        frame, height, width = self._packed(image_id)
        map = self._scratch.array((height, width), np.uint8)
        unpack(frame, map)
        return BorrowedMap(map)

    def _packed(self, image_id: str) -> tuple[bytes, int, int]:
        """The bytes of a map, its height and its width."""
        with self._moving_if_damaged():
            rows = self._database.rows(f"{ROW} WHERE image = ?", (image_id,))
            if not rows:
                raise BadData(
                    f"{self.path}: no map of {image_id}; predict again to add what is missing"
                )
            _, height, width, checksum, frame = rows[0]
            row = (image_id, height, width, checksum, frame)
            if not is_sound(row) or not self._database.is_indexed(row):
                raise DamagedStore(f"{self.path}: the map of {image_id} is damaged; {AGAIN}")
            return frame, height, width

    def ids(self) -> list[str]:
        """The images that have a map, sorted."""
        return [image for (image,) in self._rows("SELECT image FROM maps ORDER BY 1")]

    def made_from(self) -> dict[str, str]:
        """Image -> what `write` noted that its map was made from; images of older stores lack."""
        return {image: made_from for image, made_from, _ in self.origins()}

    def origins(self) -> list[Origin]:
        """Each image, what `write` noted that its map was made from, and the seconds it took."""
        known = self._rows("SELECT 1 FROM sqlite_master WHERE name = 'origins'")
        return self._rows(ORIGIN) if known else []  # older stores lack the table

    def rows(self) -> list[ContentRow]:
        """Each image, its map's height and width, and their checksum, sorted; no map is read."""
        return self._rows(CONTENT)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        with self._moving_if_damaged():
            return self._database.rows(query)

    @property
    def made_by(self) -> dict[str, Any]:
        """What made the maps."""
        with self._moving_if_damaged(), explained(self.path):
            rows = self._database.rows("SELECT key, value FROM made_by")
            return {key: json.loads(value) for key, value in rows}

    @property
    def content(self) -> str:
        """The hexadecimal SHA-256 of what the store holds: of `made_by` and every map's checksum.

        Two stores of the same maps, made by the same, have the same. No map is read: 0.1 s for
        100,064 of them, 5 s in a store of before the index that `create` adds.
        """
        return content_of(self.made_by, self.rows())

    def rest(self) -> None:
        """Close this thread's connection; the next call that reads opens another one."""
        self._database.rest()

    def close(self) -> None:
        """Close the store, which leaves one file on disk; a second call does nothing."""
        with self._claim:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _begin(self, made_by: dict[str, Any]) -> None:
        """Make what the store needs before maps are written to it, unless it is there."""
        self._database.make_tables(made_by)
        self._database.check_kind()
        self._database.write_ahead()
        self.check_maker(made_by)
        self._database.add_what_is_new()

    def check_maker(self, made_by: dict[str, Any]) -> None:
        """Raise OtherMaker unless the maps were `made_by` this."""
        stored, wanted = self.made_by, json.loads(json.dumps(made_by))
        keys = [key for key in sorted(stored | wanted) if stored.get(key) != wanted.get(key)]
        if keys:
            changes = ", ".join(f"{key} {stored.get(key)} is now {wanted.get(key)}" for key in keys)
            raise OtherMaker(
                f"{self.path}: its maps were made otherwise ({changes}); "
                "remove the file to predict anew"
            )

    def _moving_if_damaged(self) -> AbstractContextManager[None]:
        return moving_if_damaged(self.path, self._file)

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise
