"""Photographs to cut out."""

import pytest
from PIL import Image

from tests.tiny import TRAIN_CARS


@pytest.fixture
def folder(tiny_carvana, tmp_path):
    """Two photographs, one in a folder of its own, one rotated by EXIF, and a letter."""
    root = tmp_path / "photographs"
    (root / "more").mkdir(parents=True)
    first = Image.open(tiny_carvana / "train" / f"{TRAIN_CARS[0]}_01.jpg")
    first.save(root / "first.jpeg", quality=95)
    exif = Image.Exif()
    exif[0x0112] = 6
    first.transpose(Image.Transpose.ROTATE_90).save(root / "more" / "phone.jpg", exif=exif)
    (root / "letter.jpg.txt").write_text("not a photograph")
    return root
