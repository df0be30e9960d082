"""What a run makes of its maps: fits, scores, the leaderboard, the report, submission files."""

from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from bench.config.refinement import to_json
from bench.data.carvana import is_real, metadata
from bench.ensembles import fit
from bench.ensembles.entry import Entry
from bench.kaggle import submit
from bench.kaggle.writing import names_to_submit, sidecar_of
from bench.networks import predict
from bench.report import facts, page
from bench.run.run import Run
from bench.run.stage import Stage
from bench.run.work import scoring_work
from bench.scores import analysis, leaderboard, refinement_trials, reported, score, worst_images
from bench.scores.pairs import SCORE, read_scores
from bench.system.environment import environment
from bench.system.errors import BadConfig, BadFile, Missing
from bench.system.files import read_json, sha256, write_json
from bench.system.progress import say
from bench.training.manifest import read_manifest

LEADERBOARD_FORMS = ("csv", "md", "json", "latex")


def refinement_marker_stage(run: Run) -> Stage:
    """Note how entries are refined, as a file that scores and submission files are made from.

    A recipe may name other steps long after its network was trained: then only this file is new.
    """
    makes = refinement_marker(run)
    return Stage("refinement marker", makes, [], partial(_write_refinements, run), always=True)


def refinement_marker(run: Run) -> list[Path]:
    """Return the file that notes how entries are refined, if any entry is or ever was."""
    refined = any(entry.refine for entry in run.entries)
    return [run.layout.refinement] if refined or run.layout.refinement.exists() else []


def _write_refinements(run: Run) -> None:
    """Write how entries are refined, where that has changed."""
    steps = {entry.name: to_json(entry.refine) for entry in run.entries if entry.refine}
    path = run.layout.refinement
    if (read_json(path, dict[str, Any], "run the suite again") if path.exists() else {}) != steps:
        write_json(path, steps)


def fit_stage(run: Run) -> Stage:
    """Fit the ensembles that learn."""
    makes = [run.layout.parameters(entry.name) for entry in run.entries if entry.learns]
    reads = [*run.stores("heldout").values(), run.layout.suite]
    return Stage("fit", makes, reads, partial(_fit_entries, run))


def _fit_entries(run: Run) -> None:
    """Fit the ensembles that learn and whose parameters are not current."""
    files = {each.name: run.layout.parameters(each.name) for each in run.entries if each.learns}
    stale = fit_stage(run).stale
    entries = [entry for entry in run.entries if files.get(entry.name) in stale]
    fit.run(entries, run.members("heldout"), sorted(run.heldout), files)


def score_stage(run: Run) -> Stage:
    """Score every entry on the held-out cars."""
    reads = [*run.stores("heldout").values(), run.layout.suite, *refinement_marker(run)]
    return Stage(
        "score",
        makes=[run.layout.scores, run.layout.ceilings],
        reads=reads,
        run=partial(_score, run),
        work=lambda: scoring_work(run, len(run.heldout)),
    )


def _score(run: Run) -> None:
    sizes = sorted({recipe.size for recipe in run.recipes.values()})
    files = run.layout.scores, run.layout.ceilings
    score.run(run.fitted_entries(), run.members("heldout"), sizes, run.heldout, *files)


def analysis_stage(run: Run) -> Stage:
    """Analyse why ensembles gain or do not."""
    return Stage(
        "analysis",
        makes=[run.layout.analysis],
        reads=[*score_stage(run).reads, run.layout.scores],
        run=lambda: analysis.run(
            run.fitted_entries(), run.members("heldout"), run.layout.scores, run.layout.analysis
        ),
    )


def leaderboard_stage(run: Run) -> Stage:
    """Rank the entries."""
    return Stage(
        "leaderboard",
        makes=[run.layout.leaderboard(form) for form in LEADERBOARD_FORMS],
        reads=report_stage(run).reads,  # the report shows it: both are stale together
        run=partial(_rank, run),
        always=True,  # it takes no time, and the reported figures may have changed
    )


def _rank(run: Run) -> None:
    check_scored(run)
    leaky = any(part.audit().leaky for part in run.splits.values())
    real = is_real(run.data)
    published = [*run.suite.reported, *(reported.private_leaderboard() if real else [])]
    scores = read_scores(run.layout.scores)
    costs = {name: _member_cost(run, name) for name in run.recipes}
    board = leaderboard.table(scores, run.entries, costs, published, leaky)
    files = {form: run.layout.leaderboard(form) for form in LEADERBOARD_FORMS}
    leaderboard.write(board, reported.NOTE if real else "", files)
    makes = {car: make for car, (_, make, _) in metadata(run.data.root).items()}
    for name, group in (("view", scores["view"]), ("make", scores["car"].map(makes))):
        leaderboard.write_means_by(group.rename(name), scores, run.layout.by(name))


