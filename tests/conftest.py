"""Data every test may ask for: the real photographs where they are there, and tiny drawn ones."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait for another
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # read when the library is imported

import pandas as pd
import pytest
from hypothesis import settings

from tests.tiny import BESIDE, TRAIN_CARS, Bench, Made, Road, draw_folder, export_tiny, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")


WAITING = ("tests/workers/", "tests/training/test_ranks.py", "tests/test_installed.py")
MARKS = {"chromium": "browser", "exported": "slow"}  # the fixture trains for seconds


@pytest.hookimpl(tryfirst=True)  # before -m takes its choice
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for a browser, or for a model that is trained first.

    Those that mostly wait for other processes come first, that others fill their time.
    """
    items.sort(key=lambda item: not item.nodeid.startswith(WAITING))
    for item in items:
        for fixture in MARKS.keys() & getattr(item, "fixturenames", ()):
            item.add_marker(MARKS[fixture])


def _found(variable: str, folder: str) -> Path:
    path = Path(os.environ.get(variable, BESIDE / folder))
    if not path.is_dir():
        pytest.skip(f"no {path}: set {variable} to test on real files")
    return path


@pytest.fixture(scope="session")
def carvana_folder() -> Path:
    """The real data set, in Kaggle's layout; it is only read."""
    return _found("CARVANA_DATA", "carvana")


@pytest.fixture(scope="session")
def weights_folder() -> Path:
    """Pretrained weights as local safetensors files; they are only read."""
    return _found("CARVANA_WEIGHTS", "weights")


@pytest.fixture(scope="module")  # while it is there, no test may start a loop of asyncio
def chromium() -> "Iterator[Browser]":
    """A headless Chromium for the whole session; each test opens pages of its own: `new_page()`."""
    program = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    if not Path(program).exists():
        pytest.skip(f"no {program}: apt-get install chromium, or set CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install it")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=program, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def tiny_carvana(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn cars with masks, one without, 16 views of 80x120 each; tests only read it."""
    root = tmp_path_factory.mktemp("tiny")
    draw_folder(root)
    return root


@pytest.fixture
def copy(tiny_carvana: Path, tmp_path: Path) -> Path:
    """A tiny data set that a test may damage."""
    return shutil.copytree(tiny_carvana, tmp_path / "copy")


@pytest.fixture
def bench(tiny_carvana: Path, tmp_path: Path) -> Bench:
    """Where recipes are trained within seconds."""
    return Bench(tiny_carvana, tmp_path)


@pytest.fixture(scope="session")
def exported(tiny_carvana: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported mean of two small members, trained on the tiny cars within seconds."""
    return export_tiny(tmp_path_factory.mktemp("exported"), tiny_carvana)


@pytest.fixture(scope="session")
def photo(tiny_carvana: Path) -> bytes:
    """The bytes of one of the tiny photographs."""
    return (tiny_carvana / "train" / f"{TRAIN_CARS[1]}_05.jpg").read_bytes()


@pytest.fixture(scope="session")
def server(exported: Path) -> Iterator[str]:
    """The address of a real server process with that model."""
    with serving(exported) as (address, _):
        yield address


@pytest.fixture(scope="session")
def made(tiny_carvana: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A scored and ranked run whose maps were drawn; tests only add to it."""
    found = Made(tmp_path_factory.mktemp("made"), tiny_carvana)
    found.draw(seed=0)
    assert found.main("score") == 0
    assert found.main("leaderboard") == 0
    return found


@pytest.fixture(scope="session")
def scores(made: Made) -> pd.DataFrame:
    """Every entry of `made` on every photograph."""
    return pd.read_parquet(made.run_folder / "scores.parquet")


@pytest.fixture(scope="session")
def board(made: Made) -> pd.DataFrame:
    """The leaderboard of `made`, by entry."""
    return pd.read_csv(made.run_folder / "leaderboard.csv").set_index("entry")


@pytest.fixture(scope="session")
def road(tiny_carvana: Path, tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A finished run."""
    found = Road(tmp_path_factory.mktemp("road"), tiny_carvana)
    assert found.run("run") == 0
    return found
