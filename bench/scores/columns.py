"""Every column of the tables, once: its key, its title and meaning, and where it is shown.

A figure of `metrics.measures.measures` needs one line in `LEADERBOARD` with `averaged=True`; the
means, every table and the report follow from that line. A figure without a line is refused.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import attrgetter

from bench.metrics.overlap import Counts
from bench.metrics.power import MOST_CARS
from bench.system.text import duration, number, probability, signed

CARS = f"{number(MOST_CARS, 0)}: as many or more"
GAIN = ("gain", "gain_low", "gain_high", "gain_p")


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Tables and the page show columns in the order of their places, equal places in the order of this
    file, and no column without a place.
    """

    key: str  # in CSV and JSON, and the heading in Markdown and LaTeX
    title: str = ""  # the heading in the report
    meaning: str = ""  # what the heading's tooltip says
    decimals: int | None = None  # None: not a number to round
    table: int | None = None  # place in Markdown and LaTeX
    page: int | None = None  # place in the report's leaderboard
    hidden: bool = False  # whether the report shows it only after a click on "all columns"
    low_first: bool = False  # whether low values are the good ones
    averaged: bool = False  # whether it is the mean over images of the same key of scores.parquet
    page_decimals: int | None = None  # in the report, where it shows fewer
    write: Callable[[float], str] | None = None  # in the report, where not a rounded number
    dtype: str = ""  # of pandas, where a CSV file with empty cells would lose it

    def text(self, value: float) -> str:
        """The value as the report writes it."""
        if self.write:
            return self.write(value)
        decimals = self.decimals if self.page_decimals is None else self.page_decimals
        return number(value, decimals or 0)


LEADERBOARD = (  # in the order of leaderboard.csv
    Column("rank", table=20, dtype="Int64"),
    Column("group", dtype="Int64"),
    Column("entry", table=30),
    Column("kind", table=40),
    Column("members", dtype="Int64"),
    Column("size", table=50),
    Column("teacher", table=55),
    Column("params_m", "Parameters", "millions", 2, page_decimals=1,
           table=60, page=180, hidden=True, low_first=True),
    Column("gflops", "GFLOPs", "of one forward pass", 1, page_decimals=0,
           table=70, page=190, hidden=True, low_first=True),
    Column("disk_mb", "Weights", "MB", 1, page=210, hidden=True, low_first=True),
    Column("dice", "Dice", "mean over the photographs", 6, table=110, page=10, averaged=True),
    Column("dice_low", decimals=6, table=120),
    Column("dice_high", decimals=6, table=130),
    Column("p_best", "p to first",
           "of no difference to the first line, corrected for all pairs", 4,
           table=140, page=40, low_first=True, write=probability),
    Column("cars_best", "Cars to tell",
           f"held-out cars that would tell it from the first line, 4 times in 5; {CARS}", 0,
           table=145, page=45, hidden=True, low_first=True, dtype="Int64"),
    Column("jaccard", "Jaccard", "mean over the photographs", 6,
           page=70, hidden=True, averaged=True),
    Column("jaccard_low"),
    Column("jaccard_high"),
    Column("one_minus_jaccard", "1 - Jaccard", "mean over the photographs", 5,
           table=260, page=140, hidden=True, low_first=True),
    Column("boundary_iou", "Boundary IoU", "of rims 2 % of the diagonal wide", 4,
           table=160, page=80, hidden=True, averaged=True),
    Column("hausdorff95_px", "Hausdorff", "95th percentile, pixels", 2, page_decimals=1,
           table=170, page=90, hidden=True, low_first=True, averaged=True),
    Column("surface_px", "Surface", "mean distance of the outlines, pixels", 3, page_decimals=2,
           page=100, hidden=True, low_first=True, averaged=True),
    Column("fp_px", "Too many", "false positive pixels a photograph", 0,
           table=180, page=110, hidden=True, low_first=True),
    Column("fn_px", "Missed", "false negative pixels a photograph", 0,
           table=190, page=120, hidden=True, low_first=True),
    Column("dice_worst", "Worst", "Dice of the worst photograph", 5, page=130, hidden=True),
    Column("dice_worst5", "Worst 5 %", "mean Dice of the worst twentieth of photographs", 6,
           page_decimals=5, table=150, page=50),
    Column("dice_fold_sd"),
    Column("gain", "Gain",
           "over its best member, what it sharpens, or the same network without its teacher", 6,
           table=200, page=20, write=signed),
    Column("gain_low", decimals=6, table=210),
    Column("gain_high", decimals=6, table=220),
    Column("gain_p", "p", "of no gain, corrected for all gains", 4,
           table=230, page=30, low_first=True, write=probability),
    Column("gain_cars", "Cars to tell the gain",
           f"held-out cars that would tell it from none, 4 times in 5; {CARS}", 0,
           table=235, page=35, hidden=True, low_first=True, dtype="Int64"),
    Column("ceiling", "Ceiling", "Dice of the training targets of this input size", 6,
           page=170, hidden=True),
    Column("train_s", "Training", "all folds together",
           page=200, hidden=True, low_first=True, write=duration),
    Column("predict_ms", "ms", "a photograph; an ensemble's is its members' sum", 1,
           page_decimals=0, table=80, page=60, low_first=True),
    Column("pareto", table=240, dtype="boolean"),
    Column("leaky", table=250, dtype="boolean"),
    Column("reported_dice", "Reported Dice", "by the paper, on other photographs", 6,
           table=270, page=150, hidden=True),
    Column("reported_one_minus_jaccard", "Reported 1 - Jaccard",
           "by the paper, on other photographs", 5,
           table=280, page=160, hidden=True, low_first=True),
    Column("source", table=290),
)  # fmt: skip
COMPARISON = (  # only in the tables of two runs
    Column("run", table=10),
    Column("dice_a", decimals=6, table=90),
    Column("dice_b", decimals=6, table=100),
)
TRIED = (  # only in the table of tried refinements, where they follow columns of LEADERBOARD
    Column("better"),
    Column("worse"),
    Column("unchanged"),
    Column("changed_px", decimals=0),
    Column("tried"),
    Column("kept"),
    Column("refine_ms", decimals=1),
)