def _member_cost(run: Run, name: str) -> leaderboard.MemberCost:
    manifests = [
        read_manifest(run.layout.training(name, fold).manifest) for fold in run.suite.folds.run
    ]
    recipe = run.recipes[name]
    size = score.size_name(recipe.size)
    ceilings = read_json(run.layout.ceilings, dict[str, float], SCORE)
    if size not in ceilings:
        raise BadFile(run.layout.ceilings, f"says nothing of {size}", f"remove it and {SCORE}")
    weights = run.layout.training(name, run.suite.folds.run[0]).weights
    return leaderboard.MemberCost(
        size=size,
        ceiling=ceilings[size],
        params_m=manifests[0].parameters / 1e6,
        gflops=run.forward_gflops[name],
        disk_mb=weights.stat().st_size / 1e6,
        train_s=sum(manifest.seconds for manifest in manifests),
        predict_ms=predict.ms_per_image(run.layout.maps(name, "heldout")),
        reported_dice=recipe.reported_dice,
        reported_one_minus_jaccard=recipe.reported.get("one_minus_jaccard"),
    )


def submission_stage(run: Run) -> Stage:
    """Write a submission file and its sidecar for every entry, from the maps of test cars."""
    learned = [run.layout.parameters(entry.name) for entry in run.entries if entry.learns]
    stores = run.stores("test").values()
    files = [run.submission(entry) for entry in run.entries]
    return Stage(
        "submissions",
        makes=[*files, *map(sidecar_of, files)],
        reads=[*stores, run.layout.suite, *refinement_marker(run), *learned],
        run=partial(_submit, run),
        work=lambda: scoring_work(run, len(run.data.test)),
    )


def _submit(run: Run) -> None:
    files = {entry.name: run.submission(entry) for entry in run.entries}
    names = names_to_submit(run.data)
    made_by = {"suite": run.name, "folds_sha256": sha256(run.layout.folds), **environment()}
    submit.run(run.fitted_entries(), run.members("test"), names, files, made_by)


def report_stage(run: Run) -> Stage:
    """Write the page that shows it all."""
    trainings = [
        run.layout.training(name, fold) for name in run.recipes for fold in run.suite.folds.run
    ]
    histories = [folder.history for folder in trainings]
    reads = [run.layout.scores, run.layout.analysis, run.layout.suite, *page.CODE]
    reads += [folder.manifest for folder in trainings]
    reads += [path for path in histories if path.exists()]  # what is not trained has none
    return Stage("report", [run.layout.report], reads, partial(_report, run))


def _report(run: Run) -> None:
    check_scored(run)
    if not leaderboard_stage(run).done:
        _rank(run)
    fit_stage(run).bring_up_to_date()
    about = facts.read(run.name, run.suite, run.recipes, run.data, run.layout, run.repeat_commands)
    page.run(about, run.fitted_entries(), run.members("heldout"), run.layout.report)
    say(f"{run.layout.report}: the report; open it in a browser")


def check_scored(run: Run) -> None:
    """Refuse a run that is not scored yet.

    Raises:
        Missing: there are no scores.
    """
    if not run.layout.scores.exists():
        raise Missing(f"{run.layout.scores}: no scores yet; run the stage `score` first")


def draw_errors(run: Run, name: str, out: Path, worst: int) -> int:
    """Draw the worst held-out images of an entry; return how many.

    Raises:
        BadConfig: the suite has no such entry.
        Missing: the run is not scored yet.
    """
    entry = _fitted_entry(run, name)
    check_scored(run)
    return worst_images.run(entry, run.members("heldout"), run.layout.scores, out, worst)


def try_refinements(run: Run, name: str, out: Path | None) -> pd.DataFrame:
    """Return what every refinement does to an entry on the held-out images.

    Args:
        out: where the table, the figures of every image and pictures go, if anywhere.

    Raises:
        BadConfig: the suite has no such entry.
    """
    entry = _fitted_entry(run, name)
    return refinement_trials.run(entry, run.members("heldout"), sorted(run.heldout), out)


def _fitted_entry(run: Run, name: str) -> Entry:
    fit_stage(run).bring_up_to_date()
    entries = {entry.name: entry for entry in run.fitted_entries()}
    if name not in entries:
        raise BadConfig(f"the suite has no entry {name!r}, only {', '.join(entries)}")
    return entries[name]
