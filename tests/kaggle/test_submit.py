"""Submissions of a run say what their rule has learned."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_submissions_carry_what_was_learned(made):
    assert made.main("submit") == 0
    sidecar = json.loads((made.folder / "out" / "made-greedy.json").read_text())
    learned_json = made.run_folder / "ensembles" / "greedy" / "parameters.json"
    assert sidecar["parameters"] == json.loads(learned_json.read_text())["parameters"]
