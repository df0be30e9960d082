"""Verbs: a mistake is one line and an exit code."""

import pytest

from bench.cli.verbs import main


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "xu2081"], 2, "nearest: xu2018"),
        (["run", "xu2018", "--data", "/nowhere"], 4, "no such folder"),
        (["submit"], 2, "name a SUITE"),
        (["submit", "--check", "/nowhere.csv", "--data", "TINY"], 4, "no such file"),
    ],
)
def test_a_mistake_has_one_line_and_its_exit_code(words, code, message, tiny_carvana, capsys):
    words = [str(tiny_carvana) if word == "TINY" else word for word in words]
    assert main(words) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["run", "demo", "--seed", "-1"],
            "--seed: '-1' is not a whole number from 0 to 4294967295",
        ),
        (["run", "demo", "--seed", "9" * 20], "from 0 to 4294967295"),
        (["run", "demo", "--seed", "9" * 5000], "from 0 to 4294967295"),
        (["run", "demo", "--jobs", "0"], "--jobs: '0' is not a whole number from 1 to 1024"),
        (["run", "demo", "--jobs", "1000000000"], "from 1 to 1024"),
        (["run", "demo", "--limit", "-3"], "--limit: '-3' is not a whole number from 1 to 1000000"),
        (["run", "demo", "--limit", "ten"], "--limit: 'ten' is not a whole number"),
        (["run", "demo", "--micro-batch", "1.5"], "--micro-batch: '1.5' is not a whole number"),
        (["errors", "demo", "--entry", "a", "--out", "b", "--worst", "nan"], "--worst: 'nan' is"),
        (["demo", "--out", "a", "--cars", "0"], "--cars: '0' is not a whole number from 1"),
        (["demo", "--out", "a", "--test-cars", "-1"], "--test-cars: '-1' is not a whole number"),
        (["serve", "--model", "a", "--port", "65536"], "--port: '65536' is not a whole number"),
        (["leaderboard", "--kaggle", "--score", "nan"], "--score: 'nan' is not a number from 0 to"),
    ],
)
def test_a_number_out_of_range_is_wrong_usage_before_any_work(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("wieghts", "wieghts: no such folder; nearest: weights"),
        ("elsewhere/weights", "has none like it"),
        ("empty", "empty: no .safetensors file lies in it, only nothing; name the folder that"),
        ("pickles", "no .safetensors file lies in it, only resnet50.pth; name"),
        (".", "no .safetensors file lies in it, only weights; name"),
    ],
)
def test_a_mistyped_folder_of_weights_is_said_at_once(folder, message, tmp_path, capsys):
    for name in ("weights", "empty", "pickles"):
        (tmp_path / name).mkdir()
    (tmp_path / "weights" / "resnet18.safetensors").touch()
    (tmp_path / "pickles" / "resnet50.pth").touch()
    assert main(["check", "--data", "/nowhere", "--weights-dir", str(tmp_path / folder)]) == 4
    error = capsys.readouterr().err
    assert message in error and "/nowhere" not in error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate"),
        OSError(12, "Cannot allocate memory"),
        ImportError("libtorch.so: failed to map segment from shared object"),
    ],
)
def test_full_memory_is_one_line_and_a_cure(error, monkeypatch, capsys):
    def full(*_, **__):
        raise error

    monkeypatch.setattr("bench.data.check.check_folder", full)
    assert main(["check", "--data", "/nowhere", "--jobs", "4"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("carvana-bench check: out of memory (")
    assert "use --jobs 2, or raise the limit of memory; what was done is kept\n" in told


def test_an_error_of_our_own_is_a_traceback(monkeypatch):
    def wrong(*_, **__):
        raise KeyError("ours")

    monkeypatch.setattr("bench.data.check.check_folder", wrong)
    with pytest.raises(KeyError, match="ours"):
        main(["check", "--data", "/nowhere"])
