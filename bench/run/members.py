"""The members of a run: their trainings, their maps, and the maps of ensembles of them.

Who trains or predicts is imported when it is done: torch takes seconds to load, and whether a
training or a map is there can be told without it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

from bench.config.layout import TRAINING, TrainingFolder
from bench.config.part import WHOLE, Part
from bench.config.recipe import NOT_TRAINED
from bench.config.strict import check_same
from bench.data.content import SEEN, photograph_hashes
from bench.data.image_ids import car_of
from bench.ensembles.entry import Entry
from bench.masks.types import ReadMap
from bench.networks import wanted
from bench.networks.manifest import is_whole
from bench.networks.wanted import Base, FoldTask, PredictionTask
from bench.run import inputs
from bench.run.run import Run
from bench.run.stage import KeptStage, Stage
from bench.system.claims import attempt
from bench.system.errors import Missing
from bench.system.files import update_text

SPLITS = {"heldout": "held-out", "test": "test"}  # as people read it


def training_stages(run: Run, only: Sequence[str] = (), part: Part = WHOLE) -> Sequence[KeptStage]:
    """List the trainings of a run: every recipe on every fold, edge networks after all others.

    Args:
        only: these recipes instead of all.
        part: of the trainings; the longest are dealt out first.
    """
    folds = run.suite.folds.run
    stages = list[KeptStage]()
    for names in waves(run, only):
        wave = [training_stage(run, name, fold) for name in names for fold in folds]
        whole = part == WHOLE
        stages += wave if whole else part.deal(sorted(wave, key=lambda stage: -stage.work()))
    return stages


def waves(run: Run, only: Sequence[str] = ()) -> list[list[str]]:
    """List the recipes whose trainings need no other, and then those of edge networks.

    Args:
        only: these recipes instead of all.
    """
    names = run.chosen_recipes(only)
    return [[name for name in names if bool(run.base(name)) == edge] for edge in (False, True)]


def training_stage(run: Run, name: str, fold: int) -> KeptStage:
    """Train one recipe on one fold."""
    training = run.layout.training(name, fold)
    again = f"train again: {run.command('train')} --only {name}"
    return KeptStage(
        name=f"train {name}, fold {fold}",
        folder=training.folder,
        record=training.record,
        makes=[training.weights, training.manifest, training.history],
        keeps=[training.manifest, training.history],
        spare=[training.last_weights],
        reads=partial(inputs.of_training, run, name, fold),
        run=partial(_train, run, name, fold),
        contents=run.contents,
        work=partial(run.training_gflops, name, fold),
        choice=f"put that back; or remove {training.folder} and {again}; or choose another folder "
        "with --runs",
        cure=f"put that back, or {again}",
        check_earlier=partial(_check_earlier, run, name, training),
        goes_on=lambda: training.begun,
        # what is trained does not need the former, and earlier versions did not note the latter
        may_lack={"starting weights", "teacher's maps", SEEN},
    )


def _check_earlier(run: Run, name: str, training: TrainingFolder) -> None:
    if training.recipe.exists():
        check_same(training.recipe, run.recipes[name], ignored=NOT_TRAINED)


def _train(run: Run, name: str, fold: int) -> None:
    """Train in the folder of an attempt; when all is finished, rename it into place."""
    from bench.training import ranks, train

    recipe, part, training = run.recipes[name], run.splits[fold], run.layout.training(name, fold)
    tensorboard = training.tensorboard if run.tensorboard else None
    with attempt(training.folder, TRAINING) as folder:
        if training.finished and is_whole(training):
            return  # the process was killed before it noted that
        here = TrainingFolder(folder)
        # back from where an earlier attempt was renaming them, or an earlier version trained
        _rename([*reversed(training.published), training.state], folder)
        update_text(here.recipe, recipe.training_yaml())
        several = run.machine.gpus_per_training > 1 and not recipe.edge
        lessons = run.lessons(name, fold, part)
        with _base_maps(run, name, fold) as read_map:
            task = train.Task(recipe, part.train, part.valid, here, lessons, tensorboard, read_map)
            (ranks.run if several else train.run)(task, run.data, run.cache, run.machine)
        _rename(here.published, training.folder)
    for store in base_stores(run, name, fold).values():
        store.unlink(missing_ok=True)  # only how long its maps took is still of use


def base_stores(run: Run, name: str, fold: int) -> dict[str, Path]:
    """Return the map stores, by member, from which an edge network learns; none of any other."""
    base = run.base(name)
    return {
        member: run.layout.maps(f"{name}/base/{member}", f"fold{fold}")
        for member in (base.members if base else ())
    }


def all_base_stores(run: Run, only: Sequence[str] = ()) -> list[Path]:
    """Return the map stores from which the edge networks of all, or some, recipes learn."""
    trainings = product(run.chosen_recipes(only), run.suite.folds.run)
    return [store for name, fold in trainings for store in base_stores(run, name, fold).values()]


def base_maps_s(run: Run, name: str) -> float:
    """Return the seconds that the maps took from which edge networks learned; 0 of others."""
    return sum(map(wanted.noted_seconds, all_base_stores(run, [name])))


@contextmanager
def _base_maps(run: Run, name: str, fold: int) -> Iterator[ReadMap]:
    """Predict the cars of a training for its edge network, if it is one's; give their reader."""
    from bench.training.augment import no_map

    entry, part = run.base(name), run.splits[fold]
    if not entry:
        yield no_map
        return
    photographs = {image: run.data.train[image] for image in (*part.train, *part.valid)}
    hashes = photograph_hashes(run.data, photographs, run.contents)
    base = _base(
        entry,
        [
            PredictionTask(
                run.recipes[member],
                [FoldTask([run.layout.training(member, fold)], photographs, hashes)],
                store,
            )
            for member, store in base_stores(run, name, fold).items()
        ],
    )
    _predict(base.members, run)
    with base.maps() as read_map:
        yield read_map


