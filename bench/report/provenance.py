"""What made a run, for the end of the report: suite, data, recipes, versions, machine, times."""

from typing import Any

from bench.config.recipe import Recipe
from bench.report.facts import Facts
from bench.system.text import duration, number, several

Rows = list[tuple[str, str]]


def suite(facts: Facts) -> Rows:
    """The suite, its data and whether it leaks."""
    folds = facts.suite.folds
    by = "car" if facts.suite.split == "car" else "image, which leaks"
    kind = "photographs of the competition" if facts.real else (
        "drawn cars; their scores say nothing about Kaggle" if facts.drawn else "photographs"
    )  # fmt: skip
    rules = ", ".join(f"{name} ({each.rule})" for name, each in facts.suite.ensembles.items())
    return [
        ("Suite", f"{facts.name}: {facts.suite.title}"),
        ("Data", f"{facts.root} ({kind})"),
        ("Scored", f"{several(facts.images, 'photograph')} of {several(facts.car_count, 'car')}"),
        ("Folds", f"{folds.count} by {by}, of which {several(len(folds.run), 'fold')} ran; "
                  f"{folds.valid_cars} validation cars; seed {folds.seed}"),
        *[(f"Leaks in fold {fold}", told) for fold, told in facts.leaks.items()],
        ("Scale", f"{facts.suite.scale:g} of the recipes' sizes"),
        *([("Limit", f"{facts.suite.limit} cars")] if facts.suite.limit else []),
        ("Ensembles", rules or "none"),
    ]  # fmt: skip


def machine(facts: Facts) -> Rows:
    """Code, versions, machine and times."""
    told, environment = facts.environment.get("machine", {}), facts.environment
    clean = "" if environment.get("clean_tree") else ", with changes that are not committed"
    training = sum(each.get("seconds", 0.0) for each in facts.manifests.values())
    devices = sorted({str(each["device"]) for each in facts.manifests.values() if "device" in each})
    libraries = environment.get("libraries", {})
    return [
        ("Commit", f"{environment.get('commit', 'unknown')}{clean}"),
        ("Processor", f"{told.get('processor') or 'unknown'}, {told.get('cores')} cores, "
                      f"{told.get('memory_gb')} GB"),
        ("System", str(told.get("system", "unknown"))),
        ("Trained on", ", ".join(devices) or "unknown"),
        ("Training", f"{duration(training)} in all"),
        ("Prediction", _prediction(facts)),
        ("Python", str(environment.get("python", "unknown"))),
        ("Libraries", ", ".join(f"{name} {version}" for name, version in libraries.items())),
    ]  # fmt: skip


def _prediction(facts: Facts) -> str:
    singles = facts.scored[facts.scored["kind"] == "single"]
    seconds = float(singles["predict_ms"].sum()) * facts.images / 1000
    each = f"{number(float(singles['predict_ms'].sum()), 0)} ms a photograph by all members"
    return f"{each}, {duration(seconds)} for those scored"


def recipes(facts: Facts) -> list[dict[str, Any]]:
    """The members: how each was trained, and what came of it."""
    found = []
    for name, recipe in facts.recipes.items():
        mine = [each for (other, _), each in facts.manifests.items() if other == name]
        found.append({
            "number": facts.number(name),
            "name": name,
            "network": _network(recipe),
            "size": f"{recipe.size[0]} × {recipe.size[1]}",
            "loss": " + ".join(_term(term, weight) for term, weight in recipe.loss.items()),
            "training": _training(recipe),
            "best": ", ".join(str(each["best_epoch"]) for each in mine if "best_epoch" in each),
            "time": duration(sum(each.get("seconds", 0.0) for each in mine)),
            "weights": ", ".join(each.get("weights_sha256", "")[:12] for each in mine),
        })  # fmt: skip
    return found


def commands(facts: Facts) -> list[str]:
    """What to type in a checkout to make the run again."""
    commit = facts.environment.get("commit", "unknown")
    return [*([f"git checkout {commit}"] if commit != "unknown" else []), *facts.repeat]


def _network(recipe: Recipe) -> str:
    told = recipe.network.options
    words = [str(told[key]) for key in ("decoder", "encoder", "combine") if key in told]
    return f"{recipe.network.name} {' '.join(words)}".strip()


def _term(term: str, weight: float) -> str:
    return term if weight == 1 else f"{weight:g} {term}"


def _training(recipe: Recipe) -> str:
    optimiser = recipe.optimiser
    return (
        f"{several(recipe.epochs, 'epoch')}, batch {recipe.batch}, {optimiser.name} "
        f"{optimiser.lr:g}, seed {recipe.seed}"
    )


def methods(facts: Facts) -> str:
    """How intervals and p-values came about, in two sentences."""
    told = facts.statistics
    if facts.car_count < 2:
        return "A single car was scored, so there are neither intervals nor p-values."
    resampled = f", {told['resamples']:,} resamples" if told["resamples"] else ""
    table = (
        f"all {told['flips_of_a_pair']:,} flips of signs" if told["flips"] == "all"
        else f"{told['flips_of_the_table']:,} random flips for the table and "
             f"{told['flips_of_a_pair']:,} for a single pair"
    )  # fmt: skip
    return (
        f"The car, not the photograph, is the unit. Intervals are of 95 %, by the "
        f"{told['interval']}{resampled}; p-values by a {told['test']} ({table}; the smallest "
        f"possible p is {told['smallest_p']:.2g}), corrected by Holm's method, for ranks over all "
        f"{told['pairs']} pairs of the table. Seed {told['seed']}. Entries that cannot be told "
        "from the best of their group at 5 % share its rank."
    )
