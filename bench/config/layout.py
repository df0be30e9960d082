"""Paths of the files in a run's folder and in the folders of its trainings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.system.claims import left_by_attempts

TRAINING = "training"  # begins the names of the folders in which attempts at a training work
WEIGHTS = "weights.safetensors"
RECIPE = "recipe.yaml"
LEADERBOARD_FORMS = ("md", "csv", "json", "latex")


@dataclass(frozen=True)
class TrainingFolder:
    """Paths of one training's files; nothing is read or written."""

    folder: Path

    @property
    def recipe(self) -> Path:
        """The recipe of the network."""
        return self.folder / RECIPE

    @property
    def state(self) -> Path:
        """The state from which an interrupted training goes on; a finished training has none."""
        return self.folder / "state.pt"

    @property
    def history(self) -> Path:
        """One row for every epoch."""
        return self.folder / "history.csv"

    @property
    def weights(self) -> Path:
        """The network of the best epoch."""
        return self.folder / WEIGHTS

    @property
    def last_weights(self) -> Path:
        """The network of the last epoch."""
        return self.folder / "last.safetensors"

    @property
    def manifest(self) -> Path:
        """What was trained, on what and how well; the last file that a training writes."""
        return self.folder / "manifest.json"

    @property
    def record(self) -> Path:
        """What the network was trained on, as hashes; written when the training begins."""
        return self.folder / "made.json"

    @property
    def tensorboard(self) -> Path:
        """Each epoch's figures for TensorBoard, if `--tensorboard` asked for them."""
        return self.folder / "tensorboard"

    @property
    def quantised(self) -> Path:
        """What the network in int8 costs and gains, where `quantise` has made it."""
        return self.folder / "quantised.json"

    @property
    def finished(self) -> bool:
        """Whether the training is done."""
        return self.manifest.exists()

    @property
    def begun(self) -> bool:
        """Whether there is something from which an interrupted training goes on."""
        left = left_by_attempts(self.folder, TRAINING)
        return any(TrainingFolder(each).state.exists() for each in [self.folder, *left])

    @property
    def published(self) -> list[Path]:
        """What a finished training leaves in its folder, the manifest last."""
        return [self.recipe, self.history, self.weights, self.last_weights, self.manifest]


@dataclass(frozen=True)
class Layout:
    """Paths of one run's files; nothing is read or written."""

    folder: Path

    @property
    def suite(self) -> Path:
        """The suite that the run executes."""
        return self.folder / "suite.yaml"

    @property
    def environment(self) -> Path:
        """Code, libraries and machine."""
        return self.folder / "environment.json"

    @property
    def folds(self) -> Path:
        """Table `car,fold`."""
        return self.folder / "folds.csv"

    @property
    def photographs(self) -> Path:
        """The training photographs that the folds were drawn for, an image id a line."""
        return self.folder / "photographs.txt"

    @property
    def leaks(self) -> Path:
        """The audit of each fold: which cars and images training and scoring share."""
        return self.folder / "leak_audit.json"

    @property
    def log(self) -> Path:
        """The messages of the run, without control characters."""
        return self.folder / "log.txt"

    @property
    def scores(self) -> Path:
        """One row for every entry and held-out image."""
        return self.folder / "scores.parquet"

    @property
    def ceilings(self) -> Path:
        """Mean Dice of training targets, grown back, at each input size."""
        return self.folder / "ceilings.json"

    @property
    def analysis(self) -> Path:
        """The reasons why ensembles gain or do not."""
        return self.folder / "analysis.json"

    @property
    def report(self) -> Path:
        """The page that shows the results of the run."""
        return self.folder / "report.html"

    @property
    def refinement(self) -> Path:
        """The steps of each refined entry, by name."""
        return self.folder / "refinement.json"

    @property
    def claim(self) -> Path:
        """Who works on the run now; there only while somebody does."""
        return self.folder / ".claim"

    def record(self, stage: str) -> Path:
        """Return the file that notes what a stage made, and from what."""
        return self.folder / "made" / f"{stage}.json"

    def by(self, part: str) -> Path:
        """Return the table of every entry's scores by "view" or by "make"."""
        return self.folder / f"by_{part}.csv"

    def leaderboard(self, suffix: str) -> Path:
        """Return the leaderboard as csv, md, json or latex."""
        return self.folder / f"leaderboard.{suffix}"

    def training(self, recipe: str, fold: int) -> TrainingFolder:
        """Return the paths of one trained network."""
        return TrainingFolder(self.folder / recipe / f"fold{fold}")

    def trainings(
        self, recipes: Iterable[str], folds: Sequence[int]
    ) -> dict[tuple[str, int], TrainingFolder]:
        """Return the paths of every trained network, by recipe and fold."""
        return {(name, fold): self.training(name, fold) for name in recipes for fold in folds}

    def maps(self, recipe: str, split: str) -> Path:
        """Return the map store of a recipe for the split "heldout" or "test"."""
        return self.folder / recipe / f"maps-{split}.sqlite"

    def parameters(self, name: str) -> Path:
        """Return the file of the parameters that an ensemble has learned."""
        return self.folder / "ensembles" / name / "parameters.json"

    def ensemble(self, name: str, split: str) -> Path:
        """Return the map store of an ensemble, which only `carvana-bench ensemble` writes."""
        return self.folder / "ensembles" / name / f"maps-{split}.sqlite"
