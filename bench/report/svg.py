"""matplotlib figures as inline SVG in the colours and the font of the page.

A figure is drawn in colours that stand for the page's (`INK`, `series(2)`), and these become CSS
variables: one drawing serves light, dark and paper. Text stays text.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike, NDArray

INK, SOFT, LINE, ACCENT, PAPER = (f"#0100{place:02x}" for place in range(5))
CSS_NAMES = {INK: "ink", SOFT: "soft", LINE: "line", ACCENT: "accent", PAPER: "paper"}
TILE = 460.0  # CSS pixels: half the page, or a phone's width
SERIES = 8  # colours of the page; further members use them again, with their own numbers
MIN_ERROR = 1e-6  # a Dice of 1 has no place on a logarithmic axis
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 12,
    "axes.labelsize": 11,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.linewidth": 1,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "figure.constrained_layout.use": True,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
}


@dataclass(frozen=True)
class Drawing:
    """A figure of the page."""

    name: str  # of its anchor
    title: str
    caption: str
    alternative: str  # what it shows, for those who cannot see it
    svg: Markup
    wide: bool = False  # whether a phone must scroll it


def series(place: int) -> str:
    """The colour of a member, by its place from 0."""
    return f"#0200{place % SERIES:02x}"


@contextmanager
def canvas(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure in the page's style; sizes are the CSS pixels of its natural size."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72)  # a point is a pixel
        yield figure, figure.subplots()


def finish(
    figure: Figure, name: str, title: str, caption: str, alternative: str, wide: bool = False
) -> Drawing:
    """The figure as a part of the page.

    Args:
        name: of letters and digits, different for every figure of the page.
        alternative: what the figure shows, for those who cannot see it.
    """
    text = io.StringIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    inline = _inline(text.getvalue(), name, alternative)
    return Drawing(name, title, caption, alternative, inline, wide)


def _inline(text: str, name: str, alternative: str) -> Markup:
    """The bare SVG element: without sizes, fonts or fixed colours, its ids unique on the page."""
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]*)"', body)
    inner = body[body.index(">") + 1 :]
    inner = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', inner)
    inner = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", inner)
    inner = re.sub(r'href="#([^"]*)"', rf'href="#{name}-\1"', inner)
    inner = re.sub(r"font-family: [^;\"]*;? ?", "", inner)
    inner = re.sub(r"#0200([0-9a-f]{2})", lambda m: f"var(--s{int(m[1], 16)})", inner)
    for colour, variable in CSS_NAMES.items():
        inner = inner.replace(colour, f"var(--{variable})")
    inner = re.sub(r"\s*\n\s*", " ", inner)
    label = escape(alternative)
    shape = box[1] if box else "0 0 1 1"
    # matplotlib escapes the names it was given; nothing else in its output is foreign
    return Markup(f'<svg role="img" aria-label="{label}" viewBox="{shape}">{inner}')  # noqa: S704


def errors_of(dice: ArrayLike) -> NDArray[np.float64]:
    """1 - Dice, kept off zero, for a logarithmic axis."""
    return np.maximum(1 - np.asarray(dice, dtype=float), MIN_ERROR)


def dice_axis(axes: Axes, which: str, errors: ArrayLike, margin: float = 1.06) -> None:
    """Make an axis of errors logarithmic, low errors at its top or right end, labelled with Dice.

    Errors shrink tenfold from a Dice of 0.9 to 0.99 to 0.999: a linear axis would leave the good
    entries no room.

    Args:
        margin: the axis reaches from the least error over `margin` to the greatest times `margin`.
    """
    values = np.asarray(errors, dtype=float)
    low, high = float(values.min()) / margin, float(values.max()) * margin
    ticks = dice_ticks(low, high)
    axis: Axis = axes.yaxis if which == "y" else axes.xaxis
    if which == "y":
        axes.set_yscale("log")
        axes.set_ylim(high, low)
    else:
        axes.set_xscale("log")
        axes.set_xlim(high, low)
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda error, _: f"{1 - error:.6g}"))


def number_axis(axis: Axis, low: float, high: float) -> None:
    """Set round numbers, written out, as the ticks of a logarithmic axis; if few, even ones."""
    rounds = [step * 10.0**power for power in range(-6, 8) for step in (1, 2, 5)]
    ticks = _ticks(low, high, rounds, MaxNLocator(4).tick_values(low, high))
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))


def dice_ticks(low: float, high: float) -> list[float]:
    """Round errors from `low` to `high`; where they are fewer than three, errors of even Dice."""
    rounds = [step * 10.0**power for power in range(-6, 1) for step in (1, 2, 5)]
    rounds += [3 * 10.0**power for power in range(-6, 0)]
    even = 1 - np.asarray(MaxNLocator(4).tick_values(1 - high, 1 - low))
    return _ticks(low, high, rounds, even)


def _ticks(low: float, high: float, rounds: Iterable[float], even: Iterable[float]) -> list[float]:
    """Round values from `low` to `high`; where they are fewer than three, even ones."""
    ticks = sorted(each for each in rounds if low <= each <= high)
    return ticks if len(ticks) >= 3 else [float(each) for each in even if low <= each <= high]


def label_points(
    axes: Axes, points: Sequence[tuple[float, float, str, str]], size: float = 11, gap: float = 13
) -> None:
    """Write texts to the right of points, moved up or down until they are apart.

    Args:
        points: (x, y, text, colour) of each.
        size: of the letters, CSS pixels.
        gap: the least distance between two texts, CSS pixels.
    """
    axes.get_figure(root=True).draw_without_rendering()  # type: ignore[union-attr]
    places = axes.transData.transform([(x, y) for x, y, _, _ in points])
    heights = spread_apart(places[:, 1], gap)
    for (x, y, text, colour), place, height in zip(points, places[:, 1], heights, strict=True):
        axes.annotate(
            text,
            (x, y),
            xytext=(8, height - place),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=size,
            annotation_clip=False,
        )


def spread_apart(places: ArrayLike, gap: float) -> NDArray[np.float64]:
    """The places, moved as little as possible, in the same order and at least a gap apart.

    >>> spread_apart([0.0, 1.0, 20.0], 10.0).tolist()
    [-4.5, 5.5, 20.0]
    """
    wanted = np.asarray(places, dtype=float)
    order = np.argsort(wanted, kind="stable")
    groups: list[list[float]] = []  # of touching labels: the sum of their wanted places, the count
    for place in wanted[order]:
        groups.append([place, 1])
        while len(groups) > 1 and _overlap(groups[-2], groups[-1], gap):
            total, count = groups.pop()
            before, earlier = groups[-1]
            groups[-1] = [before + total, earlier + count]
    moved = np.concatenate(
        [total / count + gap * (np.arange(count) - (count - 1) / 2) for total, count in groups]
        or [wanted]
    )
    places_apart = np.empty_like(wanted)
    places_apart[order] = moved
    return places_apart


def _overlap(lower: list[float], upper: list[float], gap: float) -> bool:
    between = upper[0] / upper[1] - lower[0] / lower[1]
    return between < gap * (lower[1] + upper[1]) / 2