def worded(text: str, unit: str) -> str:
    """A heading or meaning with "car" replaced by what is held out together in other data.

    >>> worded("Cars to tell", "group"), worded("gain_cars", "group"), worded("jaccard", "group")
    ('Groups to tell', 'gain_groups', 'jaccard')
    """
    words = {"car": unit, "Car": unit.capitalize()}
    return re.sub(r"(?<![A-Za-z])[Cc]ar(?=s?(?![A-Za-z]))", lambda found: words[found[0]], text)


def averaged() -> list[str]:
    """Keys of scores.parquet whose means over images are columns of the same key."""
    return [column.key for column in LEADERBOARD if column.averaged]


def in_leaderboard() -> list[str]:
    """Keys of the columns of leaderboard.csv, from the left."""
    return [column.key for column in LEADERBOARD]


def in_tables() -> list[str]:
    """Keys of the columns that Markdown and LaTeX show, from the left."""
    placed = [column for column in (*LEADERBOARD, *COMPARISON) if column.table is not None]
    return [column.key for column in sorted(placed, key=attrgetter("table"))]


def on_page() -> list[Column]:
    """Columns of the report's leaderboard, from the left."""
    placed = [column for column in LEADERBOARD if column.page is not None]
    return sorted(placed, key=attrgetter("page"))


def in_trials() -> list[str]:
    """Keys of the columns of the table of tried refinements, from the left."""
    dice, *others = averaged()
    return ["refinement", dice, *GAIN, *others, *[column.key for column in TRIED]]


def in_errors() -> list[str]:
    """Keys of scores.parquet in errors.csv: counts, and the averaged figures that tables show."""
    dice, *others = [column.key for column in LEADERBOARD if column.averaged and column.table]
    return ["image", dice, "fp", "fn", *others]


def decimals() -> dict[str, int]:
    """Decimals of each rounded column in Markdown and LaTeX, by key."""
    columns = (*LEADERBOARD, *COMPARISON, *TRIED)
    return {each.key: each.decimals for each in columns if each.decimals is not None}


def dtypes() -> dict[str, str]:
    """The pandas type of each leaderboard column that a CSV file does not keep, by key."""
    return {column.key: column.dtype for column in LEADERBOARD if column.dtype}


def check_figures(figures: dict[str, float]) -> dict[str, float]:
    """Return the figures of an image, which must be the counts and averaged columns exactly.

    Raises:
        ValueError: a figure has no column, or an averaged column has no figure.
    """
    keys, columns = set(figures), {*Counts._fields, *averaged()}
    if keys != columns:
        raise ValueError(
            f"figures without a column: {sorted(keys - columns)}, averaged columns without a "
            f"figure: {sorted(columns - keys)}; bench/metrics/measures.py and LEADERBOARD of "
            "bench/scores/columns.py must agree"
        )
    return figures


def check_leaderboard(keys: Iterable[str]) -> None:
    """Check that every value of a leaderboard's row has a column.

    Raises:
        ValueError: one has none, and would be lost.
    """
    lost = sorted(set(keys) - set(in_leaderboard()))
    if lost:
        raise ValueError(f"no column {lost} in LEADERBOARD of bench/scores/columns.py")
