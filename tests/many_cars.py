"""A run of many cars and members without a training: a few photographs' maps stand for all.

    python -m tests.many_cars OUT --cars 318 --members 25 --data DIR

OUT/data holds links to the first three cars of DIR under other names, OUT/many.yaml is a suite of
five sizes, OUT/runs/many its trainings and maps. Every verb works:

    carvana-bench run OUT/many.yaml --data OUT/data --runs OUT/runs --submissions OUT/submissions
"""

import argparse
import json
import sqlite3
from pathlib import Path

import cv2
import numpy as np
import yaml

from bench.cli.arguments import make_parser, open_run
from bench.cli.verbs import VERBS, main
from bench.config.layout import TrainingFolder
from bench.config.strict import to_yaml
from bench.data.image_ids import car_of, view_of
from bench.masks.database import checksum_of
from bench.masks.packing import pack
from bench.masks.store import MapStore
from bench.networks.wanted import made_by
from bench.own.opening import open_data
from bench.run.members import prediction_stages, training_stages
from bench.system.files import sha256
from tests.tiny import RECIPE

SIZES = ((512, 768), (640, 960), (768, 1152), (1024, 1536), (1280, 1920))
RULES = ("mean", "vote", "greedy", "weights_dice", "stacking")
SHOWN, VIEWS, VARIANTS = 3, 16, 4  # cars that are shown, their views, a member's maps of each
HEIGHT, WIDTH = 1280, 1918
HISTORY = "epoch,scale,lr,train_loss,valid_dice,seconds\n1,1.0,0.003,0.5,0.9,5.0\n"


def link_data(source, target, cars):
    """Kaggle's layout: `cars` cars to train on and as many to test, real ids, few photographs."""
    for folder in ("train", "train_masks", "test"):
        (target / folder).mkdir(parents=True)
    (target / "metadata.csv").symlink_to(source / "metadata.csv")
    ids = [line.split(",")[0].strip('"') for line in (source / "metadata.csv").open()][1:]
    shown = sorted({path.name[:12] for path in (source / "train").iterdir()})[:SHOWN]
    rows = ["img,rle_mask"]
    for place, (car, test) in enumerate(zip(ids[::2][:cars], ids[1::2][:cars], strict=True)):
        for view in range(1, VIEWS + 1):
            real = f"{shown[place % SHOWN]}_{view:02d}"
            for folder, name in (("train", car), ("test", test)):
                link = target / folder / f"{name}_{view:02d}.jpg"
                link.symlink_to(source / "train" / f"{real}.jpg")
            mask = target / "train_masks" / f"{car}_{view:02d}_mask.gif"
            mask.symlink_to(source / "train_masks" / f"{real}_mask.gif")
            rows.append(f"{test}_{view:02d}.jpg,1 1")
    (target / "sample_submission.csv").write_text("\n".join(rows) + "\n")


def draw_frames(masks, member):
    """A member's packed maps of each mask: its outline wanders, partly as that of all members."""
    generators = np.random.default_rng(0), np.random.default_rng(member + 1)
    common, own = (cv2.resize(g.normal(size=(160, 240)), (WIDTH, HEIGHT)) for g in generators)
    frames = []
    for place, truth in enumerate(masks):
        soft = 24 * (cv2.GaussianBlur(truth.astype(np.float32), (0, 0), 3) - 0.5)
        near = np.abs(soft) < 11.9
        for variant in range(VARIANTS):
            moved = 37 * (place * VARIANTS + variant) % HEIGHT
            wander = 3 * np.roll(common, moved, 0)[near] + 4 * np.roll(own, moved, 0)[near]
            map = np.where(truth, np.uint8(255), np.uint8(0))
            map[near] = np.round(255 / (1 + np.exp(-soft[near] - wander)))
            frames.append(pack(map))
    return frames


def write_store(path, maker, hashes, frames, member):
    """A map store of all images whose rows refer to the frames."""
    MapStore.create(path, maker).close()
    cars = {car: place for place, car in enumerate(sorted({car_of(image) for image in hashes}))}
    rows = []
    for image in hashes:
        place = cars[car_of(image)]
        shown = (place % SHOWN) * VIEWS + view_of(image) - 1
        number = shown * VARIANTS + (7 * place + member) % VARIANTS
        rows.append((image, checksum_of(image, HEIGHT, WIDTH, frames[number]), number))
    origins = [(image, digest, 0.05) for image, digest in hashes.items()]
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(
            "DROP TABLE maps; CREATE TABLE few (number INTEGER PRIMARY KEY, frame BLOB);"
            "CREATE TABLE many (image TEXT PRIMARY KEY, checksum INTEGER, number INTEGER);"
            f"CREATE VIEW maps AS SELECT image, {HEIGHT} AS height, {WIDTH} AS width, checksum, "
            "frame FROM many JOIN few USING (number)"
        )
        connection.executemany("INSERT INTO few VALUES (?, ?)", enumerate(frames))
        connection.executemany("INSERT INTO many VALUES (?, ?, ?)", rows)
        connection.executemany("INSERT INTO origins VALUES (?, ?, ?)", origins)
    connection.close()


def build(out, source, cars, members):
    """Write the data, the suite, its trainings and their maps."""
    link_data(source, out / "data", cars)
    for size in SIZES:
        (out / f"s{size[0]}.yaml").write_text(to_yaml(RECIPE.model_copy(update={"size": size})))
    suite = {
        "title": "many cars",
        "recipes": [f"s{height}.yaml" for height, _ in SIZES],
        "seeds": list(range(members // len(SIZES))),
        "folds": {"count": 5, "run": [0, 1, 2, 3, 4], "valid_cars": 2},
        "ensembles": {rule.replace("_", "-"): {"rule": rule} for rule in RULES},
    }
    (out / "many.yaml").write_text(yaml.safe_dump(suite))
    places = [str(out / "many.yaml"), "--data", str(out / "data"), "--runs", str(out / "runs")]
    assert main(["folds", *places]) == 0
    run = open_run(make_parser(VERBS).parse_args(["run", *places]))
    for stage in training_stages(run):
        training = TrainingFolder(stage.folder)
        training.folder.mkdir(parents=True)
        training.weights.write_bytes(bytes(4000))
        cost = {"parameters": 10**6, "gflops": 1.0, "seconds": 5.0}
        manifest = cost | {"weights_sha256": sha256(training.weights)}
        training.manifest.write_text(json.dumps(manifest))
        training.history.write_text(HISTORY)
        stage.note(stage.reads())
    real = open_data(source)
    masks = [real.mask(image) for image in sorted(real.train)[: SHOWN * VIEWS]]
    tasks = [(stage, stage.tasks()) for stage in prediction_stages(run)]
    for member in range(len(run.recipes)):
        frames = draw_frames(masks, member)
        for task in (each[member] for _, each in tasks):
            hashes = {image: each for fold in task.folds for image, each in fold.hashes.items()}
            write_store(task.store, made_by(task), hashes, frames, member)
    for stage, _ in tasks:
        stage.bring_up_to_date()  # writes what stands beside the stores


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cars", type=int, default=318)
    parser.add_argument("--members", type=int, default=25, help="a multiple of five")
    parser.add_argument("--data", type=Path, required=True, help="photographs of the competition")
    given = parser.parse_args()
    build(given.out.resolve(), given.data.resolve(), given.cars, given.members)
