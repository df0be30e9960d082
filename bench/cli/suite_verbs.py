"""The verbs that execute a suite, whole or stage by stage."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from bench.cli.arguments import (
    Verb,
    add_part,
    add_ranks,
    add_scratch,
    add_suite,
    add_workers,
    open_run,
    run_options,
)
from bench.cli.printing import print_leaderboard, print_made, print_result
from bench.system import process

if TYPE_CHECKING:
    from bench.run.items import Way
    from bench.run.run import Run


def run_command(args: argparse.Namespace) -> None:
    """Do every stage of a suite, then print its leaderboard."""
    from bench.run.results import warn_of_submissions
    from bench.run.stages import do_all

    run = open_run(args)
    if args.dry_run:
        from bench.run.plan import plan
        from bench.workers.makespan import minutes_by_workers

        process.prepare_for_networks()
        left = plan(run)
        minutes = minutes_by_workers(run, left["recipes"])
        print_result(args, {**left, "minutes_by_workers": minutes})
        return
    if args.verify:
        from bench.run.verify import verify

        verify(run)
    do_all(run, partial(_way, args, run))
    print_leaderboard(run, "json" if args.json else "md")
    warn_of_submissions(run)


def folds_command(args: argparse.Namespace) -> None:
    """Draw the folds and audit them."""
    from bench.run.opening import begin

    run = open_run(args)
    begin(run)
    print_made(args, [run.layout.folds])


def score_command(args: argparse.Namespace) -> None:
    """Score every entry on the held-out cars."""
    from bench.run.stages import do_group

    run = open_run(args)
    do_group(run, "score")
    print_made(args, [run.layout.scores])


def train_command(args: argparse.Namespace) -> None:
    """Train a suite's recipes; a network whose files are damaged is trained again."""
    from bench.run.items import check_done, train_items
    from bench.run.members import training_stages
    from bench.run.opening import begin

    run = open_run(args)
    with _way(args, run) as way:
        begin(run, args.only, args.part)
        stages = training_stages(run, args.only, args.part)
        for stage in stages:
            stage.forget_if_damaged()
        if way:
            check_done(train_items(run, way, args.only, args.part))
    for stage in stages:
        stage.bring_up_to_date()
    print_made(args, [stage.folder for stage in stages])


def predict_command(args: argparse.Namespace) -> None:
    """Write the maps of a suite's recipes."""
    from bench.masks.parts import map_files
    from bench.run.items import check_done, predict_items
    from bench.run.members import prediction_stages
    from bench.run.opening import begin

    run = open_run(args)
    with _way(args, run) as way:
        begin(run, args.only)
        if way:
            check_done(predict_items(run, way, run.chosen_recipes(args.only), args.part))
    stages = prediction_stages(run, args.only, args.part)
    for stage in stages:
        stage.bring_up_to_date()
    stores = [path for stage in stages for path in stage.makes]
    print_made(args, [file for store in stores for file in map_files(store)])


def quantise_command(args: argparse.Namespace) -> None:
    """Let a suite's trained networks predict in int8 where that is worth it."""
    from bench.run.stages import quantise

    run = open_run(args)
    process.prepare_for_networks()
    quantise(run, args.only)
    files = [training.quantised for training in run.trainings.values()]
    print_made(args, [file for file in files if file.exists()])


def ensemble_command(args: argparse.Namespace) -> None:
    """Write the maps of a suite's ensembles."""
    from bench.run.stages import combine

    run = open_run(args)
    combine(run, args.split)
    ensembles = [entry.name for entry in run.entries if entry.rule]
    print_made(args, [run.layout.ensemble(name, args.split) for name in ensembles])


@contextmanager
def _way(args: argparse.Namespace, run: "Run") -> "Iterator[Way | None]":
    """Give the way to run items that a command line chooses; None: in this process.

    The process is prepared for networks, whose library, torch, takes seconds to load.
    """
    options = run_options(args)
    process.prepare_for_networks()
    if args.cluster:
        from bench.workers.cluster import on_cluster

        with on_cluster(options, run.data.root, args.cluster) as way:
            yield way
        return
    from bench.training.ranks import check_devices
    from bench.workers.lanes import lanes_of

    check_devices(options.machine)
    chosen = options.machine, args.workers, args.gpus
    lanes = lanes_of(*chosen)
    if not lanes:
        yield None
        return
    from bench.workers.processes import on_processes

    yield on_processes(options, lanes, lanes_of(*chosen, options.machine.gpus_per_training))


def _add_run(parser: argparse.ArgumentParser) -> None:
    add_suite(parser)
    add_workers(parser)
    add_ranks(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what is left, and do nothing")
    everything = "first read again every file that results are made from, whatever it looks like"
    parser.add_argument("--verify", action="store_true", help=everything)
    _add_tensorboard(parser)


def _add_predict(parser: argparse.ArgumentParser) -> None:
    _add_recipes_and_workers(parser)
    add_part(parser, "the cars")


def _add_recipes_and_workers(parser: argparse.ArgumentParser) -> None:
    _add_some_recipes(parser)
    add_workers(parser)


def _add_some_recipes(parser: argparse.ArgumentParser) -> None:
    add_suite(parser)
    parser.add_argument("--only", nargs="+", default=[], metavar="RECIPE", help="of the suite")


def _add_train(parser: argparse.ArgumentParser) -> None:
    _add_recipes_and_workers(parser)
    add_ranks(parser)
    add_part(parser, "the trainings, the longest first")
    _add_tensorboard(parser)


def _add_ensemble(parser: argparse.ArgumentParser) -> None:
    add_suite(parser)
    add_scratch(parser)
    splits = ("heldout", "test")
    parser.add_argument("--split", choices=splits, default="heldout", help="which cars")


def _add_tensorboard(parser: argparse.ArgumentParser) -> None:
    description = "each epoch's figures for TensorBoard, too (the extra `tensorboard`)"
    parser.add_argument("--tensorboard", action="store_true", help=description)


SUITE_VERBS = (
    Verb(
        "run",
        "every stage of a suite, or what is left",
        "run demo",
        _add_run,
        run_command,
        resumes=True,
    ),
    Verb(
        "folds",
        "draw the folds of cars, and audit them for leaks",
        "folds cpu --data DIR",
        add_suite,
        folds_command,
        resumes=True,
    ),
    Verb(
        "score",
        "score every entry on the held-out cars",
        "score cpu --data DIR",
        add_suite,
        score_command,
        resumes=True,
    ),
    Verb(
        "train",
        "train a suite's recipes",
        "train cpu --data DIR --only cpu/unet-256x384",
        _add_train,
        train_command,
        resumes=True,
    ),
    Verb(
        "predict",
        "write a suite's probability maps",
        "predict cpu --data DIR",
        _add_predict,
        predict_command,
        resumes=True,
    ),
    Verb(
        "quantise",
        "let trained networks predict in int8 on a CPU, where masks stay as good",
        "quantise cpu --data DIR",
        _add_some_recipes,
        quantise_command,
        resumes=True,
    ),
    Verb(
        "ensemble",
        "write the maps of ensembles",
        "ensemble cpu",
        _add_ensemble,
        ensemble_command,
        resumes=True,
    ),
)
