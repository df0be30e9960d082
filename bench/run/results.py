"""What a run makes of its maps: fits, scores, the leaderboard, the report, submission files.

What makes them is imported when it is done: its libraries, for tables and drawings, take seconds to
load, and whether results are current can be told without them.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.layout import LEADERBOARD_FORMS
from bench.config.strict import to_yaml
from bench.data.carvana import metadata
from bench.data.content import by_car
from bench.data.image_ids import car_of
from bench.ensembles.entry import Entry
from bench.kaggle.writing import (
    expected_images,
    has_only_empty_masks,
    names_to_submit,
    sidecar_of,
)
from bench.masks.types import size_name
from bench.networks.wanted import timing_file
from bench.report import TEMPLATE_FILES
from bench.run import inputs
from bench.run.members import all_base_stores
from bench.run.record import Inputs, merged
from bench.run.run import Run
from bench.run.stage import RecordedStage, Stage
from bench.system.environment import environment
from bench.system.errors import BadConfig
from bench.system.files import sha256
from bench.system.progress import say, warn
from bench.system.temporaries import filled_at_once
from bench.system.text import listed, several

if TYPE_CHECKING:
    from pandas import DataFrame

MASK_CODE = ("bench/masks", "bench/metrics", "bench/data", "bench/refinement", "bench/ensembles")
Reads = Callable[[], Sequence[Inputs]]


def _stage(
    run: Run, name: str, makes: Sequence[Path], reads: Reads, do: Callable[[Run], None]
) -> RecordedStage:
    """Return a stage whose record lies in the run's folder."""
    return RecordedStage(
        name=name,
        record=run.layout.record(name),
        makes=makes,
        reads=lambda: merged(reads()),
        run=partial(do, run),
        contents=run.contents,
    )


def _learned(run: Run) -> list[Path]:
    """Return the files of the parameters that ensembles learn."""
    return [run.layout.parameters(entry.name) for entry in run.entries if entry.learns]


def fit_stage(run: Run) -> RecordedStage:
    """Fit the ensembles that learn."""

    def reads() -> Sequence[Inputs]:
        return (
            inputs.of_maps(run, "heldout"),
            inputs.of_heldout_masks(run),
            inputs.of_entries([entry for entry in run.entries if entry.learns]),
            inputs.of_code(*MASK_CODE),
        )

    return _stage(run, "fit", _learned(run), reads, _fit)


def _fit(run: Run) -> None:
    from bench.ensembles import fit

    learning = {entry.name: entry for entry in run.entries if entry.learns}
    files = {name: run.layout.parameters(name) for name in learning}
    if learning:
        fit.run(list(learning.values()), run.members("heldout"), sorted(run.heldout), files)


def _scored_from(run: Run) -> Sequence[Inputs]:
    """Return what scores and the analysis are made from."""
    sizes = {name: size_name(size) for name, size in run.grids.items()}
    return (
        inputs.of_maps(run, "heldout"),
        inputs.of_heldout_masks(run),
        inputs.of_entries(run.entries),
        inputs.of_files(run, "fitted parameters", _learned(run)),
        {"sizes": sizes, "folds": {image: str(fold) for image, fold in run.heldout.items()}},
        inputs.of_code(*MASK_CODE, "bench/scores"),
    )


def score_stage(run: Run) -> Stage:
    """Score every entry on the held-out cars."""
    makes = [run.layout.scores, run.layout.ceilings]
    stage = _stage(run, "score", makes, partial(_scored_from, run), _score)
    return replace(stage, work=lambda: run.scoring_gflops(len(run.heldout)))


def _score(run: Run) -> None:
    from bench.scores import score

    sizes = sorted(set(run.grids.values()))
    files = run.layout.scores, run.layout.ceilings
    score.run(run.fitted_entries(), run.members("heldout"), sizes, run.heldout, *files)


def analysis_stage(run: Run) -> Stage:
    """Analyse why ensembles gain or do not."""

    def reads() -> Sequence[Inputs]:
        return *_scored_from(run), inputs.of_files(run, "scores", [run.layout.scores])

    return _stage(run, "analysis", [run.layout.analysis], reads, _analyse)


def _analyse(run: Run) -> None:
    from bench.scores import analysis

    members, layout = run.members("heldout"), run.layout
    analysis.run(run.fitted_entries(), members, layout.scores, layout.analysis)


def leaderboard_stage(run: Run) -> Stage:
    """Rank the entries."""
    files = [run.layout.leaderboard(form) for form in LEADERBOARD_FORMS]
    if run.data.of_cars:
        files.append(run.layout.by("view"))
    if run.data.of_cars and set(metadata(run.data)) & {car_of(image) for image in run.heldout}:
        files.append(run.layout.by("make"))

    def reads() -> Sequence[Inputs]:
        manifests = [folder.manifest for folder in run.trainings.values()]
        stores = (*run.stores("heldout").values(), *all_base_stores(run))
        return (
            inputs.of_files(run, "scores", [run.layout.scores, run.layout.ceilings]),
            inputs.of_files(run, "trainings", manifests),
            inputs.of_files(run, "prediction times", list(map(timing_file, stores))),
            inputs.of_entries(run.entries),
            inputs.of_values(
                "reported figures",
                suite=[each.model_dump() for each in inputs.published(run)],
                recipes={name: recipe.reported for name, recipe in run.recipes.items()},
            ),
            inputs.of_values(
                "teachers", **{each: inputs.taught(run, each) for each in run.recipes}
            ),
            inputs.of_data_tables(run),
            inputs.of_code("bench/data", "bench/metrics", "bench/scores", "models"),
        )

    return _stage(run, "leaderboard", files, reads, _rank)


