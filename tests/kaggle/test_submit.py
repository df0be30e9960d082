"""Submissions of a run say what their rule has learned."""

import json
from unittest.mock import ANY

import pytest

pytestmark = pytest.mark.slow


def test_submissions_carry_what_was_learned(made):
    assert made.main("submit") == 0
    sidecar = json.loads((made.folder / "out" / "made-greedy.json").read_text())
    learned_json = made.run_folder / "ensembles" / "greedy" / "parameters.json"
    assert sidecar["parameters"] == json.loads(learned_json.read_text())["parameters"]


def test_a_sidecar_that_a_kill_left_unwritten_is_written_by_the_next_run(made):
    assert made.main("submit") == 0
    file = made.folder / "out" / "made-vote.csv.gz"
    sidecar, content = made.folder / "out" / "made-vote.json", file.read_bytes()
    said = json.loads(sidecar.read_text())
    sidecar.unlink()
    assert made.main("submit") == 0
    assert file.read_bytes() == content
    assert json.loads(sidecar.read_text()) == said | {"date": ANY}
