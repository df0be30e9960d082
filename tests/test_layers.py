"""Imports go one way: a file may use only files of the layers below its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [  # from the bottom; only the vocabulary, the first, may use itself
    {
        "analysis", "archive", "area", "augment", "bits", "boundary", "carvana", "checkpoint",
        "config", "contested", "context", "cost", "dataset", "device", "entries", "environment",
        "errors", "files", "folds", "frames", "kaggle", "kernels", "layout", "learned", "losses",
        "maps", "metrics", "networks", "optimise", "parallel", "pictures", "pixels", "progress",
        "ranking", "resize", "rle", "rules", "split", "staple", "stats", "submission",
        "submission_check", "submission_encoding", "submission_file", "submission_score", "tables",
        "tta",
    },
    {
        "catalogue", "check", "coco", "compare", "demo", "doctor", "ensemble", "explain", "fit",
        "gallery", "leaderboard", "predict", "score", "standing", "submit", "train",
    },
    {"results"},
    {"download", "pipeline", "speed"},
    {"arguments", "cli"},
    {"__main__"},
]  # fmt: skip
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted((ROOT / "bench").glob("*.py"), key=lambda path: path.name)


def imported(file: Path) -> set[str]:
    """Names of the files in bench/ that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "bench":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench."):
            found.add(node.module.split(".")[1])
    return found


@pytest.mark.parametrize("file", [f for f in FILES if f.stem != "__init__"], ids=lambda f: f.stem)
def test_imports_point_down(file):
    mine = LEVEL[file.stem]  # an unlisted file fails here: place it before adding it
    wrong = [name for name in imported(file) if LEVEL[name] > mine or LEVEL[name] == mine > 0]
    assert not wrong or (file.stem == "cli" and wrong == ["arguments"])


@pytest.mark.parametrize("file", sorted((ROOT / "models").glob("*.py")), ids=lambda f: f.stem)
def test_networks_know_nothing_of_the_harness(file):
    assert not imported(file)
    assert "import bench" not in file.read_text()


def test_vocabulary_has_no_circles():
    uses = {name: imported(ROOT / "bench" / f"{name}.py") for name in LAYERS[0]}
    left = dict(uses)
    while free := {name for name, used in left.items() if not used & left.keys()}:
        left = {name: used for name, used in left.items() if name not in free}
    assert not left
