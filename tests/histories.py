"""A tiny run, its inputs in several variants, and what a run of them from nothing makes."""

import atexit
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from io import StringIO
from pathlib import Path

import pandas as pd
import yaml
from hypothesis import strategies as st

from bench.cli.verbs import main
from bench.masks.store import MapStore
from tests.tiny import TEST_CAR, TRAIN_CARS, draw_folder

VIEWS = ("01", "04", "06")
RESTED_S = 0.03  # tests cannot wait for seconds
TIMES = ["train_s", "predict_ms", "pareto"]  # which a run from nothing has others of
CHOICE = re.compile(
    r"train it first|put|restore|remove|train again|first: |mend|choose|run the suite|run again"
)
BASE = {
    "size": [16, 24], "loss": {"bce": 1}, "batch": 3, "augment": ["flip"],
    "optimiser": {"name": "adam", "lr": 0.003}, "source": "test", "goal": "test",
}  # fmt: skip
NETWORKS = {
    "classic": {"network": {"name": "otsu_watershed"}, "epochs": 0, "tta": {"flip": False}},
    "learner": {"network": {"name": "autoencoder", "skips": True}, "epochs": 4},
}
CHANGES = [  # of a recipe
    {},
    {"goal": "another"},
    {"reported": {"dice": 0.9}},
    {"refine": ["fill_holes"]},
    {"tta": {"flip": False, "scales": [1.0, 2.0]}},
    {"seed": 7},
    {"optimiser": {"name": "adam", "lr": 0.01}},
]
ENSEMBLES = {
    "vote": {"rule": "vote"},
    "mean": {"rule": "mean"},
    "greedy": {"rule": "greedy"},
    "weighted": {"rule": "mean", "members": ["classic.yaml", "learner.yaml"], "weights": [1, 2]},
    "stacking": {"rule": "stacking", "refine": ["fill_holes"]},
}
TRAIN = [f"train/{car}_{view}.jpg" for car in TRAIN_CARS for view in VIEWS]
MASKS = [f"train_masks/{car}_{view}_mask.gif" for car in TRAIN_CARS for view in VIEWS]
TEST = [f"test/{TEST_CAR}_{view}.jpg" for view in VIEWS]
TABLES = ["train_masks.csv", "metadata.csv", "sample_submission.csv"]
FILES = (
    st.sampled_from(TABLES)
    | st.sampled_from(TRAIN)
    | st.sampled_from(MASKS)
    | st.sampled_from(TEST)
)
MACHINE = ["--jobs", "1", "--device", "cpu"]
EXACT = ("analysis.json", "parameters.json", "ceilings.json", "by_view.csv", "by_make.csv",
         "folds.csv", "leak_audit.json", "refinement.json")  # fmt: skip
KEPT_RECORDS = ("made.json", "folds.json")
RUN = r"^(?!.*ensembles/.*sqlite|.*last\.safetensors)"
SCORED = r"scores|ceilings|analysis|parameters"
PRODUCTS = {  # verb -> what it has made, or checked, when it ends with 0
    "run": RUN,
    "train": r"/weights\.safetensors|folds\.csv",
    "predict": r"(classic|learner)/maps-",
    "score": SCORED,
    "leaderboard": rf"{SCORED}|leaderboard|by_",
    "report": rf"{SCORED}|leaderboard|by_",
    "submit": r"out/",
    "ensemble": r"ensembles/.*heldout",
    "ensemble --split test": r"ensembles/.*test",
    "run --verify": RUN,
}


@cache
def originals() -> dict[str, bytes]:
    """The data set of four training cars and a test car, three views each."""
    with tempfile.TemporaryDirectory() as folder:
        draw_folder(Path(folder))
        found = {
            str(path.relative_to(folder)): path.read_bytes()
            for path in Path(folder).rglob("*.*")
            if path.suffix == ".csv" or path.stem.removesuffix("_mask")[-2:] in VIEWS
        }
    for name in TABLES:
        lines = found[name].decode().splitlines(keepends=True)
        kept = [line for line in lines if not re.search(r"_\d\d", line) or line[13:15] in VIEWS]
        found[name] = "".join(kept).encode()
    return found


