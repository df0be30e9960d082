"""Training: the same interrupted or not, in micro-batches or whole, and loud when it fails."""

import math

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from bench.system.device import accelerator_of
from bench.system.errors import BadConfig, BenchError
from bench.training import epoch, memory, train
from tests.tiny import RECIPE, same, weights

TRIALS = 3  # steps that find out how many images fit into memory


@pytest.mark.slow
def test_interrupted_training_ends_in_the_same_bits(bench, monkeypatch):
    whole = bench.run("whole")
    calls = []

    def dies_in_the_second_epoch(*arguments):
        calls.append(1)
        if len(calls) == 7 + TRIALS:  # five batches an epoch
            raise KeyboardInterrupt
        return loss(*arguments)

    loss = epoch._loss
    monkeypatch.setattr(epoch, "_loss", dies_in_the_second_epoch)
    with pytest.raises(KeyboardInterrupt):
        bench.run("cut")
    assert not (bench.folder / "cut" / "manifest.json").exists()
    monkeypatch.setattr(epoch, "_loss", loss)
    cut = bench.run("cut")
    assert same(weights(whole), weights(cut))
    histories = [
        pd.read_csv(folder / "history.csv").drop(columns=["seconds", "other_cores"])
        for folder in (whole, cut)
    ]
    pd.testing.assert_frame_equal(*histories)
    assert len(histories[0]) == 3
    assert not (cut / "state.pt").exists()


@pytest.mark.slow
def test_best_epoch_is_kept_and_a_finished_training_is_left_alone(bench):
    folder = bench.run("it")
    history = pd.read_csv(folder / "history.csv")
    manifest = pd.read_json(folder / "manifest.json", typ="series")
    assert manifest["best_epoch"] == history["epoch"][history["valid_dice"].idxmax()]
    before = (folder / "manifest.json").stat().st_mtime_ns
    (folder / "state.pt").write_bytes(b"of a process that was killed after the manifest")
    recipe = (folder / "recipe.yaml").read_text()
    (folder / "recipe.yaml").unlink()  # as the message about a damaged one asks for
    bench.run("it")
    assert (folder / "recipe.yaml").read_text() == recipe
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    assert not (folder / "state.pt").exists()


@pytest.mark.slow
def test_seed_decides_the_weights(bench):
    one = bench.run("one", RECIPE.model_copy(update={"epochs": 1}))
    other = bench.run("other", RECIPE.model_copy(update={"epochs": 1, "seed": 1}))
    assert not same(weights(one), weights(other))


class Plain(nn.Module):
    """One convolution: no batch norm, which alone may see the micro-batch."""

    stride = 1

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 1, 3, padding=1)

    def forward(self, image):
        return self.layer(image)


@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_micro_batches_add_up_to_the_batch(micro_batch):
    images = torch.randint(0, 256, (4, 3, 8, 12), dtype=torch.uint8)
    targets = torch.randint(0, 256, (4, 1, 8, 12), dtype=torch.uint8)
    results = []
    for size in (4, micro_batch):
        torch.manual_seed(0)
        network = Plain()
        accelerator = accelerator_of("cpu")
        for image, target in zip(images.split(size), targets.split(size), strict=True):
            loss = epoch._loss(network, image, target, RECIPE, accelerator)
            (len(image) / 4 * loss).backward()
        results.append(network.layer.weight.grad)
    assert torch.allclose(*results, atol=2e-3)  # of about 0.1; bf16 rounds both


def test_the_loss_sees_the_photograph_as_it_is_and_the_network_a_normalised_one(monkeypatch):
    image = torch.randint(0, 256, (2, 3, 8, 12), dtype=torch.uint8)
    target = torch.randint(0, 256, (2, 1, 8, 12), dtype=torch.uint8)
    seen = []
    total = epoch.total_loss
    monkeypatch.setattr(epoch, "total_loss", lambda *a: seen.append(a) or total(*a))
    epoch._loss(Plain(), image, target, RECIPE, accelerator_of("cpu"))
    recipe, _, seen_target, seen_photo = seen[0]
    assert recipe == RECIPE
    assert torch.equal(seen_target, target / 255) and torch.equal(seen_photo, image / 255)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_epoch(bench, monkeypatch):
    total = epoch.total_loss
    monkeypatch.setattr(epoch, "total_loss", lambda *a: total(*a) * (math.nan if broken else 1))
    broken, save = False, train.save

    def breaks_after_the_first_epoch(*arguments):
        nonlocal broken
        save(*arguments)
        broken = True

    monkeypatch.setattr(train, "save", breaks_after_the_first_epoch)
    with pytest.raises(BenchError, match=r"epoch 2/3, batch 1: the loss is nan.*Lower `lr`"):
        bench.run("it")
    kept = load_file(bench.folder / "it" / "weights.safetensors")
    assert all(value.isfinite().all() for value in kept.values())


def test_running_out_of_memory_says_which_number_to_lower(bench, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(epoch, "_loss", full)
    with pytest.raises(BenchError, match="4 images of 32x48 at once; use --micro-batch 2"):
        bench.run("it", micro_batch=4)
    with pytest.raises(BenchError, match="3 images of 32x48 at once; use --micro-batch 1"):
        bench.run("it")


@pytest.mark.slow
def test_a_training_takes_as_many_images_at_once_as_fit(bench, monkeypatch):
    sizes = []
    loss = epoch._loss
    monkeypatch.setattr(epoch, "_loss", lambda *a: sizes.append(len(a[1])) or loss(*a))
    one_epoch = RECIPE.model_copy(update={"epochs": 1})
    chosen = bench.run("chosen", one_epoch)
    assert set(sizes[TRIALS:]) == {4}
    fixed = bench.run("fixed", one_epoch, micro_batch=4)
    assert same(weights(chosen), weights(fixed))
    sizes.clear()
    monkeypatch.setattr(memory, "find_micro_batch", lambda *_: 2)
    bench.run("small", one_epoch)
    assert sizes == [2] * 10


def test_a_batch_larger_than_the_data_is_refused(bench):
    with pytest.raises(BadConfig, match="batch 64 is larger than the 20 photographs"):
        bench.run("it", RECIPE.model_copy(update={"batch": 64}))


@pytest.mark.parametrize("damaged", ["weights.safetensors", "manifest.json"])
def test_a_finished_training_that_was_damaged_is_trained_again(damaged, bench, capsys):
    one_epoch = RECIPE.model_copy(update={"epochs": 1})
    folder = bench.run("it", one_epoch, micro_batch=4)
    whole = weights(folder)
    content = (folder / damaged).read_bytes()
    (folder / damaged).write_bytes(content[: len(content) // 2])
    bench.run("it", one_epoch, micro_batch=4)
    said = capsys.readouterr().err
    assert f"{folder / damaged}" in said and "training again" in said
    assert same(weights(folder), whole)
