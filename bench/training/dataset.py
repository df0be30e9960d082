"""Photographs and targets on a network's grid, shrunk once and read in every epoch.

Reads  a data folder, and a teacher's maps. Writes  `<cache>/<key>.npy`: uint8 (N, h, w, 4), red,
       green, blue, target, and at the end a CRC-32. Samples that would fill too much of the disk
       are decoded and shrunk again in every epoch.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from isal import isal_zlib
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

from bench.config.recipe import Recipe
from bench.data.content import mask_hashes, photograph_hashes
from bench.data.dataset import DataSet, Lessons
from bench.data.images import read_image
from bench.masks.resize import shrink, target_of
from bench.masks.types import ReadMap, size_name
from bench.system.claims import in_turn
from bench.system.contents import Contents
from bench.system.disk import take_space, writing
from bench.system.environment import code_sha256
from bench.system.errors import BenchError
from bench.system.files import replacing
from bench.system.process import use_one_opencv_thread
from bench.system.progress import say, track
from bench.system.temporaries import temporary_folder
from bench.system.threads import prefetch
from bench.training.augment import Augment, draw_crops

Samples = npt.NDArray[np.uint8]  # (N, h, w, C + 1): what a network sees, target
ALL = slice(None)
CHECKSUM_BYTES = 4
BLOCK_BYTES = 2**26  # of a file, read at once
CACHE_BYTES = 8_000_000_000  # the most for all samples of one size


Labelled = DataSet | Lessons  # photographs with targets: true masks, or a teacher's maps


def sample(data: Labelled, size: tuple[int, int], image_id: str) -> Samples:
    """Return a photograph and its target, uint8 (h, w, 4), on the grid `size`."""
    if isinstance(data, Lessons):
        photo, target = data.photographs[image_id], shrink(data.map(image_id), size)
    else:
        photo, target = data.train[image_id], target_of(data.mask(image_id), size)
    return np.dstack([shrink(read_image(photo), size), target])


@dataclass(frozen=True)
class Decoded:
    """Samples that are decoded and shrunk whenever they are read."""

    data: Labelled
    images: Sequence[str]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> Samples:
        return sample(self.data, self.size, self.images[row])


def samples_of(
    data: Labelled, images: Sequence[str], size: tuple[int, int], cache: Path, jobs: int
) -> Samples | Decoded:
    """Return every image's sample, from a cache if all of this size fit into CACHE_BYTES.

    Raises: as `cached_samples`.
    """
    if 4 * len(images) * size[0] * size[1] > CACHE_BYTES:
        return Decoded(data, images, size)
    return cached_samples(data, images, size, cache, jobs)


def cached_samples(
    data: Labelled, images: Sequence[str], size: tuple[int, int], cache: Path, jobs: int
) -> Samples:
    """Return all samples as one memory-mapped array, made in parallel if no whole file has them.

    Of several processes that need the same file, one makes it.

    Raises:
        BenchError: the disk is too full for the cache.
        BadData: a photograph or mask is damaged; the message names it.
    """
    path = cache / f"{_key(data, images, size, Contents(cache, jobs))}.npy"
    if not _is_whole(path):
        with in_turn(path):
            if not _is_whole(path):
                _fill(path, data, images, size, jobs)
    samples: Samples = np.load(path, mmap_mode="r")
    return samples


def _key(data: Labelled, images: Sequence[str], size: tuple[int, int], contents: Contents) -> str:
    """Return a name that changes with the size, and with what any photograph or target holds."""
    if isinstance(data, Lessons):
        listed = [f"{image} {data.made_from[image]}" for image in images]
    else:
        photographs = photograph_hashes(data, images, contents)
        masks = mask_hashes(data, images, contents)
        listed = [f"{image} {photographs[image]} {masks[image]}" for image in images]
    code = code_sha256("bench/data", "bench/masks")  # reads and shrinks them
    digest = hashlib.sha256("\n".join([code, *listed]).encode()).hexdigest()
    return f"{size_name(size)}-{digest[:16]}"


def _fill(
    path: Path, data: Labelled, images: Sequence[str], size: tuple[int, int], jobs: int
) -> None:
    if path.exists():
        say(f"{path}: damaged, or of an earlier version: making it again")
    shape = (len(images), *size, 4)
    with replacing(path, math.prod(shape)) as temporary:
        samples = _empty(temporary, shape)
        shrunk = prefetch(partial(sample, data, size), images, jobs)
        label = f"shrink to {size_name(size)}"
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


def crops_of(
    data: DataSet, images: Sequence[str], read_map: ReadMap, recipe: Recipe, cache: Path, jobs: int
) -> Samples:
    """Draw the crops that an edge network learns from, all before its training, in parallel.

    They are memory-mapped from a file that is gone when nobody uses it any more.

    Returns: (images * crops, h, w, 6).

    Raises:
        BenchError: the disk is too full.
        BadData: a photograph or mask is damaged; the message names it.
    """
    shape = (len(images) * recipe.crops, *recipe.size, 6)
    with temporary_folder("crops", cache) as folder, writing(cache, math.prod(shape)):
        samples = _empty(folder / "crops.npy", shape)
        drawn = prefetch(partial(draw_crops, data, read_map, recipe), images, jobs)
        for number, crops in enumerate(track(drawn, f"{recipe.name}: draw crops", len(images))):
            samples[number * recipe.crops :][: recipe.crops] = crops
        return samples


@dataclass(frozen=True)
class Taught:
    """A teacher's samples, and the share of an epoch that is taken from them."""

    samples: Samples | Decoded
    share: float


