"""The command line: all verbs, and what happens around each."""

import argparse
import os
import sys
from collections.abc import Sequence

from bench.cli.arguments import check_weights_folder, make_parser
from bench.cli.cutout_verbs import CUTOUT_VERBS
from bench.cli.data_verbs import DATA_VERBS, DOCTOR
from bench.cli.own_verbs import OWN_VERBS
from bench.cli.printing import print_result
from bench.cli.result_verbs import RESULT_VERBS
from bench.cli.speed_verb import SPEED
from bench.cli.suite_verbs import SUITE_VERBS
from bench.system import process
from bench.system.environment import check_extra, check_home
from bench.system.errors import BadConfig, BenchError, Incomplete, memory_is_full, out_of_memory
from bench.system.progress import quietly

INTERRUPTED = 130
LAUNCHERS_SET = (  # variables of torchrun, deepspeed and accelerate launch
    "LOCAL_RANK",
    "RANK",
    "WORLD_SIZE",
    "TORCHELASTIC_RUN_ID",
    "ACCELERATE_MIXED_PRECISION",
)
VERBS = (*SUITE_VERBS, *RESULT_VERBS, *DATA_VERBS, *OWN_VERBS, SPEED, DOCTOR, *CUTOUT_VERBS)


def entry_point() -> None:
    """Start the installed command `carvana-bench`."""
    sys.exit(main())


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; return the process's exit code. Wrong usage ends the process with code 2."""
    process.prepare_streams()
    args = make_parser(VERBS).parse_args(words)
    try:
        with process.ending_in_order(), quietly(args.quiet):
            _start_process(args)
            args.command(args)
            sys.stdout.flush()  # here, a full disk can still be told
    except Exception as error:
        return _failed(args, error)
    except KeyboardInterrupt as error:
        how = f"ended by {error.name}" if isinstance(error, process.Stopped) else "interrupted"
        goes_on = args.resumes and getattr(args, "suite", True)
        then = "goes on where it stopped" if goes_on else "starts anew"
        print(f"\n{how}: the same command {then}", file=sys.stderr)
        return error.exit_code if isinstance(error, process.Stopped) else INTERRUPTED
    return 0


def _failed(args: argparse.Namespace, error: Exception) -> int:
    """Say what failed in one line, and return the exit code; an error of our own making is raised.

    Raises:
        Exception: `error`, where a user can do nothing about it.
    """
    what = str(error)
    if memory_is_full(error) and not isinstance(error, BenchError):
        what = out_of_memory(error, f"use --jobs {max(1, args.jobs // 2)}")
    elif not isinstance(error, BenchError | OSError):
        raise error
    print(f"carvana-bench {args.verb}: {what}", file=sys.stderr)
    if args.json and isinstance(error, Incomplete):
        print_result(args, {"incomplete": what})
    return error.exit_code if isinstance(error, BenchError) else BenchError.exit_code


def _start_process(args: argparse.Namespace) -> None:
    _refuse_launchers()
    check_home()
    if args.weights_dir:
        check_weights_folder(args.weights_dir)
    process.set_environment(args.weights_dir)
    if getattr(args, "cluster", None):
        check_extra("--cluster", "cluster", ["ray"])
        process.set_environment_of_ray()
    works_on_run = bool(getattr(args, "suite", None))
    if args.networks:
        process.prepare_for_networks()
    if works_on_run:
        process.check_addresses()
        process.keep_large_arrays()
        process.use_one_opencv_thread()


def _refuse_launchers() -> None:
    """Refuse to be started several times, or each of these processes would do all the work.

    Raises:
        BadConfig: torchrun, deepspeed or accelerate launch has started this process.
    """
    there = [name for name in LAUNCHERS_SET if name in os.environ]
    if there:
        raise BadConfig(
            "do not start it by torchrun, deepspeed or accelerate launch: every process would do "
            "the same work. Start it once, and give --workers or --gpus-per-training instead "
            f"(without a launcher: unset {' '.join(there)})"
        )
