"""The record of a verb, the parser of all, arguments that verbs share, and default folders."""

import argparse
import difflib
import math
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.part import WHOLE, Part
from bench.system.environment import DEVICE, DEVICES, home
from bench.system.errors import Missing

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.run.opening import RunOptions
    from bench.run.run import Run

EXIT_CODES = """exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data, 4 something is missing,
            5 finished but some items failed, 130 interrupted, 143 or 129 told to end"""
PRECISIONS = ("auto", "bf16", "fp16", "fp32")
MOST_JOBS = 1024  # threads; more cost more memory than they bring


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Args:
        help: what the verb does, for its own help and for the list of verbs.
        example: a command line without the program's name.
        add_arguments: adds what this verb alone understands.
        command: does the work.
        networks: whether the verb runs networks, whatever its words are.
        resumes: whether it goes on where it was stopped; of a verb that can do without a suite,
            with one.
    """

    name: str
    help: str
    example: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    command: Callable[[argparse.Namespace], None]
    networks: bool = False
    resumes: bool = False


def make_parser(verbs: Sequence[Verb], width: int | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line; it sets what runs the verb chosen, and its `resumes`.

    Args:
        width: of the help, in characters; None: as wide as the terminal.
    """

    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.RawDescriptionHelpFormatter(prog, width=width)

    parser = argparse.ArgumentParser(
        prog="carvana-bench",
        description="Ensemble benchmarking harness for the Carvana Image Masking Challenge.",
        epilog=EXIT_CODES,
        formatter_class=formatter,
    )
    parsers = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in verbs:
        added = parsers.add_parser(
            verb.name,
            help=verb.help,
            description=verb.help,
            epilog=f"example: carvana-bench {verb.example}\n{EXIT_CODES}",
            formatter_class=formatter,
        )
        _add_common(added)
        verb.add_arguments(added)
        added.set_defaults(command=verb.command, networks=verb.networks, resumes=verb.resumes)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    """Add the flags that every verb has."""
    parser.add_argument("--data", type=Path, metavar="DIR", help="data folder (default: data/)")
    parser.add_argument("--jobs", type=whole(1, MOST_JOBS), default=os.cpu_count(), metavar="N")
    parser.add_argument(
        "--seed", type=whole(0, 2**32 - 1), metavar="N", help="other random choices"
    )
    json = "print the result, or the paths of what was made, as JSON"
    parser.add_argument("--json", action="store_true", help=json)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    weights = "<encoder>.safetensors (or CARVANA_WEIGHTS)"
    parser.add_argument("--weights-dir", type=Path, metavar="DIR", help=weights)


def add_suite(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a verb that works on the run of a suite."""
    _add_suite(parser, None)


def add_optional_suite(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a verb that can also do without a suite."""
    _add_suite(parser, "?")


def _add_suite(parser: argparse.ArgumentParser, nargs: str | None) -> None:
    parser.add_argument("suite", nargs=nargs, metavar="SUITE", help="name, or path of a .yaml file")
    parser.add_argument("--runs", type=Path, default=home() / "runs", metavar="DIR")
    parser.add_argument("--submissions", type=Path, default=home() / "submissions", metavar="DIR")
    add_device(parser)
    at_once = "images in memory at once (training tries how many fit)"
    parser.add_argument("--micro-batch", type=whole(1, 4096), metavar="N", help=at_once)
    parser.add_argument("--precision", choices=PRECISIONS, default="auto")
    limit = "use only N cars or groups of the data"
    parser.add_argument("--limit", type=positive, metavar="N", help=limit)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="of all recipes or of the suite: recipe.loss.bce=2, suite.folds.run=[0,1]",
    )


