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
