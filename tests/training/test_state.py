"""The state of a training: what is damaged or of another recipe is refused."""

import math
import os

import pytest
import torch

from bench.system.device import Machine
from bench.system.errors import BadConfig, BadData
from bench.training import train
from bench.training.state import trial_state
from tests.tiny import RECIPE


def test_a_trial_does_what_a_step_does_but_learns_nothing():
    trial = trial_state(RECIPE)
    before = [one.detach().clone() for one in trial.network.parameters()]
    batch = torch.full((4, 3, 32, 48), 9, dtype=torch.uint8), torch.zeros(4, 1, 32, 48)
    accelerator = Machine("cpu").accelerator()
    assert math.isfinite(train.train_one_epoch(trial, iter([batch]), RECIPE, 4, accelerator, "it"))
    assert all(map(torch.equal, before, trial.network.parameters()))
    assert len(trial.optimiser.state) == len(before)


def test_a_damaged_state_is_named(bench, monkeypatch):
    (bench.folder / "it").mkdir()
    (bench.folder / "it" / "state.pt").write_bytes(b"PK broken")
    with pytest.raises(BadData, match=r"state\.pt: damaged"):
        bench.run("it")


def test_a_state_with_code_in_it_is_not_run(bench, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    (bench.folder / "it").mkdir()
    torch.save({"network": Attack()}, bench.folder / "it" / "state.pt")
    with pytest.raises(BadData):
        bench.run("it")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.slow
def test_a_folder_of_another_recipe_is_refused(bench):
    bench.run("it", RECIPE.model_copy(update={"epochs": 1}))
    with pytest.raises(BadConfig, match="made with another epochs"):
        bench.run("it")
