"""The order of a run's stages, and the ways to do all of them or one group.

A run checks its suite and freezes its folds, trains every recipe on every fold, and then goes
through GROUPS from top to bottom.
"""

from collections.abc import Callable

from bench.run import members, opening, results
from bench.run.run import Run
from bench.run.stage import Stage
from bench.system.progress import log_to, say, showing_run, start_stage

GROUPS: dict[str, tuple[Callable[[Run], Stage], ...]] = {  # as progress and single verbs name them
    "predict": (members.prediction_stage,),
    "score": (
        results.refinement_marker_stage,
        results.fit_stage,
        results.score_stage,
        results.analysis_stage,
    ),
    "leaderboard": (results.leaderboard_stage,),
    "submissions": (
        results.refinement_marker_stage,
        results.fit_stage,
        results.submission_stage,
    ),
    "report": (results.report_stage,),
}


def do_group(run: Run, name: str) -> None:
    """Do the stages of a group that are not done."""
    if name == "submissions" and not run.data.test:
        say(f"{run.data.root}: no test photographs, so no submission files")
        return
    for make_stage in GROUPS[name]:  # one at a time: a stage may read what the one before it makes
        make_stage(run).bring_up_to_date()


def do_all(run: Run) -> None:
    """Do every stage that is not done, from the folds to the report."""
    with log_to(run.layout.log):
        opening.begin(run)
        trainings = members.training_stages(run)
        works = [stage.work() for stage in trainings]
        works += [sum(make_stage(run).work() for make_stage in group) for group in GROUPS.values()]
        with showing_run(run.layout.folder, works):
            for stage in trainings:
                start_stage(stage.name)
                stage.bring_up_to_date()
            for name in GROUPS:
                start_stage(name)
                do_group(run, name)
