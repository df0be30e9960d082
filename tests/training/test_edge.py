"""Edge networks learn from crops along the outline, go on bit for bit, and sharpen their maps."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.config.layout import TrainingFolder
from bench.config.machine import Machine
from bench.data.carvana import open_folder
from bench.data.dataset import DataSet
from bench.masks.types import THRESHOLD
from bench.metrics.overlap import counts, dice
from bench.networks.manifest import read_manifest
from bench.training import train
from bench.training.dataset import crops_of
from tests.edges import EDGE
from tests.tiny import same, weights


@dataclass(frozen=True)
class Blunt:
    """Maps of the true masks, blurred and moved as those of a coarse network are."""

    data: DataSet

    def __call__(self, image: str) -> np.ndarray:
        mask = self.data.mask(image).astype(np.float32)
        small = cv2.resize(mask, (30, 20), interpolation=cv2.INTER_AREA)
        return np.round(255 * cv2.resize(np.roll(small, 1, axis=1), (120, 80))).astype(np.uint8)


def learn(data: Path, folder: Path, **changes) -> Path:
    carvana = open_folder(data)
    images = sorted(carvana.train)
    recipe = EDGE.model_copy(update=changes)
    task = train.Task(
        recipe, images[:40], images[-6:], TrainingFolder(folder), read_map=Blunt(carvana)
    )
    train.run(task, carvana, folder.parent / "cache", Machine("cpu", 1))
    return folder


def test_crops_are_the_same_for_a_seed_and_lie_on_the_outline(tiny_carvana, tmp_path):
    data = open_folder(tiny_carvana)
    images = sorted(data.train)[:4]

    def crops(**changes):
        recipe = EDGE.model_copy(update=changes)
        return crops_of(data, images, Blunt(data), recipe, tmp_path, jobs=1)

    drawn = crops()
    assert drawn.shape == (8, 64, 64, 6) and not list(tmp_path.iterdir())
    middle = slice(16, 48)  # where the place lies that the crop is taken for
    assert drawn[:, middle, middle, 4].any(axis=(1, 2)).all()
    wrong = (drawn[1::2, ..., 3] >= THRESHOLD) != (drawn[1::2, ..., 5] > 0)
    assert wrong.any(axis=(1, 2)).all()  # every second crop is taken where the map is wrong
    assert np.array_equal(crops(), drawn) and not np.array_equal(crops(seed=1), drawn)


def test_an_interrupted_edge_training_goes_on_bit_for_bit(tiny_carvana, tmp_path, monkeypatch):
    whole = learn(tiny_carvana, tmp_path / "whole")
    add_epoch = train.Trainer.add_epoch

    def stop_after_two(self, *given):
        if len(self.state.history) == 2:
            raise KeyboardInterrupt
        add_epoch(self, *given)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(train.Trainer, "add_epoch", stop_after_two)
        learn(tiny_carvana, tmp_path / "parts")
    parts = learn(tiny_carvana, tmp_path / "parts")
    assert same(weights(whole), weights(parts))
    assert read_manifest(whole / "manifest.json").valid_dice == pytest.approx(
        read_manifest(parts / "manifest.json").valid_dice, abs=0
    )


def test_an_edge_network_makes_blunt_maps_better(tiny_carvana, tmp_path):
    data = open_folder(tiny_carvana)
    blunt, valid = Blunt(data), sorted(data.train)[-6:]
    before = [dice(counts(blunt(image) >= THRESHOLD, data.mask(image))) for image in valid]
    learned = read_manifest(learn(tiny_carvana, tmp_path / "edge", epochs=4) / "manifest.json")
    assert learned.valid_dice > 0.5 + 0.5 * np.mean(before)  # half of what is wrong is mended


def test_an_edge_network_without_maps_is_a_mistake_of_the_caller(tiny_carvana, tmp_path):
    data = open_folder(tiny_carvana)
    images = sorted(data.train)
    task = train.Task(EDGE, images[:20], images[-6:], TrainingFolder(tmp_path / "none"))
    with pytest.raises(TypeError, match="no map to sharpen"):
        train.run(task, data, tmp_path / "cache", Machine("cpu", 1))
