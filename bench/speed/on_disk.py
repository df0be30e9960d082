"""Benchmarks of work on files: votes of stored maps, map stores, submissions, photographs."""

import gzip
from collections.abc import Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from bench.data.carvana import SIZE
from bench.data.images import read_image
from bench.ensembles.rules import RULES
from bench.kaggle.validation import check_submission
from bench.kaggle.writing import write_submission
from bench.masks import rle
from bench.masks.packing import pack
from bench.masks.resize import shrink
from bench.masks.store import MapStore
from bench.masks.types import THRESHOLD, FloatImage, Map, Mask, RgbImage, Size
from bench.speed import peers
from bench.speed.samples import MEMBER_SIZES, BenchmarkSamples
from bench.speed.timing import Benchmark, Variant, copy_floor, read_floor, write_floor

ROWS = 1000  # of a submission; the time of a file is divided by them
FULL_SIZES = (  # of the five members of xu2018
    (1024, 1024),
    (1024, 1024),
    (1280, 1280),
    (1280, 1536),
    (1280, 1920),
)
AFAR = 16  # times smaller, network inputs are compared: bilinear sampling skips pixels
MAX_LEVELS = 0.5  # of 255, their mean distance then; the cars in other colours have 2.4 and more

SubmissionRows = list[tuple[str, str]]  # file name and run-length text


def benchmarks(samples: BenchmarkSamples, folder: Path) -> list[Benchmark]:
    """Return the benchmarks, in the order of the pipeline; their files go to `folder`."""
    rows = _varied_rows(samples.masks)
    members = [_scaled(size, samples.masks[0].shape) for size in FULL_SIZES]
    return [
        _vote(samples.clean, folder),
        _store("clean", [maps[0] for maps in samples.clean], 15, folder),
        _row("clean", samples.clean, 30, folder),
        _store("noisy", [maps[0] for maps in samples.noisy], 5, folder),
        _row("noisy", samples.noisy, 7, folder),
        _write_rows(rows, folder),
        _check(rows, samples.masks[0].shape, folder),
        _read_photographs("one member", samples.photographs, members[:1]),
        _read_photographs("five members", samples.photographs, members),
    ]


