"""The verbs that take a trained entry out of its run and cut cars out with it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import Verb, add_device, positive, whole
from bench.cli.printing import print_made, print_result
from bench.config.refinement import DEFAULT_STEPS
from bench.system.disk import check_writable
from bench.system.environment import check_extra
from bench.system.progress import say
from bench.system.text import several

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.cutout.manifest import Manifest

HUB_MODULES = ("huggingface_hub",)
SERVE_MODULES = ("fastapi", "python_multipart", "uvicorn")

ENGINE_OF_SHAPES = {"free": "onnx", "static": "onnx-static"}


def export_command(args: argparse.Namespace) -> None:
    """Copy what an entry needs into one folder."""
    from bench.cutout import export
    from bench.run.record import check_made

    check_writable(args.out)
    check_made(args.run, "fit", "score")
    engine = "openvino" if args.openvino else ENGINE_OF_SHAPES.get(args.onnx)
    manifest = export.run(args.run, args.entry, args.out, engine=engine, data=args.data)
    _say_exported(args, manifest)


def cutout_command(args: argparse.Namespace) -> None:
    """Cut cars out of photographs."""
    from bench.config.machine import Machine
    from bench.cutout import cutout
    from bench.cutout.export import open_entry
    from bench.run.record import check_made

    check_writable(args.out)
    if args.run:
        check_made(args.run, "fit")
    model = open_entry(args.model, args.run, args.entry, Machine(args.device, args.jobs))
    options = cutout.CutoutOptions(args.background, args.format, tuple(args.steps), args.review)
    done = cutout.run(model, args.photographs, args.out, options, args.jobs)
    say(f"{several(done, 'photograph')} cut out into {args.out}")
    print_made(args, [args.out], photographs=done)


def push_command(args: argparse.Namespace) -> None:
    """Send an exported model to the Hugging Face hub."""
    check_extra("push", "hub", HUB_MODULES)
    from bench.share import hub

    address = hub.push(args.model, args.repository, args.data_licence, private=args.private)
    say(address)
    print_made(args, [], address=address)


def pull_command(args: argparse.Namespace) -> None:
    """Fetch an exported model from the Hugging Face hub."""
    check_extra("pull", "hub", HUB_MODULES)
    from bench.share import hub

    manifest = hub.pull(args.repository, args.out, args.revision)
    _say_exported(args, manifest)


def _say_exported(args: argparse.Namespace, manifest: "Manifest") -> None:
    say(f"{manifest.entry}: {several(len(manifest.members), 'member')} in {args.out}")
    print_made(args, [args.out], entry=manifest.entry, members=len(manifest.members))


def serve_command(args: argparse.Namespace) -> None:
    """Serve the page and the API until told to stop."""
    check_extra("the server", "serve", SERVE_MODULES)
    from bench.config.machine import Machine
    from bench.serve import overhead, server

    if args.measure:
        cost = overhead.measure_overhead(args.model, args.measure, args.requests, args.device)
        print_result(args, cost.to_json())
        return
    machine = Machine(args.device, args.jobs)
    server.run(args.model, args.host, args.port, machine, args.token_file)


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--run", type=Path, required=True, metavar="RUN", help="folder of a run")
    parser.add_argument("--entry", required=True, metavar="E", help="of the leaderboard")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL_DIR")
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument("--openvino", action="store_true", help="to be run by OpenVINO, on a CPU")
    onnx = "as ONNX, for any batch and size, or static: for one image of the recipe's size"
    engine.add_argument(
        "--onnx", nargs="?", const="free", choices=tuple(ENGINE_OF_SHAPES), help=onnx
    )


def _add_cutout(parser: argparse.ArgumentParser) -> None:
    photographs = "file, or folder of files"
    parser.add_argument("photographs", type=Path, nargs="+", metavar="PHOTO", help=photographs)
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--model", type=Path, metavar="MODEL_DIR", help="what `export` wrote")
    model.add_argument("--run", type=Path, metavar="RUN", help="folder of a run, with --entry")
    parser.add_argument("--entry", metavar="E", help="of the run's leaderboard")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    background = "transparent, blur, a colour (white, red, #0a7bbd) or a picture's file"
    parser.add_argument("--background", default="transparent", metavar="B", help=background)
    parser.add_argument("--format", choices=("png", "jpeg", "webp"), default="png")
    steps = f"first: {', '.join(DEFAULT_STEPS)}"
    parser.add_argument("--steps", nargs="+", default=[], metavar="STEP", help=steps)
    review = "make a page of the doubtful results: review/index.html"
    parser.add_argument("--review", action="store_true", help=review)
    add_device(parser)


def _add_push(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL_DIR", help="what `export` wrote")
    parser.add_argument("repository", metavar="OWNER/NAME", help="of the hub; made if need be")
    licence = "for the card: what may be done with the photographs that it learnt from"
    parser.add_argument("--data-licence", required=True, metavar="TEXT", help=licence)
    parser.add_argument("--private", action="store_true", help="if the repository is made")


def _add_pull(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("repository", metavar="OWNER/NAME", help="of the hub, filled by `push`")
    parser.add_argument("--out", type=Path, required=True, metavar="MODEL_DIR")
    parser.add_argument("--revision", metavar="R", help="branch, tag or commit (default: newest)")


def _add_serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, metavar="MODEL_DIR")
    parser.add_argument(
        "--port", type=whole(0, 65535), default=8000, metavar="N", help="of the host; 0: any"
    )
    host = "other than this machine's own, with --token-file alone (default: 127.0.0.1)"
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=host)
    asked = "whose one line all who ask have to send"
    parser.add_argument("--token-file", type=Path, metavar="F", help=asked)
    measure = "only say what the server costs in time and memory"
    parser.add_argument("--measure", type=Path, metavar="PHOTO", help=measure)
    parser.add_argument("--requests", type=positive, default=1000, metavar="N", help="for memory")
    add_device(parser)


CUTOUT_VERBS = (
    Verb(
        "export",
        "an entry as one folder that needs no run; with --data its masks are tried",
        "export --run runs/cpu --entry mean --out car-model --data DIR",
        _add_export,
        export_command,
        networks=True,
    ),
    Verb(
        "cutout",
        "cut cars out of photographs",
        "cutout photographs/ --model car-model --out cars --background white",
        _add_cutout,
        cutout_command,
        networks=True,
        resumes=True,
    ),
    Verb(
        "serve",
        "the same as a page and an API",
        "serve --model car-model",
        _add_serve,
        serve_command,
        networks=True,
    ),
    Verb(
        "push",
        "an exported model to the Hugging Face hub, with a card made from its manifest",
        "push car-model me/cars --data-licence CC-BY-4.0",
        _add_push,
        push_command,
    ),
    Verb(
        "pull",
        "an exported model from the Hugging Face hub",
        "pull me/cars --out car-model",
        _add_pull,
        pull_command,
    ),
)
