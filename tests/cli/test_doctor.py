"""The doctor says what is here and what is not."""

import json

from bench.cli import doctor
from bench.cli.verbs import main


def test_doctor_says_what_is_here_and_what_is_not(tiny_carvana, capsys):
    assert main(["doctor", "--data", str(tiny_carvana), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "64 training and 16 test photographs" in found["data"]
    assert found["libraries"]["torch"]
    assert main(["doctor", "--data", "/nowhere", "--json"]) == 0
    assert "no such folder" in json.loads(capsys.readouterr().out)["data"]


def test_doctor_warns_of_two_packages_that_write_the_same_folder(monkeypatch):
    assert doctor._opencv() == "opencv-python-headless"
    monkeypatch.setattr(doctor, "installed", lambda name: name == "opencv-python")
    said = doctor._opencv()
    assert "opencv-python-headless and opencv-python write the same folder, cv2" in said
    assert "pip uninstall -y opencv-python-headless opencv-python && " in said
