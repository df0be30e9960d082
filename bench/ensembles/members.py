"""The members of a suite, read together: each image once for all the work on it."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from bench.data.dataset import DataSet
from bench.masks.parts import Maps, open_maps
from bench.masks.scratch import BorrowedMap
from bench.masks.types import Map, Mask
from bench.system.errors import BadData
from bench.system.progress import track
from bench.system.threads import prefetch

Result = TypeVar("Result")


@dataclass(frozen=True)
class Members:
    """Members' map stores by name, the data set they are of, and how many threads read them.

    Of each store, the parts that lie beside it belong to it.
    """

    stores: Mapping[str, Path]
    data: DataSet
    jobs: int = 1

    def only(self, names: Collection[str]) -> "Members":
        """Return the members of these names alone, in that order."""
        return replace(self, stores={name: self.stores[name] for name in names})

    def each(
        self,
        images: Collection[str],
        work: Callable[[str, dict[str, BorrowedMap], Mask], Result],
        label: str,
    ) -> Iterator[Result]:
        """Yield `work(image, maps, truth)` of each image in order; threads work ahead.

        Args:
            images: training photographs.
            work: gets the members' maps by name, uint8 (H, W), and the true mask, bool (H, W). The
                maps are overwritten once it returns: the result must not hold one of them.
            label: what the progress line says.

        Raises:
            Missing: a member has no store.
            BadData: a store lacks an image (said before the first is read), a map or a mask is
                damaged, or the maps of an image differ in size.
        """
        return self.each_unlabelled(
            images, lambda image, maps: work(image, maps, self.data.mask(image)), label
        )

    def each_unlabelled(
        self,
        images: Collection[str],
        work: Callable[[str, dict[str, BorrowedMap]], Result],
        label: str,
    ) -> Iterator[Result]:
        """Yield `work(image, maps)`, where no true mask is known or needed; otherwise as `each`."""
        with ExitStack() as stack:
            stores = {
                name: stack.enter_context(open_maps(path)) for name, path in self.stores.items()
            }
            for store in stores.values():
                _check_complete(store, images)

            def read(image: str) -> Result:
                maps = {name: store.borrow(image) for name, store in stores.items()}
                self._check_alike(image, maps)
                return work(image, maps)

            yield from track(prefetch(read, images, self.jobs), label, len(images))

    def checksums(self) -> dict[str, str]:
        """Image -> the checksums of all members' maps of it; of the images of the first member."""
        by_member = []
        for path in self.stores.values():
            with open_maps(path) as store:
                by_member.append(store.checksums())
        return {
            image: " ".join(str(checksums.get(image)) for checksums in by_member)
            for image in sorted(by_member[0])
        }

    def made_by(self) -> dict[str, dict[str, Any]]:
        """Return what made each member's maps, by the member's name."""
        origins = {}
        for name, path in self.stores.items():
            with open_maps(path) as store:
                origins[name] = store.made_by
        return origins

    def _check_alike(self, image: str, maps: Mapping[str, Map]) -> None:
        first, *others = maps
        for name in others:
            if maps[name].shape != maps[first].shape:
                raise BadData(
                    f"{self.stores[name]}: the map of {image} has shape {maps[name].shape}, that "
                    f"in {self.stores[first]} {maps[first].shape}; predict both on the same "
                    "photographs"
                )


def _check_complete(store: Maps, images: Collection[str]) -> None:
    lacking = sorted(set(images).difference(store.ids()))
    if lacking:
        raise BadData(
            f"{store.path}: no map of {len(lacking)} of {len(images)} images, first "
            f"{lacking[0]}; predict again to add what is missing"
        )
