"""Photographs and targets on a network's grid, shrunk once and read in every epoch.

Or, for edge networks, crops of photographs at their own size, of their maps and masks, which are
read again in every epoch: several crops of each photograph.

Reads  a Carvana folder. Writes  `<cache>/<key>.npy`: uint8 (N, h, w, 4), red, green, blue, target,
       and at the end a CRC-32. Samples that would fill too much of the disk are decoded and shrunk
       again in every epoch.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from isal import isal_zlib
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

from bench.config.recipe import Recipe
from bench.data.carvana import Carvana
from bench.data.content import mask_hashes, photograph_hashes
from bench.data.images import read_image
from bench.masks.resize import shrink, target_of
from bench.masks.types import THRESHOLD, Map, Mask
from bench.networks.edge import Seen, seen_by_edge, window
from bench.system.contents import Contents
from bench.system.disk import take_space
from bench.system.environment import code_sha256
from bench.system.files import replacing
from bench.system.process import use_one_opencv_thread
from bench.system.progress import say, track
from bench.system.threads import prefetch
from bench.training.augment import Augment

Samples = npt.NDArray[np.uint8]  # (N, h, w, 4)
ReadMap = Callable[[str], Map]  # image id -> the map that an edge network sharpens
JITTER = 4  # a crop's centre lies at most a fourth of its size from the place it is taken for
ALL = slice(None)
CHECKSUM_BYTES = 4
BLOCK_BYTES = 2**26  # of a file, read at once
CACHE_BYTES = 8_000_000_000  # the most for all samples of one size


def sample(data: Carvana, size: tuple[int, int], image_id: str) -> Samples:
    """Return a photograph and its target, uint8 (h, w, 4), on the grid `size`."""
    photo = shrink(read_image(data.train[image_id]), size)
    return np.dstack([photo, target_of(data.mask(image_id), size)])


@dataclass(frozen=True)
class Decoded:
    """Samples that are decoded and shrunk whenever they are read."""

    data: Carvana
    images: Sequence[str]
    size: tuple[int, int]

    def __getitem__(self, row: int) -> Samples:
        return sample(self.data, self.size, self.images[row])


def samples_of(
    data: Carvana, images: Sequence[str], size: tuple[int, int], cache: Path, jobs: int
) -> Samples | Decoded:
    """Return every image's sample, from a cache if all of this size fit into CACHE_BYTES.

    Raises: as `cached_samples`.
    """
    if 4 * len(images) * size[0] * size[1] > CACHE_BYTES:
        return Decoded(data, images, size)
    return cached_samples(data, images, size, cache, jobs)


def cached_samples(
    data: Carvana, images: Sequence[str], size: tuple[int, int], cache: Path, jobs: int
) -> Samples:
    """Return all samples as one memory-mapped array, made in parallel if no whole file has them.

    Raises:
        BenchError: the disk is too full for the cache.
        BadData: a photograph or mask is damaged; the message names it.
    """
    path = cache / f"{_key(data, images, size, Contents(cache, jobs))}.npy"
    if not _is_whole(path):
        if path.exists():
            say(f"{path}: damaged, or of an earlier version: making it again")
        _fill(path, data, images, size, jobs)
    samples: Samples = np.load(path, mmap_mode="r")
    return samples


def _key(data: Carvana, images: Sequence[str], size: tuple[int, int], contents: Contents) -> str:
    """Return a name that changes with the size, and with what any photograph or mask holds."""
    photographs = photograph_hashes(data, images, contents)
    masks = mask_hashes(data, images, contents)
    listed = [f"{image} {photographs[image]} {masks[image]}" for image in images]
    code = code_sha256("bench/data", "bench/masks")  # reads and shrinks them
    digest = hashlib.sha256("\n".join([code, *listed]).encode()).hexdigest()
    return f"{size[0]}x{size[1]}-{digest[:16]}"


def _fill(
    path: Path, data: Carvana, images: Sequence[str], size: tuple[int, int], jobs: int
) -> None:
    shape = (len(images), *size, 4)
    with replacing(path, math.prod(shape)) as temporary:
        samples = _empty(temporary, shape)
        shrunk = prefetch(partial(sample, data, size), images, jobs)
        label = f"shrink to {size[0]}x{size[1]}"
        for row, values in enumerate(track(shrunk, label, len(images))):
            samples[row] = values
        del samples  # written out before the file is renamed
        checksum = _checksum(np.memmap(temporary, np.uint8, mode="r"))
        with open(temporary, "ab") as file:
            file.write(checksum)


def _empty(path: Path, shape: tuple[int, ...]) -> Samples:
    """Create a memory-mapped array that has all its space on the disk."""
    samples = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    take_space(path)
    return samples


def _is_whole(path: Path) -> bool:
    """Whether a file is there and ends in the checksum of all that stands before it."""
    if not path.is_file() or path.stat().st_size <= CHECKSUM_BYTES:
        return False
    content = np.memmap(path, np.uint8, mode="r")
    return _checksum(content[:-CHECKSUM_BYTES]) == content[-CHECKSUM_BYTES:].tobytes()


def _checksum(content: npt.NDArray[np.uint8]) -> bytes:
    """The CRC-32 of a file; less than a second for 8 GB that are in memory."""
    checksum = 0
    for start in range(0, content.size, BLOCK_BYTES):
        checksum = isal_zlib.crc32(content[start : start + BLOCK_BYTES], checksum)
    return checksum.to_bytes(CHECKSUM_BYTES, "little")


class TrainingSet(Dataset[tuple[Tensor, Tensor]]):
    """Augmented samples of one epoch, the same for the same seed and epoch on any worker.

    Each item is the image, uint8 (3, h, w), and the target, uint8 (1, h, w) with 255 = car.
    """

    def __init__(
        self, samples: Samples | Decoded, rows: Sequence[int], augment: Augment, seed: int
    ) -> None:
        self._samples, self._rows, self._augment, self._seed = samples, rows, augment, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return sample `index`, augmented for this epoch."""
        stored = self._samples[self._rows[index]]
        seed = np.random.SeedSequence((self._seed, self.epoch, index)).generate_state(1)[0]
        image, target = self._augment(
            np.ascontiguousarray(stored[..., :3]), np.ascontiguousarray(stored[..., 3]), int(seed)
        )
        return torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(target)[None]


