"""The maps of one model as one store, though several processes each wrote a part of them.

A part is a map store of its own, beside the whole one: `maps-test.part-003-of-008.sqlite`. A map
that lies in several is read from the whole store, else from the first part by name.
"""

import math
import re
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any, Self, TypeVar

from bench.masks.damage import aside
from bench.masks.database import ContentRow, DamagedStore, Origin, content_of
from bench.masks.scratch import BorrowedMap, Scratch
from bench.masks.store import MapStore
from bench.masks.types import Map
from bench.system.disk import ATTEMPT
from bench.system.errors import BadData, BenchError, Missing

PART = re.compile(r".+\.part-\d{3,}-of-\d{3,}")  # the name of a part, without its suffix
Row = TypeVar("Row", ContentRow, Origin)


def part_path(path: Path, index: int, of: int) -> Path:
    """Return the store of one of the parts of a store.

    >>> part_path(Path("maps-test.sqlite"), 3, 8).name
    'maps-test.part-003-of-008.sqlite'
    """
    return path.with_name(f"{path.stem}.part-{index:03}-of-{of:03}{path.suffix}")


class Maps:
    """Probability maps, uint8 (H, W), by image id. Made by `open_maps` or `find_maps`; close it.

    Any number of threads may read. Of several stores a thread keeps one open at a time, so a
    hundred parts take no more open files, and no more memory, than a single store.
    """

    def __init__(self, path: Path, stores: Sequence[MapStore]) -> None:
        self.path = path
        self._stores = stores
        self._thread = threading.local()

    @property
    def files(self) -> list[Path]:
        """The stores: the whole one, if there is one, and the parts by name."""
        return [store.path for store in self._stores]

    def read(self, image_id: str) -> Map:
        """The map of an image, uint8 (H, W).

        Raises:
            BadData: there is no such map, or it is damaged.
        """
        return self._turn_to(self._holder(image_id)).read(image_id)

    def borrow(self, image_id: str) -> BorrowedMap:
        """Like `read`, but into a buffer of this thread: the next call overwrites the map returned.

        For callers that use a map once. Copy what must outlive the thread's next `borrow` from
        these maps; other threads and other members' maps have buffers of their own.
        """
        return self._turn_to(self._holder(image_id)).borrow(image_id)

    def ids(self) -> list[str]:
        """The images that have a map, sorted."""
        return self._stores[0].ids() if len(self._stores) == 1 else sorted(self._holders)

    def holders(self) -> dict[str, Path]:
        """Image -> the store from which its map is read."""
        return {image: store.path for image, store in self._holders.items()}

    def made_from(self) -> dict[str, str]:
        """Image -> what `write` noted that its map was made from; images of older stores lack."""
        return {image: made_from for image, made_from, _ in self._rows(MapStore.origins)}

    def checksums(self) -> dict[str, int]:
        """Image -> the checksum of its map; no map is read."""
        return {image: checksum for image, _, _, checksum in self._rows(MapStore.rows)}

    @property
    def seconds_per_map(self) -> float:
        """The mean time that a map took; NaN where no time is known."""
        known = [each for _, _, each in self._rows(MapStore.origins) if each is not None]
        return math.fsum(known) / len(known) if known else math.nan

    @cached_property
    def makers(self) -> dict[Path, dict[str, Any]]:
        """What made the maps of each store."""
        return {store.path: self._turn_to(store).made_by for store in self._stores}

    @property
    def made_by(self) -> dict[str, Any]:
        """What made the maps.

        Raises:
            Missing: there are none.
            BadData: the stores were made by different things.
        """
        if not self.makers:
            raise Missing(f"{self.path}: no such map store, or no maps in it; predict first")
        (first, made_by), *others = self.makers.items()
        for path, other in others:
            if other != made_by:
                raise BadData(
                    f"{path}: its maps are of other weights or another recipe than those of "
                    f"{first}; predict again, without --part: that removes what is out of date"
                )
        return made_by

    @property
    def content(self) -> str:
        """The hexadecimal SHA-256 of all maps: that of one store that holds them.

        No map is read: 0.1 s for 100,064 of them.
        """
        if len(self._stores) == 1:
            return self._stores[0].content
        return content_of(self.made_by, sorted(self._rows(MapStore.rows)))

    def only(self, made_by: dict[str, Any], files: Collection[Path] | None = None) -> "Maps":
        """Return the maps that this made, in these stores or in all; closed together with these."""
        stores = [
            store
            for store in self._stores
            if self.makers[store.path] == made_by and (files is None or store.path in files)
        ]
        return Maps(self.path, stores)

    def close(self) -> None:
        """Close all stores; a second call does nothing."""
        for store in self._stores:
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @cached_property
    def _holders(self) -> dict[str, MapStore]:
        """Image -> the store from which its map is read."""
        holders: dict[str, MapStore] = {}
        for store in reversed(self._stores):
            ids = map(
                sys.intern, self._turn_to(store).ids()
            )  # of thirty members, each is kept once
            holders |= dict.fromkeys(ids, store)
        return holders

    def _holder(self, image_id: str) -> MapStore:
        if len(self._stores) == 1:
            return self._stores[0]
        if image_id not in self._holders:
            raise BadData(
                f"{self.path}: no map of {image_id}; predict again to add what is missing"
            )
        return self._holders[image_id]

    def _rows(self, table: Callable[[MapStore], list[Row]]) -> list[Row]:
        """Rows about maps, each of the store from which its map is read."""
        if len(self._stores) == 1:
            return table(self._stores[0])
        return [
            row
            for store in self._stores
            for row in table(self._turn_to(store))
            if self._holders.get(row[0]) is store
        ]

    def _turn_to(self, store: MapStore) -> MapStore:
        """Return a store, after this thread has closed the one that it read before."""
        before = getattr(self._thread, "store", store)
        if before is not store:
            before.rest()
        self._thread.store = store
        return store


