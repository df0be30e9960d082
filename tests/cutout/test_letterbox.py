import numpy as np
import pytest

from bench.cutout.letterbox import letterbox
from bench.masks import resize

rng = np.random.default_rng(0)


@pytest.mark.parametrize("size", [(320, 480), (1280, 1920), (256, 384)])
def test_carvana_goes_through_as_in_training(size):
    photo = rng.integers(0, 256, (1280, 1918, 3), dtype=np.uint8)
    p = rng.random(size, dtype=np.float32)
    found = letterbox((1280, 1918), size)
    assert np.array_equal(found.shrink(photo), resize.shrink(photo, size))
    assert np.array_equal(found.grow(p), resize.grow(p, (1280, 1918)))


@pytest.mark.parametrize(
    "photo", [(4000, 3000), (600, 1600), (90, 120), (1, 1), (1, 3000), (3000, 1)], ids=str
)
def test_any_shape_fills_the_grid_without_being_stretched(photo):
    size = (320, 480)
    found = letterbox(photo, size)
    assert found.inner[0] == size[0] or found.inner[1] == size[1]
    assert found.shrink(np.full((*photo, 3), 7, np.uint8)).shape == (*size, 3)
    if min(photo) > 1:
        scales = [inner / outer for inner, outer in zip(found.inner, photo, strict=True)]
        assert scales[0] == pytest.approx(scales[1], rel=0.02)
    assert found.grow(np.ones(size, np.float32)).shape == photo


def test_what_is_shrunk_grows_back_in_its_place():
    photo = np.zeros((900, 500, 3), np.uint8)
    photo[300:600, 100:300] = 255
    found = letterbox((900, 500), (320, 480))
    back = found.grow(found.shrink(photo)[..., 0].astype(np.float32) / 255)
    wrong = (back >= 128) != (photo[..., 0] >= 128)
    assert wrong.mean() < 0.005