def add_part(parser: argparse.ArgumentParser, of_what: str) -> None:
    """Add the choice of one of several equal parts, each of which another process may do."""
    description = f"do only the K-th of N parts of {of_what}, as an array of batch jobs does"
    parser.add_argument("--part", type=part, default=WHOLE, metavar="K/N", help=description)


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the choice of workers: processes on this machine, or a cluster."""
    choice = parser.add_mutually_exclusive_group()
    workers = "processes that share the GPUs, or else the cores (default: one for each GPU)"
    choice.add_argument("--workers", type=whole(1, MOST_JOBS), metavar="N", help=workers)
    gpus = "work on these GPUs alone, with a process for each"
    choice.add_argument("--gpus", type=numbers, default=(), metavar="0,2", help=gpus)
    add_cluster(choice)
    add_scratch(parser)


def add_cluster(parser: argparse._ActionsContainer) -> None:
    """Add the choice of a cluster."""
    cluster = "work on the nodes of this Ray cluster (auto: the one that this machine belongs to)"
    parser.add_argument("--cluster", type=address, metavar="HOST:PORT", help=cluster)


def add_scratch(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a folder on each machine's own disk."""
    scratch = "on each machine's own disk, where maps are written before they go to --runs"
    parser.add_argument("--scratch", type=Path, metavar="DIR", help=scratch)


def add_ranks(parser: argparse.ArgumentParser) -> None:
    """Add the choice of several devices for one training."""
    ranks = "GPUs that share each training and its batches; with --device cpu, processes"
    parser.add_argument(
        "--gpus-per-training", type=whole(1, 64), default=1, metavar="G", help=ranks
    )


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the choice of a device."""
    parser.add_argument(
        "--device", type=device, default="auto", metavar="D", help="auto, cpu, cuda or cuda:N"
    )


def device(text: str) -> str:
    """Read the name of a device."""
    if not DEVICE.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not {DEVICES}")
    return text


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number from {least} to {most}"
            )
        return number

    return read


positive = whole(1, 1_000_000)


def numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers from 0 with commas between them, each once."""
    words = text.split(",")
    if not all(re.fullmatch("[0-9]{1,3}", word) for word in words):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 0,2")
    listed = tuple(map(int, words))
    if len(set(listed)) < len(listed):
        raise argparse.ArgumentTypeError(f"{text!r} names a number twice")
    return listed


def part(text: str) -> Part:
    """Read a part K/N."""
    try:
        return Part.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def address(text: str) -> str:
    """Read the address of a cluster."""
    if text != "auto" and not re.fullmatch(r"[^:\s]+:[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor HOST:PORT")
    return text


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return number


def check_weights_folder(folder: Path) -> None:
    """Refuse a folder of pretrained weights that cannot be one.

    Raises:
        Missing: there is no such folder, or it holds no safetensors file.
    """
    if not folder.is_dir():
        beside = [path.name for path in folder.absolute().parent.glob("*") if path.is_dir()]
        near = difflib.get_close_matches(folder.name, beside)
        raise Missing(
            f"--weights-dir {folder}: no such folder; nearest: "
            f"{', '.join(near) or f'{folder.absolute().parent} has none like it'}"
        )
    if not any(folder.glob("*.safetensors")):
        below = sorted({path.parent.name for path in folder.glob("*/*.safetensors")})
        there = below or sorted(path.name for path in folder.iterdir())[:5]
        raise Missing(
            f"--weights-dir {folder}: no .safetensors file lies in it, only "
            f"{', '.join(there) or 'nothing'}; name the folder that holds <encoder>.safetensors"
        )


def data_folder(args: argparse.Namespace) -> Path:
    """Return the data folder of a command line."""
    return args.data or home() / "data"


def open_run(args: argparse.Namespace) -> "Run":
    """Return the run of the suite that a command line names."""
    from bench.run import opening

    return opening.open_run(run_options(args))


def run_options(args: argparse.Namespace) -> "RunOptions":
    """Return what a command line says of a run."""
    from bench.config.machine import Machine
    from bench.run.opening import RunOptions

    return RunOptions(
        suite=args.suite,
        data=args.data,
        default_data=home() / "data",
        runs=args.runs,
        submissions=args.submissions,
        machine=Machine(
            device=args.device,
            jobs=args.jobs,
            micro_batch=args.micro_batch,
            precision=args.precision,
            gpus_per_training=getattr(args, "gpus_per_training", 1),
        ),
        seed=args.seed,
        limit=args.limit,
        tensorboard=getattr(args, "tensorboard", False),
        scratch=getattr(args, "scratch", None),
        changes=tuple(args.set),
    )
