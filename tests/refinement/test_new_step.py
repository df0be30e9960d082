"""A new step is a record, a file and a line: files, commands and the page know it then."""

import json
import shutil
import subprocess
import sys

import cv2
import pytest
import yaml

from bench.data.carvana import open_folder
from tests.tiny import HOME

RECORD = '''
class Invert(RefinementStep):
    """Swaps the car and its background."""

    name: Literal["invert"] = "invert"
    title = "Invert"
    text = "The car goes, its background stays."


Step = Annotated['''
FILE = """
def apply(state, options):
    return state.with_mask(~state.mask)
"""
EDITS = [
    ("config/refinement.py", "Step = Annotated[", RECORD.lstrip()),
    ("config/refinement.py", "    FillHoles |", "    FillHoles | Invert |"),
    ("refinement/refine.py", "    FillHoles: ", "    Invert: invert.apply,\n    FillHoles: "),
    ("refinement/refine.py", "    FillHoles,", "    FillHoles,\n    Invert,"),  # the imports
    ("refinement/refine.py", "    fill_holes,", "    fill_holes,\n    invert,"),
]
COMMANDS = """
import sys, json
from bench.cli.verbs import main
sys.exit(max(main(words) for words in json.loads(sys.argv[1])))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def checkout(tmp_path):
    """The code with one more step."""
    root = tmp_path / "checkout"
    for package in ("bench", "models"):
        shutil.copytree(HOME / package, root / package)  # with the compiled kernels
    for name, before, after in EDITS:
        file = root / "bench" / name
        assert file.read_text().count(before) == 1
        file.write_text(file.read_text().replace(before, after))
    (root / "bench" / "refinement" / "invert.py").write_text(FILE)
    return root


def test_a_new_step_is_a_record_a_file_and_a_line(checkout, exported, tiny_carvana, tmp_path):
    run = shutil.copytree(exported.parent / "runs" / "tiny", tmp_path / "tiny")
    suite = yaml.safe_load((run / "suite.yaml").read_text())
    suite["ensembles"]["mean"]["refine"] = ["invert"]
    (run / "suite.yaml").write_text(yaml.safe_dump(suite))
    photo = str(next(iter(open_folder(tiny_carvana).train.values())))
    chosen = ["cutout", photo, "--model", str(exported), "--steps", "invert"]
    listed = ["cutout", photo, "--run", str(run), "--entry", "mean"]
    commands = [
        [*words, "--out", str(tmp_path / out), "--device", "cpu"]
        for words, out in ((chosen, "chosen"), (listed, "listed"))
    ]
    python = [sys.executable, "-c"]
    subprocess.run([*python, COMMANDS, json.dumps(commands)], cwd=checkout, check=True)
    for out in ("chosen", "listed"):
        (path,) = (tmp_path / out).glob("*.png")
        opacity = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 3]
        assert opacity[48, 60] == 0 and opacity[2, 2] == 255
    helped = [*python, COMMANDS, json.dumps([["cutout", "--help"]])]
    said = subprocess.run(helped, cwd=checkout, check=True, capture_output=True, text=True).stdout
    assert "fill_holes, invert, largest_component" in " ".join(said.split())
