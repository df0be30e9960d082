"""A small edge network's recipe, and a suite with edge networks of a model and of an ensemble."""

import yaml

from bench.cli.verbs import main
from bench.config.recipe import Network, Recipe
from bench.config.strict import to_yaml
from tests.tiny import QUICK, RECIPE

EDGE = Recipe.model_validate(
    {
        "network": {"name": "edge_unet", "width": 8, "depth": 1},
        "size": [64, 64],
        "edge": {"of": "a", "reach": 6, "crops": 2},
        "loss": {"bce": 1, "soft_dice": 1},
        "optimiser": {"name": "adamw", "lr": 0.01},
        "schedule": "one_cycle",
        "epochs": 3,
        "batch": 8,
        "augment": ["flip", "colour"],
        "tta": {"flip": False},
        "source": "test",
        "goal": "test",
    }
).named("edge")

SUITE = {
    "title": "edges",
    "recipes": ["mean-edge.yaml", "a-edge.yaml", "a.yaml", "b.yaml"],  # edges are trained last
    "folds": {"count": 2, "valid_cars": 1},
    "ensembles": {
        "mean": {"rule": "mean", "members": ["a.yaml", "b.yaml"]},
        "edges": {"rule": "mean", "members": ["a-edge.yaml", "mean-edge.yaml"]},
        "greedy": {"rule": "greedy", "members": ["a.yaml", "b.yaml"]},
    },
}


class Edges:
    """A folder with recipes and a suite of them, and the command line that runs it."""

    def __init__(self, folder, data):
        self.folder, self.data, self.suite = folder, data, folder / "edges.yaml"
        learner = {"network": Network(**QUICK), "epochs": 4, "augment": ("flip",)}
        recipes = {
            "a": RECIPE.model_copy(update=learner),
            "b": RECIPE.model_copy(update={**learner, "size": (40, 60)}),
            "a-edge": EDGE,
            "mean-edge": EDGE.model_copy(
                update={"edge": EDGE.edge.model_copy(update={"of": "mean"})}
            ),
        }
        for name, recipe in recipes.items():
            (folder / f"{name}.yaml").write_text(to_yaml(recipe))
        self.write(SUITE)

    def write(self, suite):
        self.suite.write_text(yaml.safe_dump(suite))

    def main(self, verb, *more):
        places = ["--runs", str(self.folder / "runs"), "--submissions", str(self.folder / "out")]
        words = [verb, str(self.suite), "--data", str(self.data), *places, "--jobs", "1"]
        return main([*words, "--device", "cpu", *more])

    def made(self, name):
        return self.folder / "runs" / "edges" / name
