"""The verbs that rank, compare, draw and hand in what a run found."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli.arguments import (
    Verb,
    add_optional_suite,
    add_suite,
    data_folder,
    open_run,
    positive,
    share,
)
from bench.cli.printing import print_leaderboard, print_made, print_result
from bench.config.layout import LEADERBOARD_FORMS
from bench.system.errors import BadConfig, BadData
from bench.system.progress import say
from bench.system.temporaries import check_new_folder
from bench.system.text import several

if TYPE_CHECKING:  # each verb loads what it needs
    from bench.kaggle.validation import SubmissionReport
    from bench.masks.types import Size


def leaderboard_command(args: argparse.Namespace) -> None:
    """Rank the entries, or show Kaggle's leaderboard."""
    if args.kaggle and (args.suite or args.format):
        raise BadConfig("--kaggle shows the competition's own leaderboard: no SUITE, no --format")
    if args.kaggle:
        from bench.kaggle.standings import fetch_standings

        print_result(args, fetch_standings(args.score))
        return
    if args.score is not None:
        raise BadConfig("--score S is ranked on Kaggle's leaderboard; add --kaggle")
    if not args.suite:
        raise BadConfig("name a SUITE, or --kaggle for the competition's own leaderboard")
    from bench.run.stages import do_group

    form = args.format or ("json" if args.json else "md")
    if args.json and form != "json":
        raise BadConfig(f"--json and --format {form}: name one of them")
    run = open_run(args)
    do_group(run, "leaderboard")
    print_leaderboard(run, form)


def report_command(args: argparse.Namespace) -> None:
    """Write a run's report."""
    from bench.run.stages import do_group

    run = open_run(args)
    do_group(run, "report")
    if args.json:
        print_made(args, [run.layout.report])
    else:
        print(run.layout.report)


def compare_command(args: argparse.Namespace) -> None:
    """Rank the entries of two runs together."""
    from bench.run.record import check_made, check_same_data
    from bench.scores import compare
    from bench.scores.tables import to_markdown, to_records

    for folder in args.folders:
        check_made(folder, "score", "leaderboard")
    entries, gains, unit = compare.run(*args.folders)
    check_same_data(*args.folders)  # of the same names
    if args.json:
        print_result(args, {"entries": to_records(entries), "gains": to_records(gains)})
    else:
        tables = [to_markdown(table, unit=unit) for table in (entries, gains)]
        print(*tables, sep="\n", end="")


def errors_command(args: argparse.Namespace) -> None:
    """Draw the worst images of an entry."""
    from bench.run.results import draw_errors
    from bench.run.stages import HELDOUT, require

    check_new_folder(args.out)
    run = open_run(args)
    require(run, HELDOUT, "score")
    drawn = draw_errors(run, args.entry, args.out, args.worst)
    say(f"{several(drawn, 'image')} in {args.out}")
    print_made(args, [args.out], images=drawn)


def refine_command(args: argparse.Namespace) -> None:
    """Try every refinement on an entry's held-out maps."""
    from bench.run.results import try_refinements
    from bench.run.stages import HELDOUT, require
    from bench.scores.columns import in_trials
    from bench.scores.tables import to_markdown, to_records

    if args.out:
        check_new_folder(args.out)
    run = open_run(args)
    require(run, HELDOUT)
    trials = try_refinements(run, args.entry, args.out)
    if args.json:
        print_result(args, to_records(trials))
    else:
        print(to_markdown(trials, in_trials()), end="")
    if args.out:
        say(f"figures of every image and pictures are in {args.out}")


def submit_command(args: argparse.Namespace) -> None:
    """Write a suite's submission files, or check, score, mend and upload any."""
    from bench.kaggle import writing

    if sum(map(bool, (args.suite, args.check, args.repair))) > 1:
        raise BadConfig("name one of SUITE, --check FILE and --repair FILE OUT, not several")
    if args.against and not args.check:
        raise BadConfig("--against MASKS scores the file of --check FILE; name it")
    if args.suite:
        from bench.run.results import warn_of_submissions
        from bench.run.stages import do_group

        run = open_run(args)
        do_group(run, "submissions")
        print_made(args, map(run.submission, run.entries))
        warn_of_submissions(run)
    elif args.check:
        _check_submission(args)
    elif args.repair:
        _repair_submission(args)
    elif not args.upload:
        raise BadConfig("name a SUITE, --check FILE, --repair FILE OUT or --upload FILE")
    if args.upload:
        writing.upload_submission(args.upload, args.message)


