"""The order of a run's stages, and the ways to do all of them or one group.

A run checks its suite and freezes its folds, trains every recipe on every fold, and then goes
through GROUPS from top to bottom.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import product

from bench.masks.database import DamagedStore
from bench.networks.manifest import check_weights
from bench.networks.quantised import quantised
from bench.run import members, opening, results
from bench.run.items import Way, do_items
from bench.run.run import Run
from bench.run.stage import Stage
from bench.system.claims import claimed
from bench.system.disk import check_writable
from bench.system.errors import Incomplete, Missing
from bench.system.process import give_memory_back
from bench.system.progress import log_to, say, showing_run, start_stage


@dataclass(frozen=True)
class Group:
    """Stages that are done together, as progress and the verbs name them.

    Args:
        stages: in order; each may read what those before it make.
        after: the groups whose results they read.
        test: whether they need test photographs.
    """

    stages: tuple[Callable[[Run], Stage], ...]
    after: tuple[str, ...] = ()
    test: bool = False


HELDOUT, TEST = "predict held-out", "predict test"
GROUPS = {
    HELDOUT: Group((partial(members.prediction_stage, split="heldout"),)),
    TEST: Group((partial(members.prediction_stage, split="test"),), test=True),
    "score": Group((results.fit_stage, results.score_stage, results.analysis_stage), (HELDOUT,)),
    "leaderboard": Group((results.leaderboard_stage,), (HELDOUT, "score")),
    "submissions": Group((results.fit_stage, results.submission_stage), (TEST,), test=True),
    "report": Group((results.leaderboard_stage, results.report_stage), (HELDOUT, "score")),
}


def do_all(
    run: Run, open_way: Callable[[], AbstractContextManager[Way | None]] = nullcontext
) -> None:
    """Do every stage that is not done, from the folds to the report.

    Damaged photographs leave out what needs their maps, and nothing else.

    Args:
        open_way: where anything is left, gives the way to do trainings and predictions by several
            workers; the rest is done here.

    Raises:
        Taken: another process works on the run; nothing has been done then.
        BadConfig, DiskFails: nothing can be written to the folder of submission files.
        Incomplete: photographs are damaged; what does not need them is there. Or some items of
            workers failed; all others are done.
    """
    if is_finished(run):
        opening.note(run)
        say(f"{run.layout.folder}: everything is there and current")
        return
    if "submissions" in _groups_of(run):
        check_writable(run.submissions, "--submissions")
    with ExitStack() as workers:
        way = workers.enter_context(open_way())
        with claimed(run.layout.claim, run.layout.folder), log_to(run.layout.log):
            opening.begin(run)
            for stage in members.training_stages(run):
                stage.is_left()  # refuses damaged ones, before anything long begins
            if way:
                do_items(run, way)
            workers.close()  # they have no part in the rest, and a cluster may go away
            _do_all_here(run)


def _do_all_here(run: Run) -> None:
    trainings, groups = members.training_stages(run), _groups_of(run)
    works = [0.0 if stage.done else stage.work() for stage in trainings]
    works += [sum(make(run).work() for make in group.stages) for group in groups.values()]
    with showing_run(run.layout.folder, works):
        for stage in trainings:
            start_stage(stage.name)
            stage.bring_up_to_date()
        _do_groups(run, groups)


def _do_groups(run: Run, groups: Mapping[str, Group]) -> None:
    incomplete: dict[str, Incomplete] = {}
    for name in groups:
        start_stage(name)
        lacking = [before for before in _after(run, name) if before in incomplete]
        if lacking:
            say(f"{name}: left out, since the maps are incomplete")
            continue
        try:
            _do_mending(run, name)
        except Incomplete as error:
            say(str(error))
            incomplete[name] = error
    if incomplete:
        raise next(iter(incomplete.values()))


def do_group(run: Run, name: str) -> None:
    """Do the stages of a group that are not done.

    Raises:
        Missing: something that they read is not there, or not current.
        Taken: another process works on the run.
    """
    if name not in _groups_of(run):
        say(f"{run.data.root}: no test photographs, so no submission files")
        return
    require(run, *_after(run, name))
    if not all(make(run).done for make in GROUPS[name].stages):
        with claimed(run.layout.claim, run.layout.folder):
            _do(run, GROUPS[name])


def _do_mending(run: Run, name: str) -> None:
    """Do a group; if it finds a map damaged, predict that map again first."""
    try:
        _do(run, GROUPS[name])
    except DamagedStore as error:
        say(str(error))
        for before in _after(run, name):
            _do(run, GROUPS[before])
        _do(run, GROUPS[name])


def combine(run: Run, split: str) -> None:
    """Write the maps of every ensemble of the split "heldout" or "test" into stores of their own.

    Raises: as `do_group`.
    """
    require(run, HELDOUT, *([TEST] if split == "test" else []))
    with claimed(run.layout.claim, run.layout.folder):
        results.fit_stage(run).bring_up_to_date()
        members.combine_members(run, split)


def quantise(run: Run, only: Sequence[str]) -> None:
    """Let trained networks predict in int8 on a CPU, where that is worth it.

    Edge networks, and what is not trained, stay as they are.

    Args:
        only: these recipes instead of all.

    Raises:
        Missing: a network is not trained yet; otherwise as `networks.quantise.run`.
        BadConfig, BadData: folds were drawn, or a network was trained, from something else than
            there is now.
    """
    from bench.networks import quantise

    coarse = [name for name in members.waves(run, only)[0] if run.recipes[name].epochs]
    for stage in (opening.folds_stage(run), *members.training_stages(run, coarse)):
        stage.check()
    with claimed(run.layout.claim, run.layout.folder):
        for name, fold in product(coarse, run.suite.folds.run):
            training, part = run.layout.training(name, fold), run.splits[fold]
            if not training.finished:
                raise Missing(f"{training.folder}: not trained yet; first: {run.command('train')}")
            check_weights(training)
            present = quantised(training)
            if present and not present.damaged_files(training.folder):
                say(f"{name}, fold {fold}: predicts in int8 already")
                continue
            task = quantise.Task(run.recipes[name], training, part.train, part.valid)
            quantise.run(task, run.data, run.machine.precision)


def _do(run: Run, group: Group) -> None:
    for make in group.stages:  # one at a time: a stage may read what the one before it makes
        make(run).bring_up_to_date()
        give_memory_back()  # or this stage's would count while the next one works


def require(run: Run, *groups: str) -> None:
    """Refuse to go on from results that are not there, or not current.

    Raises:
        Missing: they are not; the message says why, and what comes first.
        BadConfig, BadData: folds were drawn, or a network was trained, from something else than
            there is now.
    """
    for stage in (opening.folds_stage(run), *members.training_stages(run)):
        stage.check()
        if not stage.makes[0].exists():
            raise Missing(
                f"{run.layout.folder}, {stage.name}: not done yet; first: {run.command('run')}"
            )
    for name in groups:
        for make in GROUPS[name].stages:
            reasons = make(run).reasons()
            if reasons:
                first = run.command(name.partition(" ")[0])
                raise Missing(f"{run.layout.folder}: {'; '.join(reasons)}; first: {first}")


def is_finished(run: Run) -> bool:
    """Whether every stage is done."""
    return (
        run.layout.folds.exists()
        and opening.folds_stage(run).done
        and all(stage.done for stage in all_stages(run))
    )


def all_stages(run: Run) -> list[Stage]:
    """List the stages of a run whose folds are drawn, in their order, each once."""
    groups = _groups_of(run).values()
    makers = dict.fromkeys(make for group in groups for make in group.stages)
    return [*members.training_stages(run), *(make(run) for make in makers)]


def _groups_of(run: Run) -> dict[str, Group]:
    return {name: group for name, group in GROUPS.items() if run.data.test or not group.test}


def _after(run: Run, name: str) -> tuple[str, ...]:
    """Return the groups whose results a group reads; rules learn from held-out maps."""
    learns = name == "submissions" and any(entry.learns for entry in run.entries)
    return (HELDOUT, *GROUPS[name].after) if learns else GROUPS[name].after
