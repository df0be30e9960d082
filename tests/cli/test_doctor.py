"""The doctor says what is here and what is not."""

import json

from bench.cli.verbs import main


def test_doctor_says_what_is_here_and_what_is_not(tiny_carvana, capsys):
    assert main(["doctor", "--data", str(tiny_carvana), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "64 training and 16 test photographs" in found["data"]
    assert found["libraries"]["torch"]
    assert main(["doctor", "--data", "/nowhere", "--json"]) == 0
    assert "no such folder" in json.loads(capsys.readouterr().out)["data"]
