"""Time what each hand-written operation saves beside a plain loop that numba compiles in its place.

    python -m tests.campaigns.plain_loops --data DIR
    NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx2,+bmi,+bmi2,+popcnt,+lzcnt,+fma (the same)

Both must give the same answers. Where a loop would be written otherwise without the operation, it
is: what the compiler makes of it is compared.
"""

import argparse
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from statistics import median
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np
from numba import carray, njit, types
from numba.extending import intrinsic

from bench.data.images import read_image
from bench.masks import rle
from bench.masks.compiled import pixels, planes, shrinking
from bench.masks.compiled.vectors import BLOCK, LANES
from bench.speed.samples import BenchmarkSamples, load_samples
from bench.speed.timing import equal, interleaved, one_core, processor
from bench.system.temporaries import temporary_folder

SECONDS = 3.0
ONE = np.uint64(1)
loop = njit(nogil=True)


class Case(NamedTuple):
    """A hand-written operation, the work of a kernel that uses it, and the same without it."""

    operation: str
    work: str
    ours: Callable[[], Any]
    plain: Callable[[], Any]


def without(kernel: Any, name: str, plain: Any) -> Any:
    """Return a kernel, compiled with a plain function in the place of one that it calls."""
    function = kernel.py_func
    return loop(FunctionType(function.__code__, function.__globals__ | {name: plain}))


@intrinsic
def pointer(context: Any, address: Any) -> Any:
    """The pointer that an address is, which `carray` takes."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))

    return types.voidptr(types.uintp), generate


@loop
def planes_at(address, place):
    values = carray(pointer(address + np.uint64(place)), BLOCK, np.uint8)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = np.uint64(0)
    for k in range(BLOCK):
        v, at = np.uint64(values[k]), np.uint64(k)
        a0 |= (v & ONE) << at
        a1 |= (v >> np.uint64(1) & ONE) << at
        a2 |= (v >> np.uint64(2) & ONE) << at
        a3 |= (v >> np.uint64(3) & ONE) << at
        a4 |= (v >> np.uint64(4) & ONE) << at
        a5 |= (v >> np.uint64(5) & ONE) << at
        a6 |= (v >> np.uint64(6) & ONE) << at
        a7 |= (v >> np.uint64(7) & ONE) << at
    return a0, a1, a2, a3, a4, a5, a6, a7


@loop
def write_planes(address, place, planes):
    out = carray(pointer(address + np.uint64(place)), BLOCK, np.uint8)
    for k in range(BLOCK):
        at, value = np.uint64(k), np.uint64(0)
        for bit in range(8):
            value |= (planes[bit] >> at & ONE) << np.uint64(bit)
        out[k] = value


@loop
def weighted_sums(values, step, weights, terms, out):
    sums = carray(pointer(out), LANES, np.uint32)
    factors = carray(pointer(weights), terms, np.uint32)
    for lane in range(LANES):
        sums[lane] = 0
    for term in range(terms):
        four = carray(pointer(values + np.uint64(term * step)), LANES, np.uint32)
        for lane in range(LANES):
            sums[lane] += four[lane] * factors[term]


@loop
def find_changes(pixels, last_block, threshold, out):
    """As pixels.find_changes; the value behind the last pixel is below every threshold."""
    inside, count = False, 0
    for place in range(pixels.size):
        if (pixels[place] >= threshold) != inside:
            inside = not inside
            out[count] = place
            count += 1
    if inside:
        out[count] = pixels.size
        count += 1
    return count


@loop
def find_changes_of_sum(images, last_blocks, size, weights, least, out):
    """As pixels.find_changes_of_sum: sums of a stretch at a time, which numba can vectorise."""
    stretch = 1024
    total = np.empty(stretch, weights.dtype)
    inside, count = False, 0
    for first in range(0, size, stretch):
        length = min(stretch, size - first)
        total[:] = 0
        for k in range(len(weights)):
            image = carray(pointer(images[k] + np.uint64(first)), length, np.uint8)
            weight = weights[k]
            for place in range(length):
                total[place] += weight * image[place]
        for place in range(length):
            if (total[place] >= least) != inside:
                inside = not inside
                out[count] = first + place
                count += 1
    if inside:
        out[count] = size
        count += 1
    return count


@loop
def count_pixels(predicted, truth):
    both = in_predicted = in_truth = 0
    for place in range(truth.size):
        both += predicted[place] & truth[place]
        in_predicted += predicted[place]
        in_truth += truth[place]
    return both, in_predicted, in_truth


@loop
def count_shades(pixels):
    count = 0
    for place in range(pixels.size // BLOCK * BLOCK):
        count += (pixels[place] != 0) & (pixels[place] != 255)
    return count


@loop
def fetch(address):
    pass


def cases(samples: BenchmarkSamples) -> list[Case]:
    """Return the cases, on one photograph's maps and masks, and on rows of several."""
    rows, flat = samples.noisy, samples.noisy[0][0].reshape(-1)
    mask, truth = ((each >= 1).view(np.uint8).reshape(-1) for each in samples.masks[:2])
    without_fetch = without(pixels.find_changes_of_sum, "fetch", fetch)
    without_planes = without(planes.split_planes, "planes_at", planes_at)
    without_write = without(planes.join_planes, "write_planes", write_planes)
    without_sums = without(shrinking.shrink_by_area, "weighted_sums", weighted_sums)
    return [
        Case("bytes_at_least", "map -> changes", *_changes(flat, find_changes)),
        Case("", "counts of two masks", *_both(pixels.count_pixels, count_pixels, mask, truth)),
        Case("", "count of shades", *_both(planes.count_shades, count_shades, flat)),
        Case("sums_at_least", "rows of five maps -> changes", *_sums(rows, find_changes_of_sum)),
        Case("fetch", "rows of five maps -> changes", *_sums(rows, without_fetch)),
        Case("planes_at", "map -> bit planes", *_split(flat, without_planes)),
        Case("write_planes", "bit planes -> map", *_joined(flat, without_write)),
        Case("weighted_sums", "photograph -> 320x480", *_shrunk(samples, without_sums)),
    ]


