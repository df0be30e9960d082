"""What is damaged or missing is refused or said before it costs anything."""

import shutil

from bench.masks.store import MapStore


def test_damaged_weights_cost_no_map(made, capsys):
    weights = made.run_folder / "a" / "fold0" / "weights.safetensors"
    weights.write_bytes(b"other bytes")
    assert made.main("predict") == 3
    assert "weights.safetensors: damaged" in capsys.readouterr().err
    with MapStore.open(made.run_folder / "a" / "maps-heldout.sqlite") as store:
        assert len(store.ids()) == 64


def test_damaged_weights_are_refused_before_others_are_trained(made, capsys):
    (made.run_folder / "b" / "fold0" / "weights.safetensors").write_bytes(b"other bytes")
    shutil.rmtree(made.run_folder / "a" / "fold0")
    assert made.main("run") == 3
    error = capsys.readouterr().err
    assert "weights.safetensors is damaged" in error and "epoch" not in error
    assert not (made.run_folder / "a" / "fold0").exists()


def test_photographs_that_are_to_be_submitted_and_are_not_here_are_named(made, capsys):
    gone = sorted((made.data / "test").glob("*_02.jpg"))[0]
    gone.unlink()
    assert made.main("run") == 0
    said = "without 1 photograph of sample_submission.csv, which Kaggle would refuse: "
    assert said + gone.name in capsys.readouterr().err
