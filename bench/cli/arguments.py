"""What the command line understands; every verb's help shows an example."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from bench.config.refinement import DEFAULT_STEPS

HOME = Path(__file__).parents[2]  # the checkout; data/, runs/ and submissions/ lie in it
DATA = HOME / "data"
EXIT_CODES = """exit codes: 0 done, 1 failed, 2 wrong usage, 3 bad data, 4 something is missing,
            5 finished but some items failed, 130 interrupted"""


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line as a namespace; wrong usage ends the process with exit code 2."""
    parser = argparse.ArgumentParser(
        prog="carvana-bench",
        description="Ensemble benchmarking harness for the Carvana Image Masking Challenge.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_suite_verbs(verbs)
    _add_result_verbs(verbs)
    _add_submit(verbs)
    _add_data_verbs(verbs)
    _add_cutting_verbs(verbs)
    return parser.parse_args(words)


Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _add_suite_verbs(verbs: Verbs) -> None:
    verb = _add_suite(_add(verbs, "run", "every stage of a suite, or what is left", "run demo"))
    verb.add_argument("--dry-run", action="store_true", help="say what is left, and do nothing")
    _add_tensorboard(verb)
    for name, text, example in (
        ("folds", "draw the folds of cars, and audit them for leaks", "folds cpu --data DIR"),
        ("score", "score every entry on the held-out cars", "score cpu --data DIR"),
    ):
        _add_suite(_add(verbs, name, text, example))
    for name, text, example in (
        ("train", "train a suite's recipes", "train cpu --data DIR --only cpu/unet-256x384"),
        ("predict", "write a suite's probability maps", "predict cpu --data DIR"),
    ):
        verb = _add_suite(_add(verbs, name, text, example))
        verb.add_argument("--only", nargs="+", default=[], metavar="RECIPE", help="of the suite")
        if name == "train":
            _add_tensorboard(verb)
    verb = _add_suite(_add(verbs, "ensemble", "write the maps of ensembles", "ensemble cpu"))
    verb.add_argument("--split", choices=("heldout", "test"), default="heldout", help="which cars")


def _add_tensorboard(verb: argparse.ArgumentParser) -> None:
    told = "each epoch's figures for TensorBoard, too (the extra `tensorboard`)"
    verb.add_argument("--tensorboard", action="store_true", help=told)


def _add_result_verbs(verbs: Verbs) -> None:
    verb = _add(verbs, "leaderboard", "rank single models and ensembles", "leaderboard cpu")
    _add_suite(verb, nargs="?")
    verb.add_argument("--format", choices=("md", "csv", "json", "latex"), default="md")
    verb.add_argument("--kaggle", action="store_true", help="Kaggle's own, by its client")
    verb.add_argument("--score", type=float, metavar="S", help="with --kaggle: what rank it is")
    _add_suite(_add(verbs, "report", "write the run's page, report.html", "report cpu --data DIR"))
    verb = _add(verbs, "compare", "rank the entries of two runs", "compare runs/cpu runs/xu2018")
    verb.add_argument("folders", type=Path, nargs=2, metavar="RUN", help="folder of a run")
    example = "errors cpu --data DIR --entry mean --out errors"
    verb = _add_suite(_add(verbs, "errors", "draw where an entry is wrong", example))
    verb.add_argument("--entry", required=True, metavar="E", help="of the leaderboard")
    verb.add_argument("--worst", type=_positive, default=20, metavar="N", help="images")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")

    example = "refine cpu --data DIR --entry mean --out refined"
    verb = _add_suite(_add(verbs, "refine", "try every refinement of an entry's masks", example))
    verb.add_argument("--entry", required=True, metavar="E", help="of the leaderboard")
    verb.add_argument("--out", type=Path, metavar="DIR", help="pictures, and the figures of images")


def _add_submit(verbs: Verbs) -> None:
    example = "submit --check submissions/cpu-mean.csv.gz --data DIR"
    verb = _add(verbs, "submit", "write, check, score and upload submission files", example)
    _add_suite(verb, nargs="?")
    verb.add_argument("--check", type=Path, metavar="FILE", help="validate any submission file")
    verb.add_argument("--against", type=Path, metavar="MASKS",
                      help="with --check: score it on mask pictures or a table")  # fmt: skip
    verb.add_argument("--repair", type=Path, nargs=2, metavar=("FILE", "OUT"),
                      help="write it again, mended where the cure is certain")  # fmt: skip
    verb.add_argument("--upload", type=Path, metavar="FILE", help="send it by Kaggle's own client")
    verb.add_argument("--message", default="carvana-bench", help="what Kaggle shows beside it")


def _add_data_verbs(verbs: Verbs) -> None:
    verb = _add(
        verbs, "check", "say what is in a data folder, and what is wrong", "check --data DIR"
    )
    verb.add_argument("--deep", action="store_true", help="read every file to its end")
    verb = _add(verbs, "demo", "draw the demo data set", "demo --out data/demo --cars 18")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    verb.add_argument("--cars", type=int, default=18, metavar="N", help="training cars")
    verb.add_argument("--test-cars", type=int, default=2, metavar="N")
    verb = _add(verbs, "download", "fetch the data by Kaggle's own client", "download --out data")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    verb = _add(
        verbs,
        "models",
        "recipes and what their networks cost",
        "models demo/vgg11-concat-1024x1024",
    )
    verb.add_argument("name", nargs="?", metavar="RECIPE", help="show it layer by layer")
    verb.add_argument(
        "--measure", action="store_true", help="time a training step and a prediction"
    )
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    example = "prepare-coco --annotations instances_val2017.json --images val2017 --out data/coco"
    verb = _add(verbs, "prepare-coco", "people and vehicles of COCO as a data folder", example)
    verb.add_argument("--annotations", type=Path, required=True, metavar="FILE")
    verb.add_argument("--images", type=Path, required=True, metavar="DIR")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    verb.add_argument("--size", type=_positive, nargs=2, metavar=("H", "W"), help="resize to it")
    verb = _add(verbs, "speed", "every part beside its peers", "speed text --data DIR")
    some = "any piece of a name; or scale, network, loader"
    verb.add_argument("parts", nargs="*", metavar="PART", help=some)
    verb.add_argument(
        "--training", type=Path, metavar="DIR", help="with network and loader: a trained one"
    )
    verb.add_argument("--recipe", default="cpu/unet-320x480", help="instead: untrained")
    verb.add_argument("--images", type=_positive, nargs="+", default=[], metavar="N",
                      help="with scale: how many")  # fmt: skip
    verb.add_argument("--noisy", action="store_true", help="with scale: on noisy maps")
    verb.add_argument("--plot", type=_drawing, metavar="FILE",
                      help="with scale: draw how cost grows, .png or .svg")  # fmt: skip
    verb = _add(verbs, "doctor", "what this machine has, what a suite would cost", "doctor cpu")
    _add_suite(verb, nargs="?")


def _add_cutting_verbs(verbs: Verbs) -> None:
    example = "export --run runs/cpu --entry mean --out car-model --data DIR"
    about = "an entry as one folder that needs no run; with --data its masks are tried"
    verb = _add(verbs, "export", about, example)
    verb.add_argument("--run", type=Path, required=True, metavar="RUN", help="folder of a run")
    verb.add_argument("--entry", required=True, metavar="E", help="of the leaderboard")
    verb.add_argument("--out", type=Path, required=True, metavar="MODEL_DIR")
    verb.add_argument("--openvino", action="store_true", help="to be run by OpenVINO, on a CPU")
    example = "cutout photographs/ --model car-model --out cars --background white"
    verb = _add(verbs, "cutout", "cut cars out of photographs", example)
    verb.add_argument("photographs", type=Path, nargs="+", metavar="PHOTO",
                      help="file, or folder of files")  # fmt: skip
    whose = verb.add_mutually_exclusive_group(required=True)
    whose.add_argument("--model", type=Path, metavar="MODEL_DIR", help="what `export` wrote")
    whose.add_argument("--run", type=Path, metavar="RUN", help="folder of a run, with --entry")
    verb.add_argument("--entry", metavar="E", help="of the run's leaderboard")
    verb.add_argument("--out", type=Path, required=True, metavar="DIR")
    verb.add_argument("--background", default="transparent", metavar="B",
                      help="transparent, white, #rrggbb, blur, or a picture's file")  # fmt: skip
    verb.add_argument("--format", choices=("png", "jpeg", "webp"), default="png")
    verb.add_argument("--steps", nargs="+", default=[], metavar="STEP",
                      help=f"first: {', '.join(DEFAULT_STEPS)}")  # fmt: skip
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    verb = _add(verbs, "serve", "the same as a page and an API", "serve --model car-model")
    verb.add_argument("--model", type=Path, required=True, metavar="MODEL_DIR")
    verb.add_argument("--port", type=int, default=8000, metavar="N", help="of 127.0.0.1; 0: any")
    verb.add_argument("--measure", type=Path, metavar="PHOTO",
                      help="only say what the server costs in time and memory")  # fmt: skip
    verb.add_argument("--requests", type=_positive, default=1000, metavar="N", help="for memory")
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def _add(verbs: Verbs, name: str, text: str, example: str) -> argparse.ArgumentParser:
    """A verb with the flags that every verb has."""
    verb = verbs.add_parser(
        name, help=text, description=text, epilog=f"example: carvana-bench {example}\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    verb.add_argument("--data", type=Path, metavar="DIR", help="Kaggle's layout (default: data/)")
    verb.add_argument("--jobs", type=_positive, default=os.cpu_count(), metavar="N")
    verb.add_argument("--seed", type=int, metavar="N", help="other random choices")
    verb.add_argument("--json", action="store_true", help="print the result as JSON")
    verb.add_argument("--quiet", action="store_true", help="no progress")
    verb.add_argument("--weights-dir", type=Path, metavar="DIR",
                      help="<encoder>.safetensors (or CARVANA_WEIGHTS)")  # fmt: skip
    return verb


def _add_suite(verb: argparse.ArgumentParser, nargs: str | None = None) -> argparse.ArgumentParser:
    """The arguments of a verb that works on a run."""
    verb.add_argument("suite", nargs=nargs, metavar="SUITE", help="name, or path of a .yaml file")
    verb.add_argument("--runs", type=Path, default=HOME / "runs", metavar="DIR")
    verb.add_argument("--submissions", type=Path, default=HOME / "submissions", metavar="DIR")
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    verb.add_argument("--micro-batch", type=_positive, metavar="N",
                      help="images in memory at once (training tries how many fit)")  # fmt: skip
    verb.add_argument("--limit", type=_positive, metavar="N", help="use only N cars of the data")
    return verb


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _drawing(text: str) -> Path:
    if not text.endswith((".png", ".svg")):
        raise argparse.ArgumentTypeError(f"{text} does not end in .png or .svg")
    return Path(text)
