"""A page of the doubtful cut-outs of a folder: review/index.html, and review/<result>.jpg.

A file's name may be no UTF-8: a link holds its very bytes, and a question mark is shown for each.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.doubt.calibration import UNCALIBRATED, Calibration
from bench.doubt.listing import Doubt, in_order, summary
from bench.system.files import write_bytes

REVIEW = "review"
TEMPLATES = Path(__file__).parent / "templates"
MAX_SIDE = 640  # pixels, of pictures that are only looked at
MOST = 500  # results on a page, the most doubtful


def picture_path(out: Path, result: str) -> Path:
    """Where the picture of a result's doubt lies."""
    return out / REVIEW / f"{result}.jpg"


def write_page(out: Path, doubts: Mapping[str, Doubt], calibration: Calibration | None) -> Path:
    """Write the page of a folder of cut-outs, and return its path.

    Args:
        doubts: of the results by their path in `out`.
    """
    doubtful = [(name, doubt) for name, doubt in in_order(doubts) if doubt.doubtful]
    shown = [
        (name, quote(os.fsencode(name)), str(doubt), picture_path(out, name).is_file())
        for name, doubt in doubtful[:MOST]
    ]
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template("review.html").render(
        summary=summary(doubts),
        told=f"was tried: {calibration.trial}" if calibration else f"is {UNCALIBRATED}",
        shown=shown,
        left=len(doubtful) - len(shown),
    )
    path = out / REVIEW / "index.html"
    write_bytes(path, page.encode(errors="replace"))
    return path
