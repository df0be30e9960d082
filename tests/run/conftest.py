"""A finished run of drawn maps, and a copy of it for each test that changes something."""

import shutil

import pytest

from tests.tiny import Made


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tiny_carvana):
    """A run whose maps were drawn, scored, ranked, reported and handed in."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(tiny_carvana, folder / "data")
    made = Made(folder, folder / "data")
    made.draw(seed=0)
    assert made.main("run") == 0
    return made


@pytest.fixture
def made(finished, tmp_path):
    """A copy of that run, in another place and of another time."""
    shutil.copytree(finished.folder, tmp_path / "copy")
    return Made(tmp_path / "copy", tmp_path / "copy" / "data")