def open_maps(path: Path) -> Maps:
    """All maps of a model, to read.

    Args:
        path: the whole store, which need not be there if stores of parts are.

    Raises:
        Missing: there are none, or nothing in them yet.
        DamagedStore: a file is damaged, and moved out of its place; predicting again makes anew
            what was damaged. As do all methods that read.
        BadData: a file is no map store, or they were made by different things.
    """
    maps = _open(path, Missing)
    try:
        maps.made_by  # noqa: B018 (raises where there are none, or of several makers)
    except BaseException:
        maps.close()
        raise
    return maps


def find_maps(path: Path) -> Maps:
    """Those maps of a model that are there, to read; stores may have been made by other things.

    A store that is damaged, which predicting makes anew, is left out.

    Raises:
        BadData: a file is no map store.
    """
    return _open(path, Missing, DamagedStore)


def _open(path: Path, *left_out: type[BenchError]) -> Maps:
    scratch = Scratch()
    with ExitStack() as opened:
        stores = []
        for file in map_files(path):
            with suppress(*left_out):
                stores.append(opened.enter_context(MapStore.open(file, scratch)))
                stores[-1].rest()
        opened.pop_all()
    return Maps(path, stores)


def left_of_parts(path: Path) -> list[Path]:
    """Return stores of parts whose sound maps are not read: damaged, or of a killed attempt."""
    name = f"{escape(path.stem)}.part-*"
    damaged = path.parent.glob(f"{name}{aside(path).suffix}")
    return sorted([*damaged, *path.parent.glob(f"{name}{ATTEMPT}*/*{path.suffix}")])


def map_files(path: Path) -> list[Path]:
    """Return the stores of a model's maps that are there: the whole one, then the parts by name."""
    beside = path.parent.glob(f"{escape(path.stem)}.part-*{path.suffix}")
    parts = sorted(file for file in beside if PART.fullmatch(file.stem))
    return [path, *parts] if path.is_file() else parts
