"""Samples: what a network learns from, from the disk or made when read."""

import pytest
import torch

import models
from bench.data.carvana import open_folder
from bench.training import dataset
from bench.training.dataset import sample
from bench.training.losses import total_loss
from models.interface import normalise, padded_forward
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
    network = models.build(options.pop("name"), options)
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
