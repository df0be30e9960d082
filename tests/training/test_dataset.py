"""Samples: what a network learns from, from the disk or made when read."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.data.carvana import open_folder
from bench.training import dataset
from bench.training.augment import Augment
from bench.training.dataset import TrainingSet, sample
from bench.training.losses import total_loss
from models import networks
from models.interface import normalise, padded_forward
from tests.soft_lessons import soft_lessons
from tests.tiny import RECIPE

LEARNERS = {  # those that learn two photographs in seconds; the others have 30 million weights
    "interconnected": {"name": "autoencoder", "skips": True},
    "extractnet": {
        "name": "extractnet",
        "encoder": "mobilenet_v2",
        "layers": 6,
        "skips": True,
        "norm": True,
        "activation": "prelu",
        "pretrained": False,
    },
    "residual_unet": {
        "name": "residual_unet",
        "encoder": "mobilenet_v2",
        "combine": "add",
        "middle": 64,
        "pretrained": False,
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNERS)
def test_network_learns_two_photographs_by_heart(name, carvana_folder):
    data = open_folder(carvana_folder)
    pair = [torch.from_numpy(sample(data, (64, 96), image)) for image in sorted(data.train)[:20:19]]
    batch = torch.stack(pair).permute(0, 3, 1, 2)
    photo, target = batch[:, :3], batch[:, 3:].float() / 255
    torch.manual_seed(0)
    options = dict(LEARNERS[name])
    network = networks.build(options.pop("name"), options)
    optimiser = torch.optim.Adam(network.parameters(), lr=0.005)
    assert any(learn(network, optimiser, photo, target) > 0.95 for _ in range(200)), (
        "200 steps were not enough"
    )


def learn(network, optimiser, photo, target):
    """Dice of both images together before one more step."""
    logits = padded_forward(network, normalise(photo))
    optimiser.zero_grad()
    total_loss(RECIPE, logits, target, photo / 255).backward()
    optimiser.step()
    found, truth = logits > 0, target > 0.5
    return (2 * (found & truth).sum() / (found.sum() + truth.sum())).item()


def test_samples_too_many_for_the_disk_are_made_when_read(bench, monkeypatch):
    data = open_folder(bench.data)
    images, size = sorted(data.train)[:3], (32, 48)
    stored = dataset.samples_of(data, images, size, bench.folder / "cache", 1)
    monkeypatch.setattr(dataset, "CACHE_BYTES", 1)
    made = dataset.samples_of(data, images, size, bench.folder / "cache", 1)
    assert isinstance(made, dataset.Decoded)
    assert all((made[row] == stored[row]).all() for row in range(3))


DAMAGES = {
    "empty": lambda content: b"",
    "two bytes": lambda content: content[:2],
    "cut in its header": lambda content: content[:100],
    "cut to half": lambda content: content[: len(content) // 2],
    "one bit of its header": lambda content: bytes([content[0] ^ 1]) + content[1:],
    "one bit of a sample": lambda content: (
        content[:999] + bytes([content[999] ^ 1]) + content[1000:]
    ),
    "without its checksum": lambda content: content[:-4],
    "another kind of file": lambda content: b"PK\3\4" * 1000,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_samples_is_made_again_with_a_word(bench, capsys, damage):
    data, cache = open_folder(bench.data), bench.folder / "cache"
    images, size = sorted(data.train)[:3], (32, 48)
    dataset.samples_of(data, images, size, cache, 1)
    (path,) = cache.glob("*.npy")
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    samples = dataset.samples_of(data, images, size, cache, 1)
    assert path.read_bytes() == whole and samples.shape == (3, *size, 4)
    assert f"{path}: damaged, or of an earlier version: making it again" in capsys.readouterr().err
    dataset.samples_of(data, images, size, cache, 1)
    assert not capsys.readouterr().err


def test_who_needs_a_file_that_another_is_making_waits_for_it(bench, monkeypatch):
    data, cache, made = open_folder(bench.data), bench.folder / "cache", []
    images = sorted(data.train)[:6]

    def slow(data, size, image):
        made.append(image)
        time.sleep(0.05)
        return sample(data, size, image)

    monkeypatch.setattr(dataset, "sample", slow)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(dataset.samples_of, data, images, (32, 48), cache, 1) for _ in "ab"]
        first, second = (each.result() for each in both)
    assert sorted(made) == images and np.array_equal(first, second)
    assert [path.suffix for path in cache.iterdir() if "claim" in path.name] == []


def test_a_teachers_samples_have_its_maps_as_targets_and_a_file_of_their_own(bench, monkeypatch):
    data, cache, size = open_folder(bench.data), bench.folder / "cache", (32, 48)
    images = [*sorted(data.train)[:2], *sorted(data.test)[:2]]
    lessons = soft_lessons(data, images)
    stored = dataset.samples_of(lessons, images, size, cache, 1)
    assert [np.unique(sample[..., 3]).tolist() for sample in stored] == [[50], [60], [70], [80]]
    true = dataset.samples_of(data, images[:2], size, cache, 1)
    assert (true[..., :3] == stored[:2, ..., :3]).all() and (true[..., 3] != 50).any()
    other = replace(lessons, made_from=lessons.made_from | {images[0]: "another map"})
    dataset.samples_of(other, images, size, cache, 1)
    assert len([*cache.glob("*.npy")]) == 3
    monkeypatch.setattr(dataset, "CACHE_BYTES", 1)
    made = dataset.samples_of(lessons, images, size, cache, 1)
    assert len(made) == 4 and all((made[row] == stored[row]).all() for row in range(4))


@pytest.mark.parametrize(
    ("share", "pool", "taught"), [(0.25, 9, 5), (0.5, 4, 10), (1.0, 40, 20), (0.001, 4, 1)]
)
def test_a_teachers_samples_take_their_share_of_each_epoch(share, pool, taught):
    """True samples are black here, a teacher's white; each epoch draws others."""
    true = np.zeros((20, 8, 8, 4), np.uint8)
    soft = np.full((pool, 8, 8, 4), 255, np.uint8)
    soft[..., 3] = np.arange(pool)[:, None, None]
    lessons = dataset.Taught(soft, share)
    augment = Augment((), (8, 8))
    plain = TrainingSet(true, range(20), augment, seed=3)
    drawn = []
    for epoch in (0, 1, 0):
        found = TrainingSet(true, range(20), augment, 3, lessons)
        found.begin(epoch)
        plain.begin(epoch)
        assert len(found) == len(plain) == 20
        white = [index for index in range(20) if found[index][0].max() == 255]
        rows = [int(found[index][1].max()) for index in white]
        assert len(white) == taught and len(set(rows)) == min(taught, pool)
        black = set(range(20)) - set(white)
        assert all(torch.equal(found[index][1], plain[index][1]) for index in black)
        drawn.append((white, rows))
    assert drawn[0] == drawn[2] != drawn[1]
