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
