"""The verbs about data, recipes and this machine."""

import argparse
from pathlib import Path

from bench.cli.arguments import (
    Verb,
    add_cluster,
    add_device,
    add_optional_suite,
    add_scratch,
    data_folder,
    open_run,
    whole,
)
from bench.cli.printing import print_data_report, print_made, print_result, print_tables
from bench.system import process
from bench.system.disk import check_writable
from bench.system.environment import home
from bench.system.progress import say


def check_command(args: argparse.Namespace) -> None:
    """Look at a data folder and say what is wrong with it."""
    from bench.own.check import check_folder
    from bench.system.contents import Contents

    remembered = Contents(args.runs / "cache", args.jobs)
    report = check_folder(data_folder(args), args.deep, args.jobs, remembered)
    print_data_report(args, report)


def demo_command(args: argparse.Namespace) -> None:
    """Draw the demo data set."""
    from bench.demo.folder import draw_folder

    draw_folder(args.out, args.cars, args.test_cars, args.seed or 0, args.jobs)
    say(f"{args.out}: {args.cars} training and {args.test_cars} test cars, 16 views each")
    print_made(args, [args.out], cars=args.cars, test_cars=args.test_cars)


def download_command(args: argparse.Namespace) -> None:
    """Have Kaggle's client fetch the data, then check them."""
    from bench.kaggle.download import download

    print_data_report(args, download(args.out, args.jobs))


def models_command(args: argparse.Namespace) -> None:
    """List the recipes with what their networks cost, or show one layer by layer."""
    from bench.cli import catalogue
    from bench.config.machine import Machine

    machine = Machine(args.device, args.jobs) if args.measure else None
    recipes = [catalogue.entry(args.name, machine)] if args.name else catalogue.entries(machine)
    layers = catalogue.layer_entries(args.name) if args.name else []
    if args.json:
        print_result(args, recipes[0] | {"layers": layers} if args.name else recipes)
    else:
        print_tables([catalogue.table(rows) for rows in (layers, recipes) if rows])


def prepare_coco_command(args: argparse.Namespace) -> None:
    """Turn COCO annotations into a data folder."""
    from bench.own.coco import prepare

    check_writable(args.out)
    size = (args.size[0], args.size[1]) if args.size else None
    print_result(args, prepare(args.annotations, args.images, args.out, size, args.jobs))


def doctor_command(args: argparse.Namespace) -> None:
    """Say what this machine has and what a suite would cost on it; or look at all of a cluster."""
    if args.cluster:
        _print_nodes(args)
        return
    from bench.cli.doctor import examine

    facts = examine(data_folder(args), args.runs)
    if args.suite:
        from bench.run.plan import plan

        process.prepare_for_networks()
        facts["suite"] = plan(open_run(args))
    print_result(args, facts)


def _print_nodes(args: argparse.Namespace) -> None:
    """Print what the nodes of a cluster have.

    Raises:
        Missing: some are not fit for work.
    """
    from bench.workers import nodes
    from bench.workers.cluster import examine_nodes
    from bench.workers.connection import connected
    from models.pretrained import weights_folder

    places = nodes.Places(
        runs=args.runs.absolute(),
        data=data_folder(args).absolute(),
        weights=weights_folder(),
        scratch=args.scratch and args.scratch.absolute(),
    )
    with connected(args.cluster):
        found = examine_nodes(places)
    if args.json:
        print_result(args, found)
    else:
        print_tables([nodes.table(found)])
    nodes.refuse_unfit(found)


def _add_doctor(parser: argparse.ArgumentParser) -> None:
    add_optional_suite(parser)
    add_cluster(parser)
    add_scratch(parser)


def _add_check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--deep", action="store_true", help="read every file to its end")
    runs = home() / "runs"
    remembered = "whose memory of the files --deep compares"
    parser.add_argument("--runs", type=Path, default=runs, metavar="DIR", help=remembered)


def _add_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--cars", type=whole(1, 10_000), default=18, metavar="N", help="training cars"
    )
    parser.add_argument("--test-cars", type=whole(0, 10_000), default=2, metavar="N")


def _add_download(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="RECIPE", help="show it layer by layer")
    measure = "time a training step and a prediction"
    parser.add_argument("--measure", action="store_true", help=measure)
    add_device(parser)


def _add_prepare_coco(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--annotations", type=Path, required=True, metavar="FILE")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--size", type=whole(1, 8192), nargs=2, metavar=("H", "W"), help="resize to it"
    )


DATA_VERBS = (
    Verb(
        "check",
        "say what is in a data folder, and what is wrong",
        "check --data DIR",
        _add_check,
        check_command,
    ),
    Verb(
        "demo",
        "draw the demo data set",
        "demo --out data/demo --cars 18",
        _add_demo,
        demo_command,
        resumes=True,
    ),
    Verb(
        "download",
        "fetch the data by Kaggle's own client",
        "download --out data",
        _add_download,
        download_command,
        resumes=True,
    ),
    Verb(
        "models",
        "recipes and what their networks cost",
        "models demo/vgg11-concat-1024x1024",
        _add_models,
        models_command,
        networks=True,
    ),
    Verb(
        "prepare-coco",
        "people and vehicles of COCO as a data folder",
        "prepare-coco --annotations instances_val2017.json --images val2017 --out data/coco",
        _add_prepare_coco,
        prepare_coco_command,
    ),
)
DOCTOR = Verb(
    "doctor",
    "what this machine has, what a suite would cost",
    "doctor cpu",
    _add_doctor,
    doctor_command,
)