def _both(ours: Any, plain: Any, *arguments: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    return lambda: ours(*arguments), lambda: plain(*arguments)


def _changes(flat: Any, plain: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    last = np.zeros(BLOCK, np.uint8)
    last[: flat.size % BLOCK] = flat[flat.size // BLOCK * BLOCK :]
    out = np.empty(flat.size, np.int64)

    def call(kernel: Any) -> Any:
        return out[: kernel(flat, last, np.uint8(128), out)]

    return lambda: call(pixels.find_changes), lambda: call(plain)


def _sums(rows: Any, plain: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    ours = pixels.find_changes_of_sum

    def call(kernel: Any) -> list[Any]:
        rle.find_changes_of_sum = kernel
        return [rle.mean_runs(maps, [1] * len(maps)) for maps in rows]

    return lambda: call(ours), lambda: call(plain)


def _split(flat: Any, plain: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    out = np.empty((8, flat.size // BLOCK), np.uint64)

    def call(kernel: Any) -> Any:
        kernel(flat, out)
        return out

    return lambda: call(planes.split_planes), lambda: call(plain)


def _joined(flat: Any, plain: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    split = np.empty((8, flat.size // BLOCK), np.uint64)
    planes.split_planes(flat, split)
    out = np.empty(split.shape[1] * BLOCK, np.uint8)

    def call(kernel: Any) -> Any:
        kernel(split, out)
        return out

    return lambda: call(planes.join_planes), lambda: call(plain)


def _shrunk(samples: BenchmarkSamples, plain: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    photo, out = read_image(samples.photographs[0]), np.empty((320, 480, 3), np.uint8)

    def call(kernel: Any) -> Any:
        kernel(photo, out)
        return out

    return lambda: call(shrinking.shrink_by_area), lambda: call(plain)


def main() -> None:
    """Print a table of all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, metavar="DIR", help="Carvana's; else drawn pictures")
    data = parser.parse_args().data
    print(f"| operation | work | ours, ms | plain loop, ms | times ({processor()}) |")
    print("| --- | --- | --- | --- | --- |")
    with temporary_folder("plain") as folder:
        for case in cases(load_samples(data, folder)):
            answer = deepcopy(case.ours())
            assert equal(answer, case.plain()), f"{case.work}: answers differ"
            with one_core():
                times = interleaved({"ours": case.ours, "plain": case.plain}, SECONDS)
            ours, plain = (1000 * median(times[name]) for name in ("ours", "plain"))
            print(
                f"| {case.operation} | {case.work} | {ours:.4f} | {plain:.4f} "
                f"| {plain / ours:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
