"""About how much work the stages of a run are, in GFLOPs: progress divides its time by them."""

from bench.run.run import Run

STEP_FORWARDS = 3  # a training step is about so many forward passes
SCORE_GFLOPS = 2.0  # a mask is scored in the time of so much network work: a rough guess


def training_work(run: Run, name: str, fold: int) -> float:
    """Estimate the work of one training."""
    recipe = run.recipes[name]
    images = recipe.full_size_epochs * len(run.splits[fold].train) * recipe.crops
    return STEP_FORWARDS * run.forward_gflops[name] * images


def prediction_work(run: Run, split: str) -> float:
    """Estimate the work of all maps of the split "heldout" or "test"."""
    photographs = len(run.heldout) if split == "heldout" else len(run.splits) * len(run.data.test)
    return photographs * sum(map(run.map_gflops, run.recipes))


def scoring_work(run: Run, photographs: int) -> float:
    """Estimate the work of turning so many photographs' maps into masks, for every entry."""
    return SCORE_GFLOPS * photographs * len(run.entries)
