"""The verb `speed`: every part of the program beside its peers."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import Verb, data_folder, positive
from bench.cli.printing import print_result, print_tables
from bench.system import process
from bench.system.disk import check_writable
from bench.system.environment import OtherWork, slowed_by
from bench.system.progress import say
from bench.system.temporaries import temporary_folder

if TYPE_CHECKING:
    from bench.speed.timing import PeerComparison


def speed_command(args: argparse.Namespace) -> None:
    """Time every part beside its peers."""
    process.use_one_opencv_thread()
    others = OtherWork()
    if args.parts == ["scale"]:
        _time_scale(args)
    else:
        _time_parts(args)
    if slowed := slowed_by(others.cores()):
        say(slowed)


def _time_parts(args: argparse.Namespace) -> None:
    from bench.speed import comparison

    if args.parts == ["network"]:
        rows = _time_network(args)
    elif args.parts == ["loader"]:
        from bench.speed import loader

        rows = loader.run(args.training, args.recipe, data_folder(args), args.jobs)
    else:
        rows = list(comparison.run(args.parts, args.data))
    if args.json:
        print_result(args, [row.to_json() for row in rows])
    else:
        print_tables([comparison.to_table(rows)])


def _time_network(args: argparse.Namespace) -> "list[PeerComparison]":
    from bench.speed import network

    with temporary_folder("speed") as folder:
        process.keep_compiled_code_in(folder / "kernels")
        return network.run(args.training, args.recipe, args.data, folder)


def _time_scale(args: argparse.Namespace) -> None:
    from bench.speed import scale, scale_report

    if args.plot:
        check_writable(args.plot.parent, "--plot")
    rows = scale.run(args.images, args.noisy, args.data, args.jobs)
    if args.plot:
        scale_report.draw(rows, args.plot)
    if args.json:
        print_result(args, rows)
    else:
        print(scale_report.to_markdown(rows).rstrip())


def _add_speed(parser: argparse.ArgumentParser) -> None:
    parts = "any piece of a name; or scale, network, loader"
    parser.add_argument("parts", nargs="*", metavar="PART", help=parts)
    training = "with network and loader: a trained one"
    parser.add_argument("--training", type=Path, metavar="DIR", help=training)
    parser.add_argument("--recipe", default="cpu/unet-320x480", help="instead: untrained")
    images = "with scale: how many"
    parser.add_argument("--images", type=positive, nargs="+", default=[], metavar="N", help=images)
    parser.add_argument("--noisy", action="store_true", help="with scale: on noisy maps")
    plot = "with scale: draw how cost grows, .png or .svg"
    parser.add_argument("--plot", type=_drawing, metavar="FILE", help=plot)


def _drawing(text: str) -> Path:
    if not text.endswith((".png", ".svg")):
        raise argparse.ArgumentTypeError(f"{text} does not end in .png or .svg")
    return Path(text)


SPEED = Verb(
    "speed",
    "every part beside its peers",
    "speed text --data DIR",
    _add_speed,
    speed_command,
    networks=True,
)
