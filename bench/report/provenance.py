"""What made a run, for the end of the report: suite, data, recipes, versions, machine, times."""

from typing import Any

from bench.config.recipe import Recipe
from bench.report.facts import Environment, Facts
from bench.scores import ranking
from bench.system.environment import slowed_by
from bench.system.text import duration, listed, number, several

Rows = list[tuple[str, str]]


def suite(facts: Facts) -> Rows:
    """Rows about the suite, its data, its folds and what leaks."""
    folds, origin = facts.suite.folds, facts.origin
    unit = facts.unit
    by = unit if facts.suite.split == "car" else "image, which leaks"
    kind = "photographs of the competition" if origin.real else "photographs"
    if origin.drawn:
        kind = "drawn cars; their scores say nothing about Kaggle"
    ran = f"of which {several(len(folds.run), 'fold')} ran"
    valid = several(folds.valid_cars, f"validation {unit}")
    rules = ", ".join(f"{name} ({each.rule})" for name, each in facts.suite.ensembles.items())
    return [
        ("Suite", f"{facts.name}: {facts.suite.title}"),
        ("Data", f"{origin.root} ({kind})"),
        ("Scored", f"{several(facts.images, 'photograph')} of {several(facts.cars, unit)}"),
        ("Folds", f"{folds.count} by {by}, {ran}; {valid}; seed {folds.seed}"),
        *[(f"Leaks in fold {fold}", verdict) for fold, verdict in origin.leaks.items()],
        ("Scale", f"{facts.suite.scale:g} of the recipes' sizes"),
        *([("Limit", several(facts.suite.limit, unit))] if facts.suite.limit else []),
        ("Ensembles", rules or "none"),
    ]


def machine(facts: Facts) -> Rows:
    """Rows about the code, its versions, the machine and the times."""
    environment, manifests = facts.origin.environment, facts.origin.manifests.values()
    computer = environment.machine
    processor = computer.processor or "unknown"
    training, slowed = sum(each.seconds for each in manifests), slowed_by(facts.origin.other_cores)
    devices = sorted({each.device for each in manifests} - {""})
    return [
        ("Program", _program(environment)),
        ("Processor", f"{processor}, {computer.cores} cores, {computer.memory_gb} GB"),
        ("System", computer.system),
        ("Trained on", ", ".join(devices) or "unknown"),
        ("Training", f"{duration(training)} in all"),
        ("Prediction", _prediction(facts)),
        *([("In int8", listed(facts.origin.in_int8))] if facts.origin.in_int8 else []),
        *([("Beside", slowed)] if slowed else []),
        ("Python", environment.python),
        ("Libraries", ", ".join(map(" ".join, environment.libraries.items()))),
    ]


def _program(environment: Environment) -> str:
    """Return the version and the commit that ran; of installed code, the hash of its files."""
    version = f"{environment.version}, " if environment.version else ""
    if environment.commit == "unknown":
        code = environment.code_sha256
        return f"{version}no commit; the code's sha256 is {code or 'unknown'}"
    clean = "" if environment.clean_tree else ", with changes that are not committed"
    return f"{version}commit {environment.commit}{clean}"


def _prediction(facts: Facts) -> str:
    needed = facts.scored.set_index("entry")["predict_ms"]
    below = [recipe.edge.of for recipe in facts.recipes.values() if recipe.edge]
    ms = float(needed[list(facts.recipes)].sum() - needed[below].sum())
    seconds = ms * facts.images / 1000
    return f"{number(ms, 0)} ms a photograph by all members, {duration(seconds)} for those scored"


def recipes(facts: Facts) -> list[dict[str, Any]]:
    """One row for each single model: how it was trained, and the best epoch, time and weights."""
    rows = []
    for name, recipe in facts.recipes.items():
        manifests = [each for (other, _), each in facts.origin.manifests.items() if other == name]
        epochs = [str(each.best_epoch) for each in manifests if each.best_epoch is not None]
        row = {
            "number": facts.names.number(name),
            "name": name,
            "network": _network(recipe),
            "size": f"{recipe.size[0]} × {recipe.size[1]}",
            "loss": " + ".join(_term(term, weight) for term, weight in recipe.loss.items()),
            "training": _training(recipe),
            "best": ", ".join(epochs),
            "time": duration(sum(each.seconds for each in manifests)),
            "weights": ", ".join(each.weights_sha256[:12] for each in manifests),
        }
        rows.append(row)
    return rows


def commands(facts: Facts) -> list[str]:
    """The commands that make the run again: in a checkout, or by the installed program."""
    commit = facts.origin.environment.commit
    return [*([f"git checkout {commit}"] if commit != "unknown" else []), *facts.origin.commands]


def _network(recipe: Recipe) -> str:
    options = recipe.network.options
    words = [str(options[key]) for key in ("decoder", "encoder", "combine") if key in options]
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
    """A paragraph on how intervals and p-values are computed."""
    unit = facts.unit
    if facts.cars < 2:
        return f"A single {unit} was scored, so there are neither intervals nor p-values."
    used = ranking.methods(facts.cars, len(facts.scored), unit)
    resampled = f", {used['resamples']:,} resamples" if used["resamples"] else ""
    if used["flips"] == "all":
        flips = f"all {2**facts.cars:,} flips of signs"
    else:
        flips = (
            f"{used['flips_of_the_table']:,} random flips for the table and "
            f"{used['flips_of_a_pair']:,} for a single pair"
        )
    return (
        f"The {unit}, not the photograph, is the unit. Intervals are of 95 %, by the "
        f"{used['interval']}{resampled}; p-values by a {used['test']} ({flips}; the smallest "
        f"possible p is {used['smallest_p']:.2g}), corrected by Holm's method, for ranks over all "
        f"{used['pairs']} pairs of the table. Seed {used['seed']}. Entries that share a rank "
        "cannot be told from the best of them at 5 %."
    )
