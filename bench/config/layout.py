"""Where everything lies in a run's folder: the one place that knows the names."""

from dataclasses import dataclass
from pathlib import Path

WEIGHTS = "weights.safetensors"
RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class TrainingFolder:
    """Paths of one training; nothing is read or made."""

    folder: Path

    @property
    def recipe(self) -> Path:
        """The recipe that the network is trained by."""
        return self.folder / RECIPE

    @property
    def state(self) -> Path:
        """What an interrupted training goes on from; a finished one has none."""
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
    def tensorboard(self) -> Path:
        """Each epoch's figures for TensorBoard, where a run was asked for them."""
        return self.folder / "tensorboard"

    @property
    def finished(self) -> bool:
        """Whether the training is done."""
        return self.manifest.exists()


@dataclass(frozen=True)
class Layout:
    """Paths of one run; nothing is read or made."""

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
        """What training and scoring share, fold by fold."""
        return self.folder / "leak_audit.json"

    @property
    def log(self) -> Path:
        """What the run said, without control characters."""
        return self.folder / "log.txt"

    @property
    def scores(self) -> Path:
        """One row for every entry and held-out image."""
        return self.folder / "scores.parquet"

    @property
    def ceilings(self) -> Path:
        """Mean Dice of a perfect network at each input size."""
        return self.folder / "ceilings.json"

    @property
    def analysis(self) -> Path:
        """Why ensembles gain or do not."""
        return self.folder / "analysis.json"

    @property
    def report(self) -> Path:
        """The page that shows what the run found."""
        return self.folder / "report.html"

    @property
    def refinement(self) -> Path:
        """How entries are refined, by name, where any is: newer than what was made otherwise."""
        return self.folder / "refinement.json"

    def by(self, part: str) -> Path:
        """Scores of every entry by "view" or by "make"."""
        return self.folder / f"by_{part}.csv"

    def leaderboard(self, suffix: str) -> Path:
        """The table of entries as csv, md, json or latex."""
        return self.folder / f"leaderboard.{suffix}"

    def training(self, recipe: str, fold: int) -> TrainingFolder:
        """The folder of one trained network."""
        return TrainingFolder(self.folder / recipe / f"fold{fold}")

    def maps(self, recipe: str, split: str) -> Path:
        """The map store of a recipe for the split "heldout" or "test"."""
        return self.folder / recipe / f"maps-{split}.sqlite"

    def parameters(self, name: str) -> Path:
        """What an ensemble that learns has learned."""
        return self.folder / "ensembles" / name / "parameters.json"

    def ensemble(self, name: str, split: str) -> Path:
        """The map store of an ensemble, where one was asked for."""
        return self.folder / "ensembles" / name / f"maps-{split}.sqlite"
