"""The command line: one verb a stage. It calls and prints; what it calls is elsewhere."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.cli.arguments import DATA, parse
from bench.cli.printing import check_submission, show, show_data, show_leaderboard, show_tables
from bench.system import process
from bench.system.errors import BadConfig, BenchError, Missing
from bench.system.progress import quietly, say
from bench.system.text import several

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.run.run import Run
    from bench.speed.timing import PeerComparison

INTERRUPTED = 130
NETWORK_VERBS = ("cutout", "export", "models", "serve", "speed")  # beside those of a SUITE


def entry_point() -> None:
    """What the installed command `carvana-bench` starts."""
    sys.exit(main())


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; return the process's exit code."""
    given = parse(words)
    _start_process(given)
    try:
        with quietly(given.quiet):
            VERBS[given.verb.replace("-", "_")](given)
    except (BenchError, OSError) as error:
        print(f"carvana-bench {given.verb}: {error}", file=sys.stderr)
        return error.exit_code if isinstance(error, BenchError) else BenchError.exit_code
    except KeyboardInterrupt:
        print("\ninterrupted: the same command goes on where it stopped", file=sys.stderr)
        return INTERRUPTED
    return 0


def _start_process(given: argparse.Namespace) -> None:
    process.set_environment(given.weights_dir)
    if given.verb in NETWORK_VERBS or getattr(given, "suite", None):
        process.try_convolutions_once()
    if given.verb == "speed" or getattr(given, "suite", None):
        process.use_one_opencv_thread()


def run(given: argparse.Namespace) -> None:
    """Every stage of a suite, then its leaderboard."""
    from bench.run.plan import plan
    from bench.run.stages import do_all

    opened = _open_run(given)
    if given.dry_run:
        show(given, plan(opened))
        return
    do_all(opened)
    show_leaderboard(opened, "json" if given.json else "md")


def folds(given: argparse.Namespace) -> None:
    """Draw the folds and audit them."""
    from bench.run.opening import begin

    begin(_open_run(given))


def train(given: argparse.Namespace) -> None:
    """Train a suite's recipes."""
    from bench.run.members import training_stage
    from bench.run.opening import begin

    opened = _open_run(given)
    begin(opened)
    for name in opened.chosen_recipes(given.only):
        for fold in opened.splits:
            training_stage(opened, name, fold).bring_up_to_date()


def predict(given: argparse.Namespace) -> None:
    """Write the maps of a suite's recipes."""
    from bench.run.members import prediction_stage
    from bench.run.opening import begin

    opened = _open_run(given)
    begin(opened)
    prediction_stage(opened, given.only).bring_up_to_date()


def ensemble(given: argparse.Namespace) -> None:
    """Write the maps of a suite's ensembles."""
    from bench.run.members import combine_members
    from bench.run.results import fit_stage

    opened = _open_run(given)
    fit_stage(opened).bring_up_to_date()
    combine_members(opened, given.split)


def score(given: argparse.Namespace) -> None:
    """Score every entry on the held-out cars."""
    from bench.run.stages import do_group

    do_group(_open_run(given), "score")


def leaderboard(given: argparse.Namespace) -> None:
    """Rank the entries, or show Kaggle's leaderboard."""
    if given.kaggle:
        from bench.kaggle.standings import fetch_standings

        show(given, fetch_standings(given.score))
        return
    if not given.suite:
        raise BadConfig("name a SUITE, or --kaggle for the competition's own leaderboard")
    from bench.run.stages import do_group

    opened = _open_run(given)
    do_group(opened, "leaderboard")
    show_leaderboard(opened, "json" if given.json else given.format)


def report(given: argparse.Namespace) -> None:
    """Write a run's report."""
    from bench.run.stages import do_group

    opened = _open_run(given)
    do_group(opened, "report")
    print(opened.layout.report)


def compare(given: argparse.Namespace) -> None:
    """Rank the entries of two runs together."""
    from bench.scores import compare as both
    from bench.scores.tables import to_markdown, to_records

    entries, gains = both.run(*given.folders)
    if given.json:
        show(given, {"entries": to_records(entries), "gains": to_records(gains)})
    else:
        print(to_markdown(entries), to_markdown(gains), sep="\n", end="")


def errors(given: argparse.Namespace) -> None:
    """Draw the worst images of an entry."""
    from bench.run.results import draw_errors

    drawn = draw_errors(_open_run(given), given.entry, given.out, given.worst)
    say(f"{drawn} images in {given.out}")


def refine(given: argparse.Namespace) -> None:
    """Try every refinement on an entry's held-out maps."""
    from bench.run.results import try_refinements
    from bench.scores.columns import in_trials
    from bench.scores.tables import to_markdown, to_records

    found = try_refinements(_open_run(given), given.entry, given.out)
    if given.json:
        print(json.dumps(to_records(found), indent=2))
    else:
        print(to_markdown(found, in_trials()), end="")
    if given.out:
        say(f"figures of every image and pictures are in {given.out}")


def submit(given: argparse.Namespace) -> None:
    """Write a suite's submission files, or check, score, mend and upload any."""
    from bench.kaggle import writing

    if given.suite:
        from bench.run.stages import do_group

        do_group(_open_run(given), "submissions")
    elif given.check:
        check_submission(given)
    elif given.repair:
        say(f"{writing.repair_submission(*given.repair)} rows written to {given.repair[1]}")
    elif not given.upload:
        raise BadConfig("name a SUITE, --check FILE, --repair FILE OUT or --upload FILE")
    if given.upload:
        print(writing.upload_submission(given.upload, given.message), end="")


