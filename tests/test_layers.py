"""Imports go one way: a file may use only files of the layers below its own."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = [  # from the bottom; only the vocabulary, the first, may use itself
    {
        "analysis", "archive", "area", "augment", "bits", "boundary", "carvana", "certainty",
        "checkpoint", "config", "contested", "context", "contour", "cost", "dataset", "device",
        "entries", "environment", "errors", "files", "folds", "frames", "framing", "growing",
        "kaggle", "kernels", "layout", "learned", "losses", "maps", "matte", "measures", "metrics",
        "morphology", "networks", "openvino", "optimise", "parallel", "parity", "photographs",
        "pictures", "pixels", "probe", "progress", "ranking", "recipe", "refine", "resize", "rle",
        "rules", "smoothing", "snake", "split", "staple", "stats", "steps", "strict",
        "submission", "switches", "tables", "tta", "words",
    },
    {
        "catalogue", "check", "coco", "compare", "demo", "doctor", "effect", "ensemble", "explain",
        "fit", "gallery", "leaderboard", "predict", "report", "score", "standing", "submit",
        "train",
    },
    {"exported", "results"},
    {"cutout", "download", "export", "pipeline", "speed"},
    {"serve"},
    {"arguments"},
    {"show"},
    {"cli"},
    {"__main__"},
]  # fmt: skip
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
FILES = sorted((ROOT / "bench").rglob("*.py"), key=lambda path: path.name)


def imported(file: Path) -> set[str]:
    """Names of the files in bench/ that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "bench":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("bench."):
            found.add(node.module.split(".")[1])
    return found


def part_of(file: Path) -> str:
    """What a file is called in LAYERS: its own name, or that of the folder it belongs to."""
    return file.relative_to(ROOT / "bench").with_suffix("").parts[0]


@pytest.mark.parametrize("file", [f for f in FILES if f.stem != "__init__"], ids=lambda f: f.stem)
def test_imports_point_down(file):
    part = part_of(file)
    mine = LEVEL[part]  # an unlisted file fails here: place it before adding it
    used = imported(file) - ({part} if part != file.stem else set())
    wrong = [name for name in used if LEVEL[name] > mine or LEVEL[name] == mine > 0]
    assert not wrong


@pytest.mark.parametrize("file", sorted((ROOT / "models").glob("*.py")), ids=lambda f: f.stem)
def test_networks_know_nothing_of_the_harness(file):
    assert not imported(file)
    assert "import bench" not in file.read_text()


def test_vocabulary_has_no_circles():
    uses: dict[str, set[str]] = {name: set() for name in LAYERS[0]}
    for file in FILES:
        if part_of(file) in uses:
            uses[part_of(file)] |= imported(file) - {part_of(file)}
    left = dict(uses)
    while free := {name for name, used in left.items() if not used & left.keys()}:
        left = {name: used for name, used in left.items() if name not in free}
    assert not left