def variant(name: str, number: int) -> bytes | None:
    """A file as it was, gone, cut short, or with the content of another of its kind."""
    kind = next(kind for kind in (TRAIN, MASKS, TEST, TABLES) if name in kind)
    content = originals()[name]
    if number == 0:
        return content
    if name in TABLES:
        other = {
            "train_masks.csv": content.replace(b",1", b",2", 1),
            "metadata.csv": content.replace(b"Make", b"Other", 2),
            "sample_submission.csv": content.replace(b".jpg", b".JPG"),
        }
        return None if number % 2 else other[name]
    if number == 1:
        return None if kind in (MASKS, TEST) else content[: len(content) // 2]
    pictures = (*TRAIN, *TEST) if kind != MASKS else MASKS
    return originals()[pictures[number % len(pictures)]]


def from_nothing(work: Path) -> tuple[int, dict[str, object]]:
    """The exit code and products of a run of the same inputs and folds in another folder."""
    key = fingerprint(work)
    if key not in KNOWN:
        with tempfile.TemporaryDirectory() as folder:
            fresh = Path(folder)
            for name in ("folds.csv", "environment.json", "made/folds.json"):
                copy(template() / "runs" / "s" / name, fresh / "runs" / "s" / name)
            words = [*places(work, fresh), "--quiet"]
            codes = [call(verb, *words)[0] for verb in ("run", "ensemble")]
            codes.append(call("ensemble", *words, "--split", "test")[0])
            KNOWN[key] = max(codes), products(fresh)
    return KNOWN[key]


KNOWN: dict[str, tuple[int, dict[str, object]]] = {}


def fingerprint(work: Path) -> str:
    """What decides the products: every file but the run's own."""
    hashed = sha256()
    for path in sorted([*work.glob("*.yaml"), *(work / "data").rglob("*.*")]):
        hashed.update(f"{path.relative_to(work)}".encode() + path.read_bytes())
    return hashed.hexdigest()


def places(work: Path, made: Path) -> list[str]:
    folders = ["--runs", str(made / "runs"), "--submissions", str(made / "out")]
    return [str(work / "s.yaml"), "--data", str(work / "data"), *folders, *MACHINE]


def call(verb: str, *words: str) -> tuple[int, str]:
    """The exit code of a verb, and its last words."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = main([verb, *words])
    lines = err.getvalue().strip().splitlines()
    return code, lines[-1] if lines else ""


def products(made: Path, like: str = "") -> dict[str, object]:
    """What a run made and is named like an expression, by name, without the times that it took."""
    run, found = made / "runs" / "s", dict[str, object]()
    for path in sorted([*run.rglob("*.*"), *(made / "out").glob("*.csv.gz")]):
        name = str(path.relative_to(made))
        if not re.search(like, name):
            continue
        if path.suffix == ".sqlite" and path.stem.startswith("maps-"):
            with MapStore.open(path) as store:
                found[name] = {image: store.read(image).tobytes() for image in store.ids()}
        elif path.name in ("leaderboard.csv", "scores.parquet"):
            read = pd.read_csv if path.suffix == ".csv" else pd.read_parquet
            found[name] = read(path).drop(columns=TIMES, errors="ignore").to_csv()
        elif path.suffix in (".gz", ".yaml", ".safetensors") or path.name in EXACT:
            found[name] = path.read_bytes()
    return found


@cache
def template() -> Path:
    """A folder with inputs and a finished run; the machine works on copies."""
    work = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, work)
    for name in originals():
        put(work / "data" / name, originals()[name])
    write_config(work, Inputs())
    assert call("run", *places(work, work))[0] == 0
    return work


def put(path: Path, content: bytes | None, keep_time: bool = False) -> None:
    """Give a file other content, or remove it; perhaps with the time that it had."""
    before = path.stat() if path.exists() else None
    if content is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if before and keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def copy(path: Path, to: Path) -> None:
    put(to, path.read_bytes())


@dataclass(frozen=True)
class Inputs:
    """The files that are not as they were, the recipes' changes, and the suite's."""

    files: Mapping[str, int] = field(default_factory=dict)
    recipes: Mapping[str, int] = field(default_factory=dict)
    ensembles: frozenset[str] = frozenset({"vote", "mean", "greedy"})
    title: str = "title"
    folds: tuple[int, ...] = (0,)
    reported: float = 0.9


def write_config(work: Path, inputs: Inputs) -> None:
    for name, network in NETWORKS.items():
        recipe = {**BASE, **network, **CHANGES[inputs.recipes.get(name, 0)]}
        put(work / f"{name}.yaml", yaml.safe_dump(recipe).encode())
    suite = {
        "title": inputs.title,
        "recipes": [f"{name}.yaml" for name in NETWORKS],
        "folds": {"count": 2, "run": list(inputs.folds), "valid_cars": 1},
        "ensembles": {name: ENSEMBLES[name] for name in sorted(inputs.ensembles)},
        "reported": [{"entry": "paper", "dice": inputs.reported, "source": "a paper"}],
    }
    put(work / "s.yaml", yaml.safe_dump(suite).encode())