def check(given: argparse.Namespace) -> None:
    """Look at a data folder and say what is wrong with it."""
    from bench.data.check import check_folder

    show_data(given, check_folder(given.data or DATA, deep=given.deep, jobs=given.jobs))


def demo(given: argparse.Namespace) -> None:
    """Draw the demo data set."""
    from bench.demo.folder import draw_folder

    draw_folder(given.out, given.cars, given.test_cars, given.seed or 0, given.jobs)
    say(f"{given.out}: {given.cars} training and {given.test_cars} test cars, 16 views each")


def download(given: argparse.Namespace) -> None:
    """Have Kaggle's client fetch the data, then check them."""
    from bench.kaggle.download import download as fetch

    show_data(given, fetch(given.out, given.jobs))


def models(given: argparse.Namespace) -> None:
    """List the recipes with what their networks cost, or show one layer by layer."""
    from bench.cli import catalogue
    from bench.system.device import Machine

    machine = Machine(given.device, given.jobs) if given.measure else None
    found = [catalogue.entry(given.name, machine)] if given.name else catalogue.entries(machine)
    layers = catalogue.layer_entries(given.name) if given.name else []
    if given.json:
        print(json.dumps(found[0] | {"layers": layers} if given.name else found, indent=2))
        return
    show_tables([catalogue.table(rows) for rows in (layers, found) if rows])


def prepare_coco(given: argparse.Namespace) -> None:
    """Turn COCO annotations into a data folder."""
    from bench.data.coco import prepare

    size = (given.size[0], given.size[1]) if given.size else None
    show(given, prepare(given.annotations, given.images, given.out, size, given.jobs))


def doctor(given: argparse.Namespace) -> None:
    """Say what this machine has, and what a suite would cost on it."""
    from bench.cli.doctor import examine

    found = examine(given.data or DATA, given.runs)
    if given.suite:
        from bench.run.plan import plan

        found["suite"] = plan(_open_run(given))
    show(given, found)


def export(given: argparse.Namespace) -> None:
    """Copy what an entry needs into one folder."""
    from bench.cutout import export as stage

    found = stage.run(given.run, given.entry, given.out, openvino=given.openvino, data=given.data)
    say(f"{found.entry}: {several(len(found.members), 'member')} in {given.out}")


def cutout(given: argparse.Namespace) -> None:
    """Cut cars out of photographs."""
    from bench.cutout import cutout as stage
    from bench.cutout.export import open_entry
    from bench.system.device import Machine

    model = open_entry(given.model, given.run, given.entry, Machine(given.device, given.jobs))
    options = stage.CutoutOptions(given.background, given.format, tuple(given.steps))
    done = stage.run(model, given.photographs, given.out, options, given.jobs)
    say(f"{done} photographs cut out into {given.out}")


def serve(given: argparse.Namespace) -> None:
    """Serve the page and the API until told to stop."""
    from bench.system.device import Machine

    try:
        from bench.serve import overhead, server
    except ModuleNotFoundError as error:
        raise Missing(f"no {error.name}: pip install 'carvana-bench[serve]'") from error
    if given.measure:
        found = overhead.measure_overhead(given.model, given.measure, given.requests, given.device)
        show(given, found.to_json())
        return
    server.run(given.model, given.port, Machine(given.device, given.jobs))


def speed(given: argparse.Namespace) -> None:
    """Time every part beside its peers."""
    from bench.speed import comparison

    if given.parts == ["scale"]:
        _speed_of_scale(given)
        return
    if given.parts == ["network"]:
        rows = _speed_of_network(given)
    elif given.parts == ["loader"]:
        from bench.speed import loader

        rows = loader.run(given.training, given.recipe, given.data or DATA, given.jobs)
    else:
        rows = list(comparison.run(given.parts, given.data))
    if given.json:
        print(json.dumps([row.to_json() for row in rows], indent=2))
    else:
        show_tables([comparison.to_table(rows)])


def _speed_of_network(given: argparse.Namespace) -> "list[PeerComparison]":
    from bench.speed import network
    from bench.system.process import keep_compiled_code_in

    with TemporaryDirectory(prefix="carvana-speed-") as folder:
        keep_compiled_code_in(Path(folder) / "kernels")
        return network.run(given.training, given.recipe, given.data, Path(folder))


def _speed_of_scale(given: argparse.Namespace) -> None:
    from bench.speed import scale
    from bench.speed import scale_report as growth

    rows = scale.run(given.images, given.noisy, given.data, given.jobs)
    if given.plot:
        growth.draw(rows, given.plot)
    print(json.dumps(rows, indent=2) if given.json else growth.to_markdown(rows).rstrip())


VERBS = {
    verb.__name__: verb
    for verb in (
        check, compare, cutout, demo, doctor, download, ensemble, errors, export, folds,
        leaderboard, models, predict, prepare_coco, refine, report, run, score, serve, speed,
        submit, train,
    )
}  # fmt: skip


def _open_run(given: argparse.Namespace) -> "Run":
    from bench.run.opening import RunOptions, open_run
    from bench.system.device import Machine

    options = RunOptions(
        suite=given.suite,
        data=given.data,
        default_data=DATA,
        runs=given.runs,
        submissions=given.submissions,
        machine=Machine(given.device, given.jobs, given.micro_batch),
        seed=given.seed,
        limit=given.limit,
        tensorboard=getattr(given, "tensorboard", False),
    )
    return open_run(options)
