"""Parts that work on files: votes of stored entries, the map store, submissions, photographs."""

from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np

from bench.data.carvana import SIZE
from bench.data.images import read_image
from bench.kaggle.validation import check_submission
from bench.kaggle.writing import write_submission
from bench.masks import rle
from bench.masks.packing import pack
from bench.masks.resize import shrink
from bench.masks.store import MapStore
from bench.masks.types import THRESHOLD, Map, RgbImage, Size
from bench.speed import peers
from bench.speed.samples import SIZES, Samples
from bench.speed.timing import Contest, copying, reading, writing

ROWS = 1000  # of a submission; the time of a file is that of its rows
MEMBERS = (
    (1024, 1024),
    (1024, 1024),
    (1280, 1280),
    (1280, 1536),
    (1280, 1920),
)  # of xu2018, full size


def contests(given: Samples, folder: Path) -> list[Contest]:
    """The contests, in the order of the pipeline; files go to `folder`."""
    stored = [
        contest
        for kind, maps, bars in (
            ("clean", given.clean, (15, 30)), ("noisy", given.noisy, (5, 7)),
        )
        for contest in (_store(kind, maps, bars[0], folder), _row(kind, maps, bars[1], folder))
    ]  # fmt: skip
    return [
        _vote(given, folder), *stored, _table(given, folder), _check(given, folder),
        *_photographs(given),
    ]  # fmt: skip


def _vote(given: Samples, folder: Path) -> Contest:
    images = [[map >= THRESHOLD for map in maps] for maps in given.clean]
    texts = [[rle.encode(mask) for mask in masks] for masks in images]
    pictures = [
        [_picture(folder / f"mask-{i}-{k}.png", mask.astype(np.uint8) * 255)
         for k, mask in enumerate(masks)]
        for i, masks in enumerate(images)
    ]  # fmt: skip
    weights, least = [1] * len(SIZES), len(SIZES) // 2 + 1

    def ours() -> list[str]:
        return [
            rle.format_runs(rle.merge([rle.parse(text) for text in entry], weights, least))
            for entry in texts
        ]

    return Contest(
        "vote of 5 stored entries -> text",
        len(images),
        ours,
        {"five PNG masks": lambda: [peers.vote_text(paths) for paths in pictures]},
        reading(*(np.frombuffer(text.encode(), np.uint8) for entry in texts for text in entry)),
        {"five PNG masks": 80},
    )


def _picture(path: Path, image: Map) -> Path:
    cv2.imwrite(str(path), image)
    return path


def _store(kind: str, images: list[list[Map]], bar: float, folder: Path) -> Contest:
    maps = [each[0] for each in images]
    store = MapStore.create(folder / f"store-{kind}.sqlite", {})
    path = folder / "one.png"

    def ours() -> list[Map]:
        for number, map in enumerate(maps):
            store.write(str(number), map)
        return [store.read(str(number)) for number in range(len(maps))]

    ours()
    stored = sum(len(pack(map)) for map in maps)
    packed = sum(len(cv2.imencode(".png", map)[1]) for map in maps)
    return Contest(
        f"store: write + read a map, {kind}",
        len(maps),
        ours,
        {"PNG by OpenCV": lambda: [peers.write_and_read(path, map) for map in maps]},
        copying(sum(map.nbytes for map in maps)),
        {"PNG by OpenCV": bar},
        note=f"{stored / packed:.2f}x the size of PNG",
    )


def _row(kind: str, images: list[list[Map]], bar: float, folder: Path) -> Contest:
    stores, pictures = [], [[Path()] * len(SIZES) for _ in images]
    for member in range(len(SIZES)):
        stores.append(MapStore.create(folder / f"row-{kind}-{member}.sqlite", {}))
        for number, maps in enumerate(images):
            stores[member].write(str(number), maps[member])
            path = folder / f"row-{kind}-{number}-{member}.png"
            pictures[number][member] = _picture(path, maps[member])

    def ours() -> list[str]:
        rows = []
        for number in range(len(images)):
            maps = [store.borrow(str(number)) for store in stores]
            rows.append(f"{number},{rle.format_runs(rle.mean_runs(maps, [1] * len(maps)))}")
        return rows

    return Contest(
        f"five stored maps -> one CSV row, {kind}",
        len(images),
        ours,
        {
            "PNG, NumPy mean, common": lambda: [
                peers.row_from_pictures(str(number), paths) for number, paths in enumerate(pictures)
            ]
        },
        writing(sum(map.nbytes for maps in images for map in maps)),
        {"PNG, NumPy mean, common": bar},
    )


