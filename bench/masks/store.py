"""The map store: probability maps of one model in one SQLite file that survives a crash.

A row of the table `maps` is an image id, height, width, the packed map (see packing.py) and a
checksum over all of them; the table `made_by` says what made all maps, the table `origins` what
each was made from. An image is done when the table has its map: `ids()`. One process writes; any
number read meanwhile, from any number of threads.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np

from bench.masks.database import CONTENT, REMOVE, Database, checksum_of, explained
from bench.masks.packing import pack, unpack
from bench.masks.scratch import BorrowedMap, Scratch
from bench.masks.types import Map
from bench.system.claims import claimed
from bench.system.errors import BadData, BenchError, Missing


class MapStore:
    """Probability maps, uint8 (H, W), by image id. Made by `create` or `open`; close it."""

    def __init__(self, path: Path, *, writable: bool) -> None:
        self.path = path
        self._claim = ExitStack()
        if writable:
            claim = path.with_name(f".{path.name}.claim")
            self._claim.enter_context(claimed(claim, path))
        self._database = Database(path, writable=writable)
        self._scratch = Scratch()

    @classmethod
    def create(cls, path: Path, made_by: dict[str, Any]) -> Self:
        """A store to write to: a new one, or the present one if it was `made_by` the same.

        Args:
            made_by: what decides the maps (recipe, weights, size, ...), as JSON can hold it.

        Raises:
            BenchError: another process writes it, its maps were made by something else, or its
                folder cannot be written to.
            BadData: the file is damaged or no map store.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        store = cls(path, writable=True)
        with store._closing_on_error():
            store._database.make_tables(made_by)
            store._database.check_kind()
            store._database.write_ahead()
            store._check_maker(made_by)
            store._database.add_what_is_new()
        return store

    @classmethod
    def open(cls, path: Path) -> Self:
        """A store to read from.

        Raises:
            Missing: there is no such file.
            BadData: the file is damaged or no map store.
        """
        if not path.is_file():
            raise Missing(f"{path}: no such map store; predict first")
        store = cls(path, writable=False)
        with store._closing_on_error():
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
        self._database.write(
            ("INSERT OR REPLACE INTO maps VALUES (?, ?, ?, ?, ?)", row),
            ("INSERT OR REPLACE INTO origins VALUES (?, ?, ?)", (image_id, made_from, seconds)),
        )

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
        query = "SELECT height, width, checksum, frame FROM maps WHERE image = ?"
        rows = self._database.rows(query, (image_id,))
        if not rows:
            raise BadData(
                f"{self.path}: no map of {image_id}; predict again to add what is missing"
            )
        height, width, checksum, frame = rows[0]
        if not isinstance(frame, bytes) or checksum != checksum_of(image_id, height, width, frame):
            raise BadData(f"{self.path}: the map of {image_id} is damaged; {REMOVE}")
        return frame, height, width

    def ids(self) -> list[str]:
        """The images that have a map, sorted."""
        return [image for (image,) in self._database.rows("SELECT image FROM maps ORDER BY 1")]

    def made_from(self) -> dict[str, str]:
        """Image -> what `write` noted that its map was made from; images of older stores lack."""
        return dict(self._origins("SELECT image, made_from FROM origins"))

    def checksums(self) -> dict[str, int]:
        """Image -> the checksum of its map; no map is read."""
        return {image: checksum for image, _, _, checksum in self._database.rows(CONTENT)}

    @property
    def seconds_per_map(self) -> float:
        """The mean time that a map took; NaN where no time is known."""
        rows = self._origins("SELECT AVG(seconds) FROM origins")
        return math.nan if not rows or rows[0][0] is None else float(rows[0][0])

    def _origins(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the table `origins`, which stores of before it lack."""
        known = self._database.rows("SELECT 1 FROM sqlite_master WHERE name = 'origins'")
        return self._database.rows(query) if known else []

    @property
    def made_by(self) -> dict[str, Any]:
        """What made the maps."""
        with explained(self.path):
            rows = self._database.rows("SELECT key, value FROM made_by")
            return {key: json.loads(value) for key, value in rows}

    @property
    def content(self) -> str:
        """The hexadecimal SHA-256 of what the store holds: of `made_by` and every map's checksum.

        Two stores of the same maps, made by the same, have the same. No map is read: 0.1 s for
        100,064 of them, 5 s in a store of before the index that `create` adds.
        """
        lines = [json.dumps(self.made_by, sort_keys=True)]
        for row in self._database.rows(CONTENT):
            lines.append("{} {} {} {}".format(*row))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def close(self) -> None:
        """Close the store, which leaves one file on disk; a second call does nothing."""
        self._database.close()
        self._claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _check_maker(self, made_by: dict[str, Any]) -> None:
        stored, wanted = self.made_by, json.loads(json.dumps(made_by))
        differ = [key for key in sorted(stored | wanted) if stored.get(key) != wanted.get(key)]
        if differ:
            changes = ", ".join(
                f"{key} {stored.get(key)} is now {wanted.get(key)}" for key in differ
            )
            raise BenchError(
                f"{self.path}: its maps were made otherwise ({changes}); "
                "remove the file to predict anew"
            )

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise
