"""A run of drawn cars with its report, and what the report has read."""

import pandas as pd
import pytest

from bench.config.layout import Layout
from bench.config.library import as_suite_runs_it, load_recipe, load_suite
from bench.data.carvana import open_folder
from bench.report import facts
from tests.tiny import MEMBERS, Made


@pytest.fixture(scope="session")
def made(tiny_carvana, tmp_path_factory):
    """A scored run that has its report."""
    found = Made(tmp_path_factory.mktemp("made"), tiny_carvana)
    found.draw(seed=0)
    for place, member in enumerate(MEMBERS):
        for fold in (0, 1):
            history = pd.DataFrame(
                {
                    "epoch": [1, 2, 3],
                    "scale": [0.5, 1, 1],
                    "train_loss": [0.5, 0.2, 0.1],
                    "valid_dice": [0.9, 0.95, 0.96 + place / 100],
                    "seconds": 1.0,
                }
            )
            history.to_csv(found.run_folder / member / f"fold{fold}" / "history.csv", index=False)
    assert found.main("score") == 0
    assert found.main("report") == 0
    return found


@pytest.fixture(scope="session")
def report(made):
    """The page of that run."""
    return made.run_folder / "report.html"


@pytest.fixture(scope="session")
def run_facts(made, parts):
    """What the report has read."""
    return facts.read("made", *parts, ["./run_all.sh made.yaml"])


@pytest.fixture(scope="session")
def parts(made):
    """Suite, recipes, data set and folder of the run."""
    suite = load_suite(str(made.suite))
    recipes = {
        name: as_suite_runs_it(load_recipe(f"{name}.yaml", beside=made.suite), suite)
        for name in MEMBERS
    }
    return suite, recipes, open_folder(made.data), Layout(made.run_folder)
