"""The law of the house: imports go one way, without circles, and a stage imports no other stage."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = """
models  system
config  masks
metrics  data
networks  refinement  demo
training  ensembles
scores  kaggle  cutout
report  serve  speed
run
cli
"""
LEVEL = {name: level for level, line in enumerate(ORDER.split("\n")) for name in line.split()}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for folder in ("bench", "models")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
PACKAGED = [name for name in FILES if name not in ("bench", "bench.__main__")]


def floor_plan() -> list[str]:
    """The dotted names of the modules that the docstring of `bench` lists; a stage ends in *."""
    modules, folders = [], {}
    for line in (ast.get_docstring(ast.parse(FILES["bench"].read_text())) or "").splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        if folder := re.match(r" +(\w+)/ ", line):
            folders[depth] = folder[1]
        elif depth:
            package = [folders[level] for level in range(1, depth)]
            modules += [".".join(["bench", *package, name]) for name in line.split()]
    return modules


PLAN = floor_plan()
STAGES = {name.removesuffix("*") for name in PLAN if name.endswith("*")}


def package_of(module: str) -> str:
    """The package of a dotted name: `bench.masks.rle` is in masks, `models.unet` in models."""
    first, *rest = module.split(".")
    return rest[0] if first == "bench" and rest else first


def imported(module: str) -> set[str]:
    """Modules of ours that a module imports, at its top or inside a function."""
    nodes = list(ast.walk(ast.parse(FILES[module].read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: import by the whole name, without dots in front"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    ours = {name for name in names if name.split(".")[0] in ("bench", "models")}
    return {name if name in FILES else name.rpartition(".")[0] for name in ours}


@pytest.mark.parametrize("module", PACKAGED)
def test_imports_point_down(module):
    mine = package_of(module)
    others = {package_of(name) for name in imported(module)} - {mine}
    assert not {other for other in others if LEVEL[other] >= LEVEL[mine]}


@pytest.mark.parametrize("package", sorted(LEVEL))
def test_a_package_has_no_circles(package):
    mine = {name for name in FILES if package_of(name) == package}
    left = {name: (imported(name) & mine) - {name} for name in mine}
    while free := {name for name, used in left.items() if not used & left.keys()}:
        left = {name: used for name, used in left.items() if name not in free}
    assert not left


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_imports_no_other_stage(stage):
    assert not imported(stage) & STAGES - {stage}


def test_the_floor_plan_lists_every_module_once():
    """A new file belongs into the docstring of bench/__init__.py, a removed one out of it."""
    plain = {name for name, path in FILES.items() if path.name != "__init__.py"}
    expected = {name for name in plain if name.startswith("bench.")} - {"bench.__main__"}
    listed = [name.removesuffix("*") for name in PLAN]
    assert len(listed) == len(set(listed))
    assert set(listed) == expected
    packages = {package_of(name) for name in listed}
    assert packages == LEVEL.keys() - {"models"}
    assert len(STAGES) >= 11


def test_nothing_lies_flat_and_every_package_is_seen_at_once():
    bench = ROOT / "bench"
    assert {path.name for path in bench.glob("*.py")} == {"__init__.py", "__main__.py"}
    sizes = {
        folder.relative_to(bench).as_posix(): len([*folder.glob("[!_]*.py")])
        for folder in bench.rglob("*/")
    }
    assert {name: size for name, size in sizes.items() if size > 12} == {}


def test_every_file_that_is_no_python_is_installed():
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
        "package-data"
    ]
    for package, patterns in data.items():
        folder = ROOT / package
        packed = {path for pattern in patterns for path in folder.glob(pattern) if path.is_file()}
        there = {path for path in folder.rglob("*") if path.is_file()}
        assert {
            path for path in there if path.suffix not in (".py", ".pyc", ".nbi", ".nbc")
        } == packed
