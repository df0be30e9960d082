"""The verbs about one's own pictures: describe them, and score a model or a submission on them."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from bench.cli.arguments import Verb, add_device, data_folder, positive
from bench.cli.printing import print_data_report, print_result
from bench.system import process
from bench.system.disk import check_writable
from bench.system.environment import home
from bench.system.errors import BadConfig
from bench.system.progress import say
from bench.system.temporaries import check_new_folder

if TYPE_CHECKING:  # torch takes seconds to load, and many verbs do not need it
    from bench.own.description import Description

MIDDLE = 128.0  # of greys: the threshold where none is named


def prepare_command(args: argparse.Namespace) -> None:
    """Describe one's own pictures in a data.yaml."""
    from bench.own.description import FILE
    from bench.own.prepare import FROM_COCO, prepare

    check_writable(args.out)
    coco = args.masks if args.masks.lower().endswith(".json") else None
    if args.category and not coco:
        raise BadConfig("--category is of COCO annotations: give --masks FILE.json")
    said = _described(args, FROM_COCO if coco else None)
    report = prepare(said, args.out, args.jobs, coco and Path(coco), args.category)
    print_data_report(args, report)
    say(f"{args.out / FILE}: written; from here on, give --data {args.out}")


def _described(args: argparse.Namespace, table: str | None) -> "Description":
    """Return what a command line says of one's own pictures.

    Args:
        table: where the masks will be, if not where the command line says.
    """
    from pydantic import ValidationError

    from bench.config.strict import faults
    from bench.own.description import ALONE, Description, seen_from

    groups = args.groups
    named = {
        "images": args.images,
        "masks": args.masks,
        "test": args.test,
        "groups": None if groups == ALONE else groups,
        "folds": args.folds,
        "heldout": args.heldout,
    }
    fields = {name: seen_from(args.out, path) for name, path in named.items() if path}
    fields |= {"groups": ALONE} if groups == ALONE else {}
    fields |= {"masks": table} if table else {}
    try:
        return Description(
            **fields,
            group_by=args.group_by,
            value=tuple(args.value),
            threshold=args.threshold,
            fill_holes=args.holes,
            unlabelled="test" if args.unlabelled else "refuse",
        )
    except ValidationError as error:
        said = faults(error, Description).replace("(whole file): ", "")
        raise BadConfig(f"what is said of the pictures:{said}") from error


def evaluate_command(args: argparse.Namespace) -> None:
    """Score models and submissions on labelled photographs."""
    from bench.config.layout import Layout
    from bench.config.machine import Machine
    from bench.data.folds import limit_cars
    from bench.evaluation import evaluate
    from bench.evaluation.judged import open_judged
    from bench.own.opening import open_data
    from bench.run.inputs import photographs_and_masks
    from bench.run.record import Record
    from bench.scores.tables import to_markdown, to_records
    from bench.system.contents import Contents

    if args.out:
        check_new_folder(args.out)
    data = limit_cars(open_data(data_folder(args)), args.limit)
    if args.model:
        process.prepare_for_networks()
    machine = Machine(args.device, args.jobs)
    judged = open_judged(args.model, args.submission, data, machine)
    contents = Contents(home() / "runs" / "cache", args.jobs)
    scores, board = evaluate.run(judged, data, contents, args.jobs, args.out, args.worst)
    if args.json:
        print_result(args, to_records(board))
    else:
        print(to_markdown(board, unit=data.unit), end="")
    if args.out:
        scored_on = photographs_and_masks(data, "held-out", sorted({*scores["image"]}), contents)
        Record(scored_on, True).write(Layout(args.out).record("score"))  # for `compare`
        say(f"{args.out}: tables, the scores of every photograph, and pictures of the worst")


def _value(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _add_prepare(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--images", required=True, metavar="PATTERN", help="photographs, such as 'shoes/**/*.jpg'")
    masks = (
        "where each one's mask is, such as 'masks/{folder}/{stem}*.png'; or a table img,rle_mask; "
        "or COCO's .json"
    )
    add("--masks", required=True, metavar="PATTERN|FILE", help=masks)
    add("--out", type=Path, required=True, metavar="DIR", help="folder of the new data.yaml")
    groups = "table image,group of what belongs together; none: each picture is of another thing"
    add("--groups", metavar="FILE|none", help=groups)
    by = "what is in parentheses is the group, such as '(shoe[0-9]+)_'; of names with folders"
    add("--group-by", metavar="REGEX", help=by)
    value = "of masks: numbers of a palette or greys, or colours such as '#ff0000', that are meant"
    add("--value", type=_value, nargs="+", default=[], metavar="N", help=value)
    threshold = f"of masks: the least grey that is meant (without a number: {MIDDLE:.0f})"
    add("--threshold", type=float, nargs="?", const=MIDDLE, metavar="N", help=threshold)
    add("--holes", action="store_true", help="fill holes: what a mask encloses belongs to it")
    category = "of COCO: names of what is masked"
    add("--category", nargs="+", default=[], metavar="NAME", help=category)
    add("--test", metavar="PATTERN", help="photographs without masks, to be predicted")
    unlabelled = "photographs of --images without a mask are such, too, instead of an error"
    add("--unlabelled", action="store_true", help=unlabelled)
    folds = "your own folds: a table group,fold"
    add("--folds", metavar="FILE", help=folds)
    heldout = "a table, column `group`: the groups that are scored and never trained on"
    add("--heldout", metavar="FILE", help=heldout)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", type=Path, nargs="+", default=[], metavar="MODEL_DIR", help="by `export`")
    add("--submission", type=Path, nargs="+", default=[], metavar="FILE", help="img,rle_mask")
    add("--out", type=Path, metavar="DIR", help="new folder for tables, scores and pictures")
    add("--worst", type=positive, default=10, metavar="N", help="with --out: images drawn of each")
    add("--limit", type=positive, metavar="N", help="use only N cars or groups of the data")
    add_device(parser)


OWN_VERBS = (
    Verb(
        "prepare",
        "describe your own pictures and masks, without copying them",
        "prepare --images 'shoes/*.jpg' --masks 'masks/{stem}.png' --group-by '(.+)_' --out mine",
        _add_prepare,
        prepare_command,
    ),
    Verb(
        "evaluate",
        "score exported models and submissions on any labelled photographs",
        "evaluate --model car-model --data DIR --out evaluation",
        _add_evaluate,
        evaluate_command,
    ),
)