def _rank(run: Run) -> None:
    from bench.run import leaderboard

    leaderboard.write(run, {form: run.layout.leaderboard(form) for form in LEADERBOARD_FORMS})


def submission_stage(run: Run) -> Stage:
    """Write a submission file and its sidecar for every entry, from the maps of test cars."""
    files = [run.submission(entry) for entry in run.entries]

    def reads() -> Sequence[Inputs]:
        return (
            inputs.of_maps(run, "test"),
            inputs.of_entries(run.entries),
            inputs.of_files(run, "fitted parameters", _learned(run)),
            {"names": by_car(names_to_submit(run.data))},
            inputs.of_code(*MASK_CODE, "bench/kaggle"),
        )

    stage = _stage(run, "submissions", [*files, *map(sidecar_of, files)], reads, _submit)
    return replace(stage, work=lambda: run.scoring_gflops(len(run.data.test)))


def _submit(run: Run) -> None:
    from bench.kaggle import submit

    files = {entry.name: run.submission(entry) for entry in run.entries}
    made_by = {"suite": run.name, "folds_sha256": sha256(run.layout.folds), **environment()}
    names = names_to_submit(run.data)
    submit.run(run.fitted_entries(), run.members("test"), names, files, made_by)


def warn_of_submissions(run: Run) -> None:
    """Say why a run's submission files are worth nothing, even to those who asked for quiet.

    Rows are compared anew each time: sample_submission.csv may be there since yesterday.
    """
    if not run.data.test:
        return
    empty = [each.name for each in run.entries if has_only_empty_masks(run.submission(each))]
    if empty:
        warn(
            f"every mask in the submission files of {listed(empty)} is empty: nothing was found in "
            "the test photographs; train longer, or look whether they are like those learned from"
        )
    wanted, written = expected_images(run.data), set(names_to_submit(run.data).values())
    sample, test = run.data.sample, run.data.root / "test"
    if lacking := sorted(wanted - written):
        limit = " without a limit of cars" if run.suite.limit else ""
        warn(
            f"Kaggle would refuse the submission files: they lack {several(len(lacking), 'image')} "
            f"of {sample}, first {lacking[0]}; put all photographs into {test} and run the suite "
            f"again{limit}"
        )
    if surplus := sorted(written - wanted):
        warn(
            f"Kaggle would refuse the submission files: {sample} lacks "
            f"{several(len(surplus), 'image')} of theirs, first {surplus[0]}; restore that file, "
            f"or take those photographs out of {test}, and run the suite again"
        )


def report_stage(run: Run) -> Stage:
    """Write the page that shows it all."""
    layout = run.layout

    def reads() -> Sequence[Inputs]:
        trainings = run.trainings.values()
        tables = [layout.leaderboard("csv"), layout.analysis, layout.leaks, layout.environment]
        return (
            *_scored_from(run),
            inputs.of_files(run, "tables", [layout.scores, *tables]),
            inputs.of_files(run, "trainings", [folder.manifest for folder in trainings]),
            inputs.of_files(run, "histories", [folder.history for folder in trainings]),
            inputs.of_values("suite", title=run.suite.title),
            inputs.of_values(
                "recipes", **{key: to_yaml(each) for key, each in run.recipes.items()}
            ),
            inputs.of_data_tables(run),
            inputs.of_program_files(run, TEMPLATE_FILES),
            inputs.of_code("bench/report"),
        )

    return _stage(run, "report", [layout.report], reads, _report)


def _report(run: Run) -> None:
    from bench.report import facts, page

    about = facts.read(run.name, run.suite, run.recipes, run.data, run.layout, run.repeat_commands)
    page.run(about, run.fitted_entries(), run.members("heldout"), run.layout.report)
    say(f"{run.layout.report}: the report; open it in a browser")


def draw_errors(run: Run, name: str, out: Path, worst: int) -> int:
    """Draw the worst held-out images of an entry; return how many.

    Args:
        out: an empty or new folder.

    Raises:
        BadConfig: the suite has no such entry.
        Missing: the run is not scored yet.
    """
    from bench.scores import worst_images

    entry = _fitted_entry(run, name)
    with filled_at_once(out) as new:
        return worst_images.run(entry, run.members("heldout"), run.layout.scores, new, worst)


def try_refinements(run: Run, name: str, out: Path | None) -> "DataFrame":
    """Return what every refinement does to an entry on the held-out images.

    Args:
        out: an empty or new folder for the table, the figures of every image and pictures, if any.

    Raises:
        BadConfig: the suite has no such entry.
    """
    from bench.scores import refinement_trials

    entry = _fitted_entry(run, name)
    with filled_at_once(out) if out else nullcontext() as new:
        return refinement_trials.run(entry, run.members("heldout"), sorted(run.heldout), new)


def _fitted_entry(run: Run, name: str) -> Entry:
    entries = {entry.name: entry for entry in run.fitted_entries()}
    if name not in entries:
        raise BadConfig(f"the suite has no entry {name!r}, only {', '.join(entries)}")
    return entries[name]
