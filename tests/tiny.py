"""Small drawn cars, recipes that learn them within seconds, and runs made of them."""

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from scipy.ndimage import gaussian_filter

from bench.cli.arguments import make_parser, open_run
from bench.cli.verbs import VERBS, main
from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.config.recipe import Network, Recipe
from bench.config.strict import to_yaml
from bench.data.carvana import open_folder
from bench.ensembles.rules import RULES
from bench.masks import rle
from bench.masks.store import MapStore
from bench.networks import wanted
from bench.run.members import prediction_stages, training_stages
from bench.system.files import sha256
from bench.training import train

HOME = Path(__file__).parents[1]
BESIDE = HOME.parent / "shared"  # a folder `shared` beside the checkout

TINY = (80, 120)  # height, width of a drawn photograph
TRAIN_CARS = [f"{number:012x}" for number in (0x0A11CE, 0xB0B, 0xCAFE, 0xD00D)]
TEST_CAR = f"{0x7E57:012x}"


RECIPE = Recipe.model_validate(
    {
        "network": {"name": "zoo", "decoder": "unet", "encoder": "tu-test_efficientnet",
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
).named("it")  # fmt: skip

QUICK = {  # learns the tiny cars within seconds
    "name": "zoo", "decoder": "unet", "encoder": "tu-test_resnet", "pretrained": False,
    "encoder_depth": 3, "decoder_channels": [32, 16, 8],
}  # fmt: skip


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
        data = open_folder(self.data)
        images, where = sorted(data.train), self.folder / name
        task = train.Task(recipe, images[:20], images[-6:], TrainingFolder(where))
        train.run(task, data, self.folder / "cache", Machine("cpu", 1, micro_batch))
        return where


def export_tiny(root: Path, data: Path) -> Path:
    """Train a run in `root` and export its mean; the run stays in `root/runs/tiny`."""
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


@contextmanager
def serving(model: Path, *more: str) -> "Iterator[tuple[str, subprocess.Popen[str]]]":
    """A server process and its address; it is told to stop at the end, and must."""
    words = [sys.executable, "-m", "bench", "serve", "--model", str(model), "--port", "0"]
    process = subprocess.Popen(
        [*words, "--device", "cpu", *more], cwd=HOME, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr
        line = next(line for line in process.stderr if "http://" in line)
        yield line.split()[-1].rstrip("/"), process
    finally:
        process.terminate()
        process.wait(timeout=120)


def combine(parameters, maps):
    """The map of an ensemble whose parameters name their rule."""
    return RULES[parameters["rule"]].combine(maps, parameters)


MEMBERS = {"a": 0.6, "b": 0.8, "c": 1.6}  # how far each one's outlines wander


MADE_SUITE = {
    "title": "made",
    "recipes": [f"{name}.yaml" for name in MEMBERS],
    "folds": {"count": 2, "run": [0, 1], "valid_cars": 1},
    "ensembles": {rule.replace("_", "-"): {"rule": rule} for rule in RULES},
}

HISTORY = "epoch,scale,lr,train_loss,valid_dice,seconds\n1,1.0,0.003,0.5,0.9,5.0\n"


class Made:
    """A run whose maps were drawn, and the command line on it."""

    def __init__(self, folder, data, name="made"):
        self.folder, self.data, self.suite = folder, data, folder / f"{name}.yaml"
        self.run_folder = folder / "runs" / name
        for member in MEMBERS:
            (folder / f"{member}.yaml").write_text(to_yaml(RECIPE))
        self.suite.write_text(yaml.safe_dump(MADE_SUITE))

    def words(self, verb):
        places = ["--runs", str(self.folder / "runs"), "--submissions", str(self.folder / "out")]
        words = [verb, str(self.suite), "--data", str(self.data), *places, "--jobs", "1"]
        return [*words, "--device", "cpu"]

    def main(self, verb, *more):
        return main([*self.words(verb), *more])

    def draw(self, seed):
        """What training and prediction would leave."""
        assert self.main("folds") == 0
        run = open_run(make_parser(VERBS).parse_args(self.words("run")))
        for stage in training_stages(run):
            training = TrainingFolder(stage.folder)
            training.folder.mkdir(parents=True)
            training.weights.write_bytes(bytes(4000))
            noted = {"weights_sha256": sha256(training.weights)}
            manifest = {"parameters": 10**6, "seconds": 5.0, **noted}
            training.manifest.write_text(json.dumps(manifest))
            training.history.write_text(HISTORY)
            stage.note(stage.reads())
        for task in (task for stage in prediction_stages(run) for task in stage.tasks()):
            noise = MEMBERS[task.recipe.name]
            with MapStore.create(task.store, wanted.made_by(task)) as store:
                for image, digest in task.folds[0].hashes.items():
                    map = wobbly(run.data, image, noise, seed)
                    store.write(image, map, made_from=digest, seconds=noise / 10)
        for stage in prediction_stages(run):
            stage.bring_up_to_date()  # writes what stands beside the stores


def wobbly(data, image, noise, seed):
    """The true mask (an empty one for a test image) with an outline that wanders."""
    generator = np.random.default_rng([seed, int(10 * noise), *image.encode()])
    truth = data.mask(image) if image in data.masks else np.zeros((80, 120), bool)
    wander = gaussian_filter(generator.normal(size=truth.shape), 2)
    logit = 6 * (gaussian_filter(truth.astype(float), 1.5) - 0.5) + noise * wander / wander.std()
    return np.round(255 / (1 + np.exp(-logit))).astype(np.uint8)


TINY_SUITE = {
    "title": "tiny",
    "folds": {"count": 2, "run": [0, 1], "valid_cars": 1},
    "ensembles": {"vote": {"rule": "vote"}, "mean": {"rule": "mean"}},
    "reported": [{"entry": "paper", "dice": 0.99694, "source": "a paper"}],
}


class Road:
    """A folder with two recipes and a suite of them, and the command line that runs it."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.data = folder, data
        changed = {
            "a": {"reported": {"dsc_percent": 99.5}},
            "b": {"size": (40, 60), "loss": {"mse": 1.0}},
        }
        for name, changes in changed.items():
            (folder / f"{name}.yaml").write_text(to_yaml(RECIPE.model_copy(update=changes)))
        self.recipes = [str(folder / "a.yaml"), str(folder / "b.yaml")]
        self.suite = folder / "tiny.yaml"
        self.write(TINY_SUITE)

    def write(self, suite) -> None:
        self.suite.write_text(yaml.safe_dump({**suite, "recipes": self.recipes}))

    def words(self, verb: str, *more: str) -> list[str]:
        places = ["--runs", str(self.folder / "runs"), "--submissions", str(self.folder / "out")]
        given = [verb, str(self.suite), "--data", str(self.data), *places]
        return [*given, "--device", "cpu", "--jobs", "2", *more]

    def run(self, verb: str, *more: str) -> int:
        return main(self.words(verb, *more))

    def made(self, name: str) -> Path:
        return self.folder / "runs" / "tiny" / name


def packed(picture, form, **options) -> bytes:
    file = BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def wedge() -> Image.Image:
    """40 wide, 24 high, each corner another colour."""
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:12, :20], pixels[:12, 20:], pixels[12:, :20] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    return Image.fromarray(pixels)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that says it is of this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def weights(folder):
    return load_file(folder / "last.safetensors")


def same(one, other):
    return all(torch.equal(one[key], other[key]) for key in one) and one.keys() == other.keys()