def _base(entry: Entry, members: Sequence[PredictionTask]) -> Base:
    return Base(members, entry.merged, inputs.of_entries([entry])["entries"][entry.name])


def _rename(paths: Sequence[Path], folder: Path) -> None:
    """Move files into a folder in this order; one that is not there has been moved before."""
    for path in paths:
        with suppress(FileNotFoundError):
            path.replace(folder / path.name)


@dataclass(frozen=True, kw_only=True)
class PredictionStage(Stage):
    """The maps of some members; each store knows what its maps were made by and from.

    Args:
        tasks: gives what is to be predicted, with the present hashes of photographs.
    """

    tasks: Callable[[], list[PredictionTask]]

    def reasons(self) -> list[str]:
        """Say which members lack which maps."""
        try:
            return [reason for task in self.tasks() for reason in wanted.reasons(task)]
        except Missing as error:
            return [str(error)]

    def bring_up_to_date(self) -> None:
        """Predict what is missing, and what was predicted from something else, if anything is."""
        self.run()  # it asks the same itself


def prediction_stages(run: Run, only: Sequence[str] = (), part: Part = WHOLE) -> list[Stage]:
    """List the predictions of a run: of the held-out cars, and of the test cars if there are any.

    Args:
        only: these recipes instead of all.
        part: of each split's cars.
    """
    splits = ("heldout", "test") if run.data.test else ("heldout",)
    return [prediction_stage(run, split, only, part) for split in splits]


def prediction_stage(
    run: Run, split: str, only: Sequence[str] = (), part: Part = WHOLE
) -> PredictionStage:
    """Write the maps of "heldout" cars, each by its fold's model, or of "test" cars, by all.

    Args:
        only: these recipes instead of all.
        part: of the split's cars.
    """
    names = run.chosen_recipes(only)
    tasks = partial(prediction_tasks, run, names, split, part)
    return PredictionStage(
        name=f"predict {SPLITS[split]} photographs",
        makes=[run.layout.maps(name, split) for name in names],
        tasks=tasks,
        run=lambda: _predict(tasks(), run),
        work=partial(run.prediction_gflops, split),
    )


def _predict(tasks: Sequence[PredictionTask], run: Run) -> None:
    from bench.networks import predict

    predict.run(tasks, run.machine, run.scratch)


def prediction_tasks(
    run: Run, names: Sequence[str], split: str, part: Part = WHOLE
) -> list[PredictionTask]:
    """Return what these recipes have to predict of a part of a split's cars."""
    photographs = run.data.test
    if split == "heldout":
        photographs = {image: run.data.train[image] for image in run.heldout}
    cars = set(part.share(sorted({car_of(image) for image in photographs})))
    photographs = {image: path for image, path in photographs.items() if car_of(image) in cars}
    hashes = photograph_hashes(run.data, photographs, run.contents)

    def task(name: str) -> PredictionTask:
        entry, folds = run.base(name), _folds(run, name, split, photographs, hashes)
        base = _base(entry, [task(member) for member in entry.members]) if entry else None
        return PredictionTask(run.recipes[name], folds, run.layout.maps(name, split), part, base)

    return [task(name) for name in names]


def _folds(
    run: Run, name: str, split: str, photographs: Mapping[str, Path], hashes: Mapping[str, str]
) -> list[FoldTask]:
    trained = {fold: run.layout.training(name, fold) for fold in run.splits}
    if split == "test":
        return [FoldTask(list(trained.values()), photographs, hashes)]
    heldout = run.heldout
    return [
        FoldTask(
            [trained[fold]],
            {image: path for image, path in photographs.items() if heldout[image] == fold},
            hashes,
        )
        for fold in run.splits
    ]


def combine_members(run: Run, split: str) -> None:
    """Write the maps of every ensemble of a split into stores of their own."""
    from bench.ensembles import combine

    for entry in run.fitted_entries():
        if entry.rule:
            target = run.layout.ensemble(entry.name, split)
            combine.run(entry, run.members(split), target, run.scratch)
