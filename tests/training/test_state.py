"""The state of a training: what is damaged is not used, and nothing in it is ever run."""

import math
import os
import pickle
import shutil

import pytest
import torch

from bench.config.layout import TrainingFolder
from bench.system.device import accelerator_of
from bench.system.errors import BadConfig, BadFile
from bench.system.files import sha256
from bench.training import train
from bench.training.state import begin, begin_or_resume, trial_state
from tests.tiny import RECIPE, Bench, same

CPU = accelerator_of("cpu")


def test_a_trial_does_what_a_step_does_but_learns_nothing():
    trial = trial_state(RECIPE)
    before = [one.detach().clone() for one in trial.network.parameters()]
    batch = torch.full((4, 3, 32, 48), 9, dtype=torch.uint8), torch.zeros(4, 1, 32, 48)
    loss = train.train_one_epoch(trial, iter([batch]), RECIPE, [4], CPU, "it")
    assert math.isfinite(loss)
    assert all(map(torch.equal, before, trial.network.parameters()))
    assert len(trial.optimiser.state) == len(before)


ONE_EPOCH = RECIPE.model_copy(update={"epochs": 1, "schedule": "constant"})


@pytest.fixture(scope="module")
def cut(tiny_carvana, tmp_path_factory):
    """The folder of a training that was interrupted after its first epoch of three."""
    bench = Bench(tiny_carvana, tmp_path_factory.mktemp("cut"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "report_dice", interrupt)
        with pytest.raises(KeyboardInterrupt):
            bench.run("it", LONGER, micro_batch=4)
    return bench.folder / "it"


LONGER = ONE_EPOCH.model_copy(update={"epochs": 3})


def interrupt(*_):
    raise KeyboardInterrupt


def old_version(state):
    """What an earlier version saved: without a checksum, recipe and hash of the weights."""
    stored = torch.load(state, weights_only=True)
    torch.save({name: stored[name] for name in stored if "sha256" not in name}, state)


def change(state, name, value):
    stored = torch.load(state, weights_only=True)
    torch.save(stored | {name: value}, state)


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def change_best(folder):
    """The weights of an epoch before the last saved one, which that one cannot make again."""
    change(folder / "state.pt", "weights_sha256", sha256(folder / "weights.safetensors"))
    flip(folder / "weights.safetensors", -5)
    stored = torch.load(folder / "state.pt", weights_only=True)
    change(folder / "state.pt", "network", {k: 2 * v for k, v in stored["network"].items()})


DAMAGES = {
    "emptied": lambda folder: (folder / "state.pt").write_bytes(b""),
    "cut": lambda folder: os.truncate(folder / "state.pt", 70_000),
    "cut by a byte": lambda folder: os.truncate(
        folder / "state.pt", (folder / "state.pt").stat().st_size - 1
    ),
    "no state": lambda folder: (folder / "state.pt").write_bytes(b"PK broken"),
    "a bare pickle": lambda folder: (folder / "state.pt").write_bytes(pickle.dumps({"a": 1})),
    "a byte of a tensor": lambda folder: flip(folder / "state.pt", 60_000),
    "a byte of the checksum": lambda folder: flip(folder / "state.pt", -5),
    "of another recipe": lambda folder: change(folder / "state.pt", "recipe", "epochs: 4"),
    "without an optimiser": lambda folder: change(folder / "state.pt", "optimiser", {}),
    "of another network": lambda folder: change(folder / "state.pt", "network", {}),
    "epochs too many": lambda folder: change(
        folder / "state.pt", "history", [{"scale": 1.0, "valid_dice": 0.5}] * 99
    ),
    "no mapping": lambda folder: torch.save([1], folder / "state.pt"),
    "weights changed": lambda folder: change_best(folder),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_state_is_said_and_the_training_begins_again(damage, cut, tmp_path, capsys):
    folder = TrainingFolder(tmp_path / "it")
    shutil.copytree(cut, folder.folder)
    DAMAGES[damage](folder.folder)
    state = begin_or_resume(LONGER, 5, folder, CPU)
    assert f"{folder.state}: damaged (" in capsys.readouterr().err
    fresh = begin(LONGER, 5, CPU)
    assert state.history == []
    assert same(state.network.state_dict(), fresh.network.state_dict())
    assert state.optimiser.state_dict()["state"] == {}


@pytest.mark.parametrize(
    ("change", "epochs"),
    [({"goal": "another"}, 1), ({"reported": {"dice": 0.9}}, 1), ({"seed": 7}, 0)],
)
def test_fields_that_decide_no_training_may_change_between_epochs(change, epochs, cut, tmp_path):
    folder = TrainingFolder(tmp_path / "it")
    shutil.copytree(cut, folder.folder)
    changed = LONGER.model_copy(update=change)
    assert len(begin_or_resume(changed, 5, folder, CPU).history) == epochs


@pytest.mark.parametrize("before", [None, b"of the epoch before"])
def test_weights_that_a_kill_left_unwritten_are_made_from_the_state(before, cut, tmp_path, capsys):
    folder = TrainingFolder(tmp_path / "it")
    shutil.copytree(cut, folder.folder)
    best = folder.weights.read_bytes()
    folder.weights.unlink() if before is None else folder.weights.write_bytes(before)
    state = begin_or_resume(LONGER, 5, folder, CPU)
    assert len(state.history) == 1 and folder.weights.read_bytes() == best
    assert "damaged" not in capsys.readouterr().err


def test_a_whole_state_is_gone_on_from_also_that_of_an_earlier_version(cut, tmp_path, capsys):
    folder = TrainingFolder(tmp_path / "it")
    shutil.copytree(cut, folder.folder)
    state = begin_or_resume(LONGER, 5, folder, CPU)
    assert len(state.history) == 1
    assert state.weights_sha256 == sha256(folder.weights)
    old_version(folder.state)
    old = begin_or_resume(LONGER, 5, folder, CPU)
    assert old.history == state.history
    assert old.weights_sha256 == state.weights_sha256
    assert same(old.network.state_dict(), state.network.state_dict())
    assert "damaged" not in capsys.readouterr().err


def test_a_state_with_code_in_it_is_not_run(bench, tmp_path):
    class Attack:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "pwned"),)

    (bench.folder / "it").mkdir()
    torch.save({"network": Attack()}, bench.folder / "it" / "state.pt")
    with pytest.raises(BadFile, match=r"state\.pt: damaged: .* code.*remove it to train"):
        bench.run("it")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.slow
def test_a_folder_of_another_recipe_is_refused(bench):
    bench.run("it", RECIPE.model_copy(update={"epochs": 1}))
    with pytest.raises(BadConfig, match="made with another epochs"):
        bench.run("it")