def _vote(images: Sequence[Sequence[Map]], folder: Path) -> Benchmark:
    stores = _stores("vote", images, folder)
    pictures = [
        [
            peers.write_picture(folder / f"mask-{number}-{member}.png", 255 * (map // THRESHOLD))
            for member, map in enumerate(maps)
        ]
        for number, maps in enumerate(images)
    ]
    return Benchmark(
        "vote of 5 stored maps -> text",
        len(images),
        lambda: _texts("vote", stores, len(images)),
        {"five PNG masks": lambda: [peers.vote_text(paths) for paths in pictures]}
        | peers.if_installed("monai", lambda: [peers.vote_by_monai(paths) for paths in pictures]),
        write_floor(sum(map.nbytes for maps in images for map in maps)),
        {"five PNG masks": 80},
    )


def _stores(kind: str, images: Sequence[Sequence[Map]], folder: Path) -> list[MapStore]:
    """Store each member's maps; an image is called by its number."""
    stores = [
        MapStore.create(folder / f"{kind}-{member}.sqlite", {})
        for member in range(len(MEMBER_SIZES))
    ]
    for number, maps in enumerate(images):
        for store, map in zip(stores, maps, strict=True):
            store.write(str(number), map)
    return stores


def _texts(rule: str, stores: Sequence[MapStore], images: int) -> list[str]:
    """Return the text of each image as the stage `submit` makes it, every member of weight 1."""
    parameters = {"weights": [1] * len(stores)}
    maps = ([store.borrow(str(number)) for store in stores] for number in range(images))
    return [rle.format_runs(RULES[rule].runs(each, parameters)) for each in maps]


def _store(kind: str, maps: Sequence[Map], bar: float, folder: Path) -> Benchmark:
    store = MapStore.create(folder / f"store-{kind}.sqlite", {})
    path = folder / "one.png"

    def ours() -> list[Map]:
        for number, map in enumerate(maps):
            store.write(str(number), map)
        return [store.read(str(number)) for number in range(len(maps))]

    ours()
    stored_bytes = sum(len(pack(map)) for map in maps)
    png_bytes = sum(len(cv2.imencode(".png", map)[1]) for map in maps)
    return Benchmark(
        f"store: write + read a map, {kind}",
        len(maps),
        ours,
        {"PNG by OpenCV": lambda: [peers.write_and_read(path, map) for map in maps]},
        copy_floor(sum(map.nbytes for map in maps)),
        {"PNG by OpenCV": bar},
        note=f"{stored_bytes / png_bytes:.2f}x the size of PNG",
    )


def _row(kind: str, images: Sequence[Sequence[Map]], bar: float, folder: Path) -> Benchmark:
    stores = _stores(f"row-{kind}", images, folder)

    def ours() -> list[str]:
        texts = _texts("mean", stores, len(images))
        return [f"{number},{text}" for number, text in enumerate(texts)]

    return Benchmark(
        f"five stored maps -> one CSV row, {kind}",
        len(images),
        ours,
        {
            name: _row_by(peer, images, folder / f"row-{kind}")
            for name, peer in peers.row_peers().items()
        },
        write_floor(sum(map.nbytes for maps in images for map in maps)),
        {"PNG, NumPy mean, common": bar},
    )


def _row_by(peer: peers.RowPeer, images: Sequence[Sequence[Map]], folder: Path) -> Variant:
    """Return the peer's way; its first call stores the maps, and is not timed."""

    @cache
    def stored() -> list[list[Path]]:
        folder.mkdir(exist_ok=True)
        return [
            [
                peer.write(folder / f"{number}-{member}{peer.ending}", map)
                for member, map in enumerate(maps)
            ]
            for number, maps in enumerate(images)
        ]

    return lambda: [peer.row(str(number), paths) for number, paths in enumerate(stored())]


def _varied_rows(masks: Sequence[Mask]) -> SubmissionRows:
    """Make ROWS rows whose masks differ: repeats within 32 KiB would compress too well."""
    width = masks[0].shape[1]
    rows = []
    for number, mask in islice(enumerate(cycle(masks)), ROWS):
        runs = rle.runs(mask)
        runs[:, 0] += number // len(masks) % width - runs[:1, 0] % width  # moved sideways
        rows.append((f"{number:012x}_01.jpg", rle.format_runs(runs[(runs[:, 0] > 0)])))
    return rows


def _write_rows(rows: SubmissionRows, folder: Path) -> Benchmark:
    our_file, pandas_file = folder / "ours.csv.gz", folder / "pandas.csv.gz"

    def ours() -> int:
        return write_submission(our_file, rows)

    def by_pandas() -> int:
        peers.write_table(pandas_file, rows)
        return len(rows)

    ours(), by_pandas()
    same = _unpacked(our_file) == _unpacked(pandas_file)
    assert same, "the two files hold different rows"  # noqa: S101
    return Benchmark(
        "rows -> compressed CSV",
        len(rows),
        ours,
        {"pandas": by_pandas},
        copy_floor(sum(len(name) + len(text) + 2 for name, text in rows)),
        {"pandas": 15},
        note=f"{our_file.stat().st_size / pandas_file.stat().st_size:.2f}x the size",
    )


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def _check(rows: SubmissionRows, shape: Size, folder: Path) -> Benchmark:
    path = folder / "checked.csv.gz"
    write_submission(path, rows)
    names = {name for name, _ in rows}
    return Benchmark(
        "check of a submission, a row",
        len(rows),
        lambda: check_submission(path, names, shape).counts.total(),
        {"pandas + loop": lambda: peers.count_problems(path, names, shape[0] * shape[1])},
        read_floor(*(np.frombuffer(text.encode(), np.uint8) for _, text in rows)),
        {"pandas + loop": 5},
    )


def _read_photographs(members: str, paths: Sequence[Path], sizes: Sequence[Size]) -> Benchmark:
    def ours() -> list[RgbImage]:
        inputs = []
        for photograph in map(read_image, paths):
            by_size = {size: shrink(photograph, size) for size in set(sizes)}
            inputs += [by_size[size] for size in sizes]
        return inputs

    def by_opencv(interpolation: int) -> list[RgbImage]:
        return [each for path in paths for each in peers.network_inputs(path, sizes, interpolation)]

    return Benchmark(
        f"photograph -> network input, {members}",
        len(paths),
        ours,
        {
            "cv2, by area": lambda: by_opencv(cv2.INTER_AREA),
            "cv2, bilinear": lambda: by_opencv(cv2.INTER_LINEAR),
        },
        write_floor(len(paths) * 3 * sum(height * width for height, width in sizes)),
        {"cv2, by area": 1.3, "cv2, bilinear": 1.3},
        same=_are_close,
    )


def _scaled(size: Size, photograph: tuple[int, ...]) -> Size:
    """Return the same share of another photograph's size as `size` is of Carvana's."""
    return size[0] * photograph[0] // SIZE[0], size[1] * photograph[1] // SIZE[1]


def _are_close(ours: Sequence[RgbImage], theirs: Sequence[RgbImage]) -> bool:
    """Whether images are as large, and seen from afar the same."""
    return all(
        one.shape == other.shape and np.abs(_from_afar(one) - _from_afar(other)).mean() < MAX_LEVELS
        for one, other in zip(ours, theirs, strict=True)
    )


def _from_afar(image: RgbImage) -> FloatImage:
    size = max(1, image.shape[1] // AFAR), max(1, image.shape[0] // AFAR)
    smaller = cv2.resize(image.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, np.float32)
