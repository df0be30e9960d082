"""Kaggle's notebook: stripped of outputs, and run from its first cell to its last on drawn cars."""

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from bench.config.strict import to_yaml
from tests.tiny import HOME, QUICK, RECIPE

PATH = HOME / "notebooks" / "kaggle.ipynb"
PARAMETERS = """
from pathlib import Path
WORK, DATA, WHEELS, WEIGHTS = Path({work!r}), Path({data!r}), None, None
SUITE, OPTIONS = "tiny.yaml", ["--device", "cpu", "--jobs", "1"]
"""


def test_no_output_is_kept():
    notebook = nbformat.read(PATH, 4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    assert [cell.metadata.get("tags") for cell in cells].count(["parameters"]) == 1


@pytest.mark.slow
def test_the_notebook_runs_to_its_end(tiny_carvana, tmp_path, monkeypatch):
    recipe = RECIPE.model_copy(
        update={"network": RECIPE.network.model_validate(QUICK), "epochs": 1, "augment": ()}
    )
    (tmp_path / "quick.yaml").write_text(to_yaml(recipe))
    suite = {"title": "t", "recipes": ["quick.yaml"], "folds": {"count": 2, "valid_cars": 1}}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(suite))
    notebook = nbformat.read(PATH, 4)
    for cell in notebook.cells:
        if cell.metadata.get("tags") == ["parameters"]:
            cell.source = PARAMETERS.format(work=str(tmp_path), data=str(tiny_carvana))
    monkeypatch.setenv("PYTHONPATH", str(HOME))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute(cwd=str(tmp_path))
    [said] = [cell for cell in notebook.cells if cell.source.startswith("import pandas")]
    assert "quick" in said.outputs[0]["data"]["text/plain"]
    assert (tmp_path / "runs" / "tiny" / "report.html").is_file()
