"""The table of a run's stages, in their order, and the ways to do all of them or one group."""

from collections.abc import Callable
from functools import partial

from bench.run import members, opening, results
from bench.run.fresh import Stage
from bench.run.run import Run
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
    for stage in GROUPS[name]:
        stage(run).bring_up_to_date()


def do_all(run: Run) -> None:
    """Do every stage that is not done, from the folds to the report."""
    with log_to(run.layout.log):
        opening.begin(run)
        trainings = [
            members.training_stage(run, name, fold) for name in run.recipes for fold in run.splits
        ]
        works = [stage.work() for stage in trainings]
        works += [sum(stage(run).work() for stage in group) for group in GROUPS.values()]
        todo = [(stage.name, stage.bring_up_to_date) for stage in trainings]
        todo += [(name, partial(do_group, run, name)) for name in GROUPS]
        with showing_run(run.layout.folder, works):
            for name, do in todo:
                start_stage(name)
                do()