def _repair_submission(args: argparse.Namespace) -> None:
    """Write a submission file again, mended, and print what is still wrong with it.

    Raises:
        BadData: it cannot be mended, or Kaggle would refuse or misread what was written.
    """
    from bench.kaggle import validation, writing

    sizes, (file, out) = _expected_sizes(args), args.repair
    rows = writing.repair_submission(file, out)
    say(f"{several(rows, 'row')} written to {out}")
    report = validation.check_submission(out, sizes, sizes, args.jobs)
    if args.json:
        print_made(args, [out], **report.to_json())
    else:
        print(report)
    _refuse_unsound(report)


def _check_submission(args: argparse.Namespace) -> None:
    """Print what is wrong with a submission file, and its scores where masks are given.

    Raises:
        BadData: Kaggle would refuse or misread it.
    """
    from bench.kaggle import scoring, validation

    sizes = _expected_sizes(args)
    report = validation.check_submission(args.check, sizes, sizes, args.jobs)
    if not args.json:
        print(report)
    scores: dict[str, Any] = {}
    try:
        if args.against:
            masks = scoring.KnownMasks(args.against)
            scores = scoring.score_submission(args.check, masks).to_json()
    finally:  # a file that cannot be scored has a report all the same
        if args.json:
            print_result(args, report.to_json() | scores)
        elif scores:
            print_result(args, scores)
    _refuse_unsound(report)


def _expected_sizes(args: argparse.Namespace) -> "dict[str, Size]":
    """Return the size of each mask that a submission of the command line's data needs."""
    from bench.kaggle.writing import expected_sizes
    from bench.own.opening import open_data

    return expected_sizes(open_data(data_folder(args)), args.jobs)


def _refuse_unsound(report: "SubmissionReport") -> None:
    if not report.sound:
        raise BadData(f"{report.path}: Kaggle would refuse or misread it; see above")


def _add_leaderboard(parser: argparse.ArgumentParser) -> None:
    add_optional_suite(parser)
    parser.add_argument("--format", choices=LEADERBOARD_FORMS, help="default: md")
    parser.add_argument("--kaggle", action="store_true", help="Kaggle's own, by its client")
    parser.add_argument("--score", type=share, metavar="S", help="with --kaggle: what rank it is")


def _add_compare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folders", type=Path, nargs=2, metavar="RUN", help="folder of a run")


def _add_errors(parser: argparse.ArgumentParser) -> None:
    add_suite(parser)
    parser.add_argument("--entry", required=True, metavar="E", help="of the leaderboard")
    parser.add_argument("--worst", type=positive, default=20, metavar="N", help="images")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="new folder")


def _add_refine(parser: argparse.ArgumentParser) -> None:
    add_suite(parser)
    parser.add_argument("--entry", required=True, metavar="E", help="of the leaderboard")
    out = "new folder for pictures, and the figures of images"
    parser.add_argument("--out", type=Path, metavar="DIR", help=out)


def _add_submit(parser: argparse.ArgumentParser) -> None:
    add_optional_suite(parser)
    parser.add_argument("--check", type=Path, metavar="FILE", help="validate any submission file")
    against = "with --check: score it on mask pictures or a table"
    parser.add_argument("--against", type=Path, metavar="MASKS", help=against)
    repair = "write it again, mended where the cure is certain, and validate that"
    parser.add_argument("--repair", type=Path, nargs=2, metavar=("FILE", "OUT"), help=repair)
    upload = "send it by Kaggle's own client"
    parser.add_argument("--upload", type=Path, metavar="FILE", help=upload)
    parser.add_argument("--message", default="carvana-bench", help="what Kaggle shows beside it")


RESULT_VERBS = (
    Verb(
        "leaderboard",
        "rank single models and ensembles",
        "leaderboard cpu",
        _add_leaderboard,
        leaderboard_command,
        resumes=True,
    ),
    Verb(
        "report",
        "write the run's page, report.html",
        "report cpu --data DIR",
        add_suite,
        report_command,
        resumes=True,
    ),
    Verb(
        "compare",
        "rank the entries of two runs",
        "compare runs/cpu runs/xu2018",
        _add_compare,
        compare_command,
    ),
    Verb(
        "errors",
        "draw where an entry is wrong, and count how far from the outline",
        "errors cpu --data DIR --entry mean --out errors",
        _add_errors,
        errors_command,
    ),
    Verb(
        "refine",
        "try every refinement of an entry's masks",
        "refine cpu --data DIR --entry mean --out refined",
        _add_refine,
        refine_command,
    ),
    Verb(
        "submit",
        "write, check, score and upload submission files",
        "submit --check submissions/cpu-mean.csv.gz --data DIR",
        _add_submit,
        submit_command,
        resumes=True,
    ),
)
