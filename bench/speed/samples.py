"""Load what the parts are timed on: photographs and masks, real or drawn, and maps of the masks."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from bench.demo.folder import JPEG_QUALITY
from bench.demo.photograph import random_car, take_photograph
from bench.masks.resize import ceiling_map
from bench.masks.types import Map, Mask
from bench.own.opening import open_data
from bench.system.errors import Missing

SAMPLE_IMAGES = 4
MEMBER_SIZES = ((256, 384), (320, 480), (384, 512), (512, 512), (512, 768))  # of the five members
NOISE = 2  # levels of a noisy map's background: its mean distance from black or white, and spread
GRAIN = 3.0  # sigma in pixels of the blur that makes neighbouring noise alike


@dataclass(frozen=True)
class BenchmarkSamples:
    """Photographs of one size, their masks, and the maps of five members for each."""

    photographs: list[Path]
    masks: list[Mask]
    clean: list[list[Map]]  # by image and member; edges are blurred, the rest is flat
    noisy: list[list[Map]]  # the same, with most pixels a few levels off black and white


def load_samples(data: Path | None, folder: Path) -> BenchmarkSamples:
    """Load photographs of a data folder or, if `data` is None, draw some into `folder`.

    Raises:
        Missing: the folder has no training photographs.
    """
    if data is None:
        photographs, masks = _drawn(folder)
    else:
        carvana = open_data(data)
        if not carvana.train:
            raise Missing(f"{data}: no training photographs; leave out --data for drawn ones")
        images = list(carvana.train)[:: max(1, len(carvana.train) // SAMPLE_IMAGES)][:SAMPLE_IMAGES]
        photographs = [carvana.train[image] for image in images]
        masks = [carvana.mask(image) for image in images]
    clean = [[ceiling_map(mask, size) for size in MEMBER_SIZES] for mask in masks]
    random = np.random.default_rng(0)
    noisy = [[_noisy(map, random) for map in maps] for maps in clean]
    return BenchmarkSamples(photographs, masks, clean, noisy)


def _drawn(folder: Path) -> tuple[list[Path], list[Mask]]:
    car = random_car(0, 0)
    paths, masks = [], []
    for view in range(1, 1 + SAMPLE_IMAGES):
        picture, mask = take_photograph(car, 4 * view)
        path = folder / f"drawn_{view:02d}.jpg"
        path.write_bytes(simplejpeg.encode_jpeg(picture, JPEG_QUALITY, "RGB", "420"))
        paths.append(path)
        masks.append(mask)
    return paths, masks


def _noisy(map: Map, random: np.random.Generator) -> Map:
    """Add noise of a few levels: three pixels in four become neither black nor white."""
    rough = random.normal(0, 1, map.shape).astype(np.float32)
    smooth: NDArray[np.float32] = np.asarray(cv2.GaussianBlur(rough, (0, 0), GRAIN), np.float32)
    inside = NOISE + map * np.float32(1 - 2 * NOISE / 255)
    moved = inside + smooth * np.float32(NOISE / smooth.std())
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)