def _rows(given: Samples) -> list[tuple[str, str]]:
    """Rows whose masks differ: what repeats within 32 KiB would be too easy to compress."""
    width = given.masks[0].shape[1]
    found = []
    for number, mask in islice(enumerate(cycle(given.masks)), ROWS):
        runs = rle.runs(mask)
        runs[:, 0] += (number // len(given.masks) % width) - runs[0, 0] % width  # moved sideways
        found.append((f"{number:012x}_01.jpg", rle.format_runs(runs[(runs[:, 0] > 0)])))
    return found


def _table(given: Samples, folder: Path) -> Contest:
    rows = _rows(given)
    mine, other = folder / "mine.csv.gz", folder / "other.csv.gz"

    def ours() -> int:
        write_submission(mine, rows)
        return _unpacked(mine)

    def theirs() -> int:
        peers.write_table(other, rows)
        return _unpacked(other)

    same = ours() == theirs()
    assert same, "the two files hold other rows"  # noqa: S101
    return Contest(
        "rows -> compressed CSV",
        len(rows),
        lambda: write_submission(mine, rows),
        {"pandas": lambda: peers.write_table(other, rows) or len(rows)},  # type: ignore[func-returns-value]
        copying(sum(len(name) + len(text) + 2 for name, text in rows)),
        {"pandas": 15},
        note=f"{mine.stat().st_size / other.stat().st_size:.2f}x the size",
    )


def _unpacked(path: Path) -> int:
    """A hash of what a compressed file holds."""
    import gzip

    return hash(gzip.decompress(path.read_bytes()))


def _check(given: Samples, folder: Path) -> Contest:
    rows, path = _rows(given), folder / "checked.csv.gz"
    write_submission(path, rows)
    names = {name for name, _ in rows}
    shape = given.masks[0].shape
    return Contest(
        "check of a submission, a row",
        len(rows),
        lambda: check_submission(path, names, shape).counts.total(),
        {"pandas + loop": lambda: peers.problems(path, names, shape[0] * shape[1])},
        reading(*(np.frombuffer(text.encode(), np.uint8) for _, text in rows)),
        {"pandas + loop": 5},
    )


def _photographs(given: Samples) -> list[Contest]:
    paths = given.photographs
    members = [_of_photograph(size, given.masks[0].shape) for size in MEMBERS]

    def ours(sizes: list[Size]) -> list[Map]:
        return [
            small[size]
            for photo in map(read_image, paths)
            for small in [{size: shrink(photo, size) for size in set(sizes)}]
            for size in sizes
        ]

    def theirs(sizes: list[Size], method: int) -> list[RgbImage]:
        found = [peers.network_input(path, size, method) for path in paths for size in sizes]
        return found  # type: ignore[return-value]

    return [
        Contest(
            f"photograph -> network input, {name}",
            len(paths),
            lambda sizes=sizes: ours(sizes),  # type: ignore[misc]
            {
                "cv2, by area, float32": lambda sizes=sizes: theirs(sizes, cv2.INTER_AREA),  # type: ignore[misc, dict-item]
                "cv2, bilinear, float32": lambda sizes=sizes: theirs(sizes, cv2.INTER_LINEAR),  # type: ignore[misc, dict-item]
            },
            writing(len(paths) * 3 * sum(height * width for height, width in sizes)),
            {"cv2, by area, float32": 1.3, "cv2, bilinear, float32": 1.3},
            same=_close,
        )
        for name, sizes in (("one member", members[:1]), ("five members", members))
    ]


def _of_photograph(size: Size, photograph: tuple[int, ...]) -> Size:
    """The same share of another photograph's size."""
    return size[0] * photograph[0] // SIZE[0], size[1] * photograph[1] // SIZE[1]


def _close(mine: list[Map], other: list[RgbImage]) -> bool:
    """Bilinear sampling leaves pixels out, so its pictures are only alike."""
    apart = [
        np.abs(one / 255 - two).mean() for one, two in zip(mine, other, strict=True)
        if one.shape == two.shape
    ]  # fmt: skip
    return max(apart) < 0.02
