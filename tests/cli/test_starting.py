"""What verbs load before they work: libraries that they do not use would take seconds."""

import json
import subprocess
import sys

from bench.system.environment import ROOT

ONE_AFTER_THE_OTHER = """
import json, sys
from bench.cli.verbs import main

for words in json.loads(sys.argv[1]):
    try:
        code = main(words)
    except SystemExit as ended:  # as argparse does after --help
        code = ended.code
    print(json.dumps([" ".join(words), code, sorted(sys.modules)]))
"""


def loaded_by(*commands):
    """Return, for each command line in turn, its exit code and what is loaded after it."""
    words = [sys.executable, "-c", ONE_AFTER_THE_OTHER, json.dumps(commands)]
    run = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('["')]
    assert len(lines) == len(commands)
    return {words: (code, set(modules)) for words, code, modules in lines}


def test_the_help_loads_no_numbers():
    for code, modules in loaded_by(["--help"], ["run", "--help"]).values():
        assert code == 0
        assert not modules & {"numpy", "numba", "cv2", "pandas", "torch"}


def test_a_look_at_a_finished_run_loads_neither_networks_nor_tables_nor_drawings(road):
    submission = next((road.folder / "out").glob("*.csv.gz"))
    of_run = [road.words(verb) for verb in ("run", "score", "leaderboard", "submit", "report")]
    places = ["--data", str(road.data)]
    submitted = ["submit", "--check", str(submission), *places]
    for words, (code, modules) in loaded_by(["check", *places], submitted, *of_run).items():
        assert code == 0, words
        heavy = {"torch", "pandas", "matplotlib", "scipy.optimize", "scipy.ndimage", "skimage"}
        assert not modules & heavy, words


def test_a_leaderboard_that_is_made_anew_counts_no_operations_anew(road):
    board = road.made("leaderboard.csv")
    before = board.read_bytes()
    board.unlink()
    ((code, modules),) = loaded_by(road.words("leaderboard")).values()
    assert code == 0
    assert board.read_bytes() == before
    assert "torch" not in modules


def test_what_needs_no_network_loads_none(made, tmp_path):
    out = ["--entry", "mean", "--out"]
    commands = (
        [*made.words("errors"), *out, str(tmp_path / "errors"), "--worst", "1"],
        [*made.words("refine"), *out, str(tmp_path / "refined")],
        ["evaluate", "--submission", str(made.data / "train_masks.csv"), "--data", str(made.data)],
        ["demo", "--out", str(tmp_path / "demo"), "--cars", "1", "--test-cars", "0"],
    )
    for words, (code, modules) in loaded_by(*commands).items():
        assert code == 0, words
        assert "torch" not in modules, words