class TrainingSet(Dataset[tuple[Tensor, Tensor]]):
    """Augmented samples of one epoch, the same for the same seed and epoch on any worker.

    Each item is the image, uint8 (C, h, w), and the target, uint8 (1, h, w) with 255 = car. A
    teacher's samples take the places of other ones in each epoch, so all epochs are as long.
    """

    def __init__(
        self,
        samples: Samples | Decoded,
        rows: Sequence[int],
        augment: Augment,
        seed: int,
        taught: Taught | None = None,
    ) -> None:
        self._samples, self._rows, self._augment, self._seed = samples, rows, augment, seed
        self._taught = taught
        self.begin(epoch=0)

    def begin(self, epoch: int) -> None:
        """Turn to the samples of an epoch, counted from 0."""
        self.epoch = epoch
        self._lessons: dict[int, int] = {}  # place in the epoch -> row of the teacher's samples
        if self._taught:
            random = np.random.default_rng((self._seed, epoch))
            taken = max(1, round(self._taught.share * len(self)))
            places = random.permutation(len(self))[:taken]
            rows = np.resize(random.permutation(len(self._taught.samples)), len(places))
            self._lessons = dict(zip(places.tolist(), rows.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return sample `index`, augmented for this epoch."""
        if self._taught and index in self._lessons:
            stored = self._taught.samples[self._lessons[index]]
        else:
            stored = self._samples[self._rows[index]]
        seed = np.random.SeedSequence((self._seed, self.epoch, index)).generate_state(1)[0]
        photo, rest = np.split(stored, [3], axis=-1)
        rest = rest[..., 0] if rest.shape[-1] == 1 else rest
        both = np.dstack(
            self._augment(np.ascontiguousarray(photo), np.ascontiguousarray(rest), int(seed))
        )
        shown = torch.from_numpy(both).permute(2, 0, 1)
        return shown[:-1], shown[-1:]


def batches(
    dataset: TrainingSet,
    batch: int,
    epoch: int,
    seed: int,
    workers: int,
    share: slice = ALL,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch in its own order; an incomplete last batch is left out.

    Args:
        share: of each batch's images; the others are not even read.
    """
    dataset.begin(epoch)
    order = torch.Generator().manual_seed(seed * 100_003 + epoch)
    whole = BatchSampler(RandomSampler(dataset, generator=order), batch, drop_last=True)
    loader: DataLoader[tuple[Tensor, Tensor]] = DataLoader(
        dataset,
        batch_sampler=(rows[share] for rows in whole),
        generator=order,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_start_worker,
    )
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise BenchError(
            "a process that loads photographs was killed: give it more shared memory (in a "
            "container: --ipc=host), or start fewer by --jobs"
        ) from error


def _start_worker(number: int) -> None:
    use_one_opencv_thread()  # a spawned process does not inherit the parent's setting
