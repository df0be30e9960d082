"""A data set for the tests of this folder."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def copy(tiny_carvana: Path, tmp_path: Path) -> Path:
    """A tiny data set that a test may damage."""
    return shutil.copytree(tiny_carvana, tmp_path / "copy")
