"""Data every test may ask for: the real photographs where they are there, and tiny drawn ones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait for another

import cv2
import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from bench import rle
from bench.recipe import Network, Recipe
from bench.strict import to_yaml

if TYPE_CHECKING:
    from playwright.sync_api import Browser

settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")

HOME = Path(__file__).parents[1]
BESIDE = HOME.parent / "shared"  # a folder `shared` beside the checkout
TINY = (80, 120)  # height, width of a drawn photograph
TRAIN_CARS = [f"{number:012x}" for number in (0x0A11CE, 0xB0B, 0xCAFE, 0xD00D)]
TEST_CAR = f"{0x7E57:012x}"


RECIPE = Recipe.model_validate(
    {
        "network": {"name": "zoo", "decoder": "unet", "encoder": "mobilenet_v2",
                    "pretrained": False, "decoder_channels": [16, 16, 8, 8, 8]},
        "size": [32, 48],
        "loss": {"bce": 1, "soft_dice": 1},
        "optimiser": {"name": "adamw", "lr": 0.003},
        "schedule": "one_cycle",
        "epochs": 3,
        "batch": 4,
        "augment": ["crop", "colour", "flip", "affine"],
        "source": "test",
        "goal": "test",
    }
)  # fmt: skip


QUICK = {  # learns the tiny cars within seconds
    "name": "zoo", "decoder": "unet", "encoder": "resnet18", "pretrained": False,
    "encoder_depth": 3, "decoder_channels": [32, 16, 8],
}  # fmt: skip


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


def draw_folder(root: Path) -> None:
    """Draw the tiny data set into `root`: every file of Kaggle's layout."""
    for folder in ("train", "train_masks", "test"):
        (root / folder).mkdir()
    rows = ["img,rle_mask"]
    for number, car in enumerate([*TRAIN_CARS, TEST_CAR]):
        for view in range(1, 17):
            photograph, mask = draw_car(number, view)
            name = f"{car}_{view:02d}"
            folder = "test" if car == TEST_CAR else "train"
            Image.fromarray(photograph).save(root / folder / f"{name}.jpg", quality=90)
            if car != TEST_CAR:
                save_mask(root / "train_masks" / f"{name}_mask.gif", mask)
                rows.append(f"{name}.jpg,{rle.encode(mask)}")
    (root / "train_masks.csv").write_text("\n".join(rows) + "\n")
    sample = [f"{TEST_CAR}_{view:02d}.jpg,1 1" for view in range(1, 17)]
    (root / "sample_submission.csv").write_text("\n".join(["img,rle_mask", *sample]) + "\n")
    cars = [f'"{car}","2014","Make","Model","trim","trim"' for car in [*TRAIN_CARS, TEST_CAR]]
    header = '"id","year","make","model","trim1","trim2"'
    (root / "metadata.csv").write_text("\n".join([header, *cars]) + "\n")


def draw_car(number: int, view: int) -> tuple[np.ndarray, np.ndarray]:
    """A car-like blob that widens as it turns: uint8 (80, 120, 3) and bool (80, 120)."""
    random = np.random.default_rng([number, view])
    turned = abs(np.sin(2 * np.pi * (view - 1) / 16))
    half = int(22 + 3 * number + 14 * turned)  # half the length in pixels
    mask = np.zeros(TINY, dtype=np.uint8)
    cv2.ellipse(mask, (60, 48), (half, 12 + number), 0, 0, 360, 1, -1)
    cv2.ellipse(mask, (60, 38), (half // 2, 14), 0, 180, 360, 1, -1)
    for x in (60 - half // 2, 60 + half // 2):
        cv2.circle(mask, (x, 60), 6, 1, -1)
    paint = np.random.default_rng(number).integers(30, 140, 3)
    photograph = np.where(mask[..., None] == 1, paint, 215) + random.normal(0, 6, (*TINY, 3))
    return np.clip(photograph, 0, 255).astype(np.uint8), mask.astype(bool)


def save_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask as Kaggle does: a palette GIF with the values 0 and 1."""
    picture = Image.fromarray(mask.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 255, 255])
    picture.save(path)


@dataclass
class Bench:
    """The tiny data set and a place to train on it."""

    data: Path
    folder: Path

    def run(self, name: str, recipe: Recipe = RECIPE, micro_batch: int | None = None) -> Path:
        from bench import train
        from bench.carvana import open_folder
        from bench.device import Machine

        data = open_folder(self.data)
        images, where = sorted(data.train), self.folder / name
        task = train.Task("it", recipe, images[:20], images[-6:], where)
        train.run(task, data, self.folder / "cache", Machine("cpu", 1, micro_batch))
        return where


@pytest.fixture
def bench(tiny_carvana: Path, tmp_path: Path) -> Bench:
    """Where recipes are trained within seconds."""
    return Bench(tiny_carvana, tmp_path)


@pytest.fixture(scope="session")
def exported(tiny_carvana: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported mean of two small members, trained on the tiny cars within seconds."""
    return export_tiny(tmp_path_factory.mktemp("exported"), tiny_carvana)


def export_tiny(root: Path, data: Path) -> Path:
    """Train a run in `root` and export its mean; the run stays in `root/runs/tiny`."""
    from bench.cli import main

    learner = {"network": Network(**QUICK), "epochs": 9, "augment": ("flip",)}
    for name, size in {"a": (32, 48), "b": (40, 60)}.items():
        recipe = RECIPE.model_copy(update={**learner, "size": size})
        (root / f"{name}.yaml").write_text(to_yaml(recipe))
    suite = root / "tiny.yaml"
    suite.write_text(
        "title: tiny\nrecipes: [a.yaml, b.yaml]\nfolds: {count: 2, valid_cars: 1}\n"
        "ensembles: {mean: {rule: mean}, vote: {rule: vote}, greedy: {rule: greedy}}\n"
    )
    run, out = root / "runs" / "tiny", root / "model"
    places = ["--data", str(data), "--runs", str(run.parent), "--device", "cpu"]
    assert main(["train", str(suite), *places]) == 0
    assert main(["export", "--run", str(run), "--entry", "mean", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="session")
def photo(tiny_carvana: Path) -> bytes:
    """The bytes of one of the tiny photographs."""
    return (tiny_carvana / "train" / f"{TRAIN_CARS[1]}_05.jpg").read_bytes()


@pytest.fixture(scope="session")
def server(exported: Path) -> Iterator[str]:
    """The address of a real server process with that model."""
    with serving(exported) as (address, _):
        yield address


@contextmanager
def serving(model: Path) -> "Iterator[tuple[str, subprocess.Popen[str]]]":
    """A server process and its address; it is told to stop at the end, and must."""
    words = [sys.executable, "-m", "bench", "serve", "--model", str(model), "--port", "0"]
    process = subprocess.Popen(
        [*words, "--device", "cpu"], cwd=HOME, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        line = next(line for line in process.stderr if "http://" in line)
        yield line.split()[-1].rstrip("/"), process
    finally:
        process.terminate()
        process.wait(timeout=120)