def no_map(image: str) -> Map:
    """Refuse to give a map.

    Raises:
        TypeError: always.
    """
    raise TypeError(f"{image}: there is no map to sharpen; an edge network's task has a `read_map`")


@dataclass
class EdgeSet(Dataset[tuple[Tensor, Tensor]]):
    """Augmented crops of one epoch, the same for the same seed and epoch on any worker.

    A crop lies on the map's outline, every second one where the map is wrong. Each item is the
    crops of a photograph: what the network sees, uint8 (crops, 5, h, w), and the targets, uint8
    (crops, 1, h, w) with 255 = car.
    """

    data: Carvana
    images: Sequence[str]
    read_map: ReadMap
    recipe: Recipe
    epoch: int = 0
    augment: Augment = field(init=False)

    def __post_init__(self) -> None:
        self.augment = Augment(self.recipe.augment, self.recipe.size)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return the crops of photograph `index`, chosen and augmented for this epoch."""
        image = self.images[index]
        rng = np.random.default_rng((self.recipe.seed, self.epoch, index))
        photo, truth = read_image(self.data.train[image]), self.data.mask(image)
        seen = seen_by_edge(photo, self.read_map(image), self.recipe.reach)
        both = np.dstack([seen, truth * np.uint8(255)])
        crops = [self._crop(both, middle, rng) for middle in self._middles(seen, truth, rng)]
        shown = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        return shown[:, :-1], shown[:, -1:]

    def _middles(self, seen: Seen, truth: Mask, rng: np.random.Generator) -> list[tuple[int, int]]:
        """Draw the places that crops are taken for, as row and column."""
        band = np.flatnonzero(seen[..., -1])
        band = band if len(band) else np.arange(truth.size)  # a map without outline: anywhere
        wrong = band[((seen[..., 3] >= THRESHOLD) != truth).reshape(-1)[band]]
        halves = (band, wrong if len(wrong) else band)
        drawn = [int(rng.choice(halves[crop % 2])) for crop in range(self.recipe.crops)]
        return [divmod(place, truth.shape[1]) for place in drawn]

    def _crop(
        self, both: Seen, middle: tuple[int, int], rng: np.random.Generator
    ) -> npt.NDArray[np.uint8]:
        size = self.recipe.size
        top, left = (
            place - side // 2 + int(rng.integers(-side // JITTER, side // JITTER, endpoint=True))
            for place, side in zip(middle, size, strict=True)
        )
        crop, seed = window(both, top, left, size), int(rng.integers(2**32))
        photo, rest = np.ascontiguousarray(crop[..., :3]), np.ascontiguousarray(crop[..., 3:])
        return np.dstack(self.augment(photo, rest, seed))


def batches(
    dataset: TrainingSet | EdgeSet,
    photographs: int,
    epoch: int,
    seed: int,
    workers: int,
    share: slice = ALL,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch in its own order; an incomplete last batch is left out.

    Args:
        photographs: of a batch, in which every crop of an edge network's is an image.
        share: of each batch's photographs; the others are not even read.
    """
    dataset.epoch = epoch
    order = torch.Generator().manual_seed(seed * 100_003 + epoch)
    whole = BatchSampler(RandomSampler(dataset, generator=order), photographs, drop_last=True)
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        dataset,
        batch_sampler=(rows[share] for rows in whole),
        generator=order,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_start_worker,
    )
    for images, targets in loader:
        yield images.flatten(0, -4), targets.flatten(0, -4)


def _start_worker(number: int) -> None:
    use_one_opencv_thread()  # a spawned process does not inherit the parent's setting
