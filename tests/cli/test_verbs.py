"""Verbs: a mistake is one line and an exit code."""

import argparse
import subprocess
import sys

import pytest

from bench.cli.verbs import LAUNCHERS_SET, VERBS, main
from tests.tiny import HOME


@pytest.fixture
def without_runs(tmp_path, monkeypatch):
    """A home of its own: in the checkout's a finished run of the demo may lie."""
    monkeypatch.setenv("CARVANA_BENCH_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "xu2081"], 2, "nearest: xu2018"),
        (["run", "xu2018", "--data", "/nowhere"], 4, "no such folder"),
        (
            ["run", "demo", "--data", "TINY", "--device", "cuda:99"],
            4,
            "--device cuda:99: no such card here",
        ),
        (["submit"], 2, "name a SUITE"),
        (["submit", "--check", "/nowhere.csv", "--data", "TINY"], 4, "no such file"),
        (["submit", "--check", "TINY", "--data", "TINY"], 4, "a folder, not a file; name a table"),
        (["submit", "--upload", "TINY"], 4, "a folder, not a file; name a submission"),
        (["leaderboard", "demo", "--score", "0.99"], 2, "add --kaggle"),
        (["leaderboard", "demo", "--kaggle"], 2, "competition's own leaderboard: no SUITE"),
        (["leaderboard", "demo", "--format", "csv", "--json"], 2, "--json and --format csv: name"),
        (["submit", "demo", "--check", "a.csv"], 2, "name one of SUITE"),
        (["submit", "--check", "a.csv", "--repair", "a.csv", "b.csv.gz"], 2, "name one of SUITE"),
        (["submit", "--upload", "a.csv", "--against", "b.csv"], 2, "--against MASKS scores"),
    ],
)
@pytest.mark.usefixtures("without_runs")
def test_a_mistake_has_one_line_and_its_exit_code(words, code, message, tiny_carvana, capsys):
    words = [str(tiny_carvana) if word == "TINY" else word for word in words]
    assert main(words) == code
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.usefixtures("without_runs")
def test_a_card_that_is_not_there_is_told_before_the_demo_is_drawn(tmp_path, capsys):
    assert main(["run", "demo", "--device", "cuda:99"]) == 4
    assert "--device cuda:99: no such card here" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


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
        (
            ["run", "demo", "--device", "cuda:x"],
            "--device: 'cuda:x' is not auto, cpu, cuda or cuda",
        ),
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

    monkeypatch.setattr("bench.own.check.check_folder", full)
    assert main(["check", "--data", "/nowhere", "--jobs", "4"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("carvana-bench check: out of memory (")
    assert "use --jobs 2, or raise the limit of memory; what was done is kept\n" in told


def test_an_error_of_our_own_is_a_traceback(monkeypatch):
    def wrong(*_, **__):
        raise KeyError("ours")

    monkeypatch.setattr("bench.own.check.check_folder", wrong)
    with pytest.raises(KeyError, match="ours"):
        main(["check", "--data", "/nowhere"])


LAUNCHERS = {
    "torchrun": ["torch.distributed.run", "--nproc-per-node", "2"],
    "accelerate": ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"],
    "accelerate, one process": ["accelerate.commands.launch", "--cpu", "--num_processes", "1"],
}


@pytest.mark.slow
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_launcher_of_others_is_refused_before_any_work(launcher, tmp_path):
    words = [sys.executable, "-m", *LAUNCHERS[launcher], "-m", "bench", "run", "demo"]
    done = subprocess.run(
        [*words, "--runs", str(tmp_path)], cwd=HOME, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "Start it once, and give --workers or --gpus-per-training instead" in done.stderr
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("name", LAUNCHERS_SET)
def test_each_variable_of_a_launcher_tells_that_it_is_there(name, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_PROCID", "1")
    words = ["check", "--data", "/nowhere"]
    assert main(words) == 4
    monkeypatch.setenv(name, "1")
    assert main(words) == 2
    assert f"unset {name}" in capsys.readouterr().err


ABOUT_NOTHING = {  # of each verb that fills a folder: words about what is not there
    "export": ["--run", "none", "--entry", "none"],
    "cutout": ["none.jpg", "--model", "none"],
    "pull": ["none/none"],
    "errors": ["none", "--entry", "none"],
    "refine": ["none", "--entry", "none"],
    "prepare": ["--images", "none", "--masks", "none"],
    "prepare-coco": ["--annotations", "none", "--images", "none"],
    "evaluate": ["--model", "none", "--data", "none"],
    "demo": [],
}


def test_a_folder_that_cannot_be_written_to_is_told_before_anything_else(capsys):
    for verb, words in ABOUT_NOTHING.items():
        assert main([verb, *words, "--out", "/proc/none"]) == 1
        assert f"carvana-bench {verb}: /proc/none: cannot be written" in capsys.readouterr().err


def test_every_verb_that_fills_a_folder_is_among_them():
    filling = set()
    for verb in VERBS:
        parser = argparse.ArgumentParser()
        verb.add_arguments(parser)
        if "--out" in parser.format_usage():
            filling.add(verb.name)
    assert filling == ABOUT_NOTHING.keys() | {"download"}  # which looks for its client first


@pytest.mark.parametrize(
    "words",
    [
        ["run", "demo", "--data", "TINY", "--runs", "TMP", "--submissions", "/proc/none"],
        ["speed", "scale", "--data", "none", "--plot", "/proc/none/scale.svg"],
    ],
)
def test_nor_is_a_file_for_the_end_of_long_work(words, tiny_carvana, tmp_path, capsys):
    places = {"TINY": str(tiny_carvana), "TMP": str(tmp_path)}
    assert main([places.get(word, word) for word in words]) == 1
    assert f"carvana-bench {words[0]}: /proc/none: cannot be written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
