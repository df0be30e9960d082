"""The wheel, installed into an environment of its own, runs in a folder that holds nothing else."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib

import pytest
import yaml

import bench
from bench.config.strict import to_yaml
from tests.tiny import HOME, QUICK, RECIPE

pytestmark = pytest.mark.slow
PACKED = ("bench", "models", "pyproject.toml", "README.md", "LICENSE")  # what a wheel is made of
SUITE = {
    "title": "small",
    "demo": {"cars": 3, "test_cars": 1},
    "folds": {"count": 3, "valid_cars": 1},
    "scale": 0.1,
    "recipes": ["quick.yaml"],
}


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """The installed command; its environment borrows the packages that the tests run with."""
    root = tmp_path_factory.mktemp("installed")
    source, environment = root / "source", root / "environment"
    for name in PACKED:
        copy = shutil.copytree if (HOME / name).is_dir() else shutil.copy
        source.mkdir(exist_ok=True)
        copy(HOME / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    alone = ["-q", "--no-deps"]
    built = [*pip, "wheel", *alone, "--no-build-isolation", "-w", str(root), str(source)]
    subprocess.run(built, check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    [packages] = environment.glob("lib/python*/site-packages")
    # A line of a .pth file adds that folder alone: the checkout's own .pth there is not read.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    [wheel] = root.glob("*.whl")
    subprocess.run([*pip, "--python", str(python), "install", *alone, str(wheel)], check=True)
    return environment / "bin" / "carvana-bench"


def test_an_installed_program_works_in_any_folder_and_writes_there_alone(program, tmp_path):
    recipe = RECIPE.model_copy(
        update={"network": RECIPE.network.model_validate(QUICK), "size": (320, 480), "epochs": 1}
    )
    (tmp_path / "quick.yaml").write_text(to_yaml(recipe))
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SUITE))
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    words = [program, "run", "small.yaml", "--device", "cpu", "--jobs", "1"]
    done = subprocess.run(
        words, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {
        "data",
        "quick.yaml",
        "runs",
        "small.yaml",
        "submissions",
    }
    assert (tmp_path / "submissions" / "small-quick.csv.gz").is_file()
    noted = json.loads((tmp_path / "runs" / "small" / "environment.json").read_text())
    assert (noted["commit"], noted["version"]) == ("unknown", bench.__version__)
    report = (tmp_path / "runs" / "small" / "report.html").read_text()
    assert f"<code>carvana-bench run {tmp_path / 'small.yaml'}</code>" in report
    assert f"{bench.__version__}, no commit; the code&#39;s sha256 is " in report
    [packages] = program.parents[1].glob("lib/python*/site-packages")
    inside = {path.relative_to(packages).parts[0] for path in packages.rglob("*")}
    assert {name for name in inside if not name.endswith(".dist-info")} == {
        "bench",
        "borrowed.pth",
        "models",
    }


def test_each_extra_is_part_of_all():
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    named = {*extras} - {"all", "dev", "peers"}
    assert extras["all"] == [f"carvana-bench[{','.join(sorted(named))}]"]
