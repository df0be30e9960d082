"""The law of the house: imports go one way, without circles, and everything keeps a small size."""

import ast
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_OVERRULED, MAX_EQUAL_LINES = 300, 50, 20, 5
MAX_MODULES = 12  # of a package
ORDER = """
models  system
config  masks
metrics  data
own
networks  refinement  demo
training  ensembles
doubt
scores  kaggle  cutout
report  serve  speed  evaluation  share
run
workers
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
    """Dotted names of the modules that the docstring of `bench` lists; a stage ends in *."""
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
    others = {package_of(name) for name in imported(module)} - {mine, "bench"}  # its version
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
    """A new file belongs into the docstring of bench/__init__.py, a removed one out of it.

    Where `<rule>` or `<step>` stands for files that another list names, they are not named again.
    """
    plain = {name for name, path in FILES.items() if path.name != "__init__.py"}
    expected = {name for name in plain if name.startswith("bench.")} - {"bench.__main__"}
    listed = [name.removesuffix("*") for name in PLAN if "<" not in name]
    in_other_lists = {name.rpartition(".")[0] for name in PLAN if "<" in name}
    assert in_other_lists == {"bench.ensembles.rules", "bench.refinement"}
    assert len(listed) == len(set(listed))
    assert set(listed) <= expected
    assert {name.rpartition(".")[0] for name in expected - set(listed)} <= in_other_lists
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
    assert {name: size for name, size in sizes.items() if size > MAX_MODULES} == {}


SOURCES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for folder in ("bench", "models", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}


def test_a_file_fits_on_a_few_screens():
    lines = {name: len(text.splitlines()) for name, text in SOURCES.items()}
    assert {name: count for name, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_a_function_fits_on_a_screen():  # ruff counts its parameters and its branches
    lines = {
        f"{name}: {node.name}": node.end_lineno - node.lineno + 1
        for name, text in SOURCES.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in lines.items() if count > MAX_FUNCTION_LINES} == {}


def test_the_formatter_is_seldom_overruled():
    places = {name: text.count("# fmt: skip") for name, text in SOURCES.items()}
    assert sum(places.values()) <= MAX_OVERRULED, places


def lines_that_count(text: str) -> list[tuple[int, str]]:
    """Number and text of each line that has a letter and imports nothing."""
    imports = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for line in range(node.lineno, node.end_lineno + 1)
    }
    numbered = ((number, line.strip()) for number, line in enumerate(text.splitlines(), 1))
    return [
        (number, line)
        for number, line in numbered
        if number not in imports and any(map(str.isalpha, line))
    ]


def test_no_six_lines_stand_in_two_places():
    places = defaultdict(list)
    for name, text in SOURCES.items():
        lines = lines_that_count(text)
        for first in range(len(lines) - MAX_EQUAL_LINES):
            run = lines[first : first + MAX_EQUAL_LINES + 1]
            places[tuple(line for _, line in run)].append(f"{name}:{run[0][0]}")
    assert [where for where in places.values() if len(where) > 1] == []


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
