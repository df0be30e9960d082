"""Edge networks learn from crops along the outline, go on bit for bit, and sharpen their maps."""

from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from bench.config.layout import TrainingFolder
from bench.data.carvana import Carvana, open_folder
from bench.masks.types import THRESHOLD
from bench.metrics.overlap import counts, dice
from bench.networks.manifest import read_manifest
from bench.system.device import Machine
from bench.training import train
from bench.training.augment import EdgeSet
from tests.edges import EDGE
from tests.tiny import same, weights


@dataclass(frozen=True)
class Blunt:
    """Maps of the true masks, blurred and moved as those of a coarse network are."""

    data: Carvana

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


def test_crops_are_the_same_for_a_seed_and_epoch_and_lie_on_the_outline(tiny_carvana):
    data = open_folder(tiny_carvana)
    crops = EdgeSet(data, sorted(data.train)[:4], Blunt(data), EDGE)
    seen, target = crops[2]
    assert seen.shape == (2, 5, 64, 64) and target.shape == (2, 1, 64, 64)
    middle = slice(16, 48)  # where the place lies that the crop is taken for
    assert all(band[middle, middle].any() for band in seen[:, 4])
    wrong = (seen[1, 3] >= THRESHOLD) != (target[1, 0] > 0)
    assert wrong.any()  # every second crop is taken where the map is wrong
    again, later = replace(crops), replace(crops, epoch=1)
    assert torch.equal(again[2][0], seen) and not torch.equal(later[2][0], seen)


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
