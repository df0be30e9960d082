"""Small map stores."""

from pathlib import Path

import numpy as np

from bench.masks.store import MapStore

MADE_BY = {"recipe": "vgg16", "size": [1280, 1918], "fold": 0}


SHAPE = (40, 60)


def noise(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A map that takes as many bytes as it has pixels."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def filled(path: Path, count: int, **made_by: object) -> Path:
    """A store of the maps car_00, car_01, ..."""
    with MapStore.create(path, MADE_BY | made_by) as store:
        for number in range(count):
            store.write(f"car_{number:02d}", noise(number))
    return path
