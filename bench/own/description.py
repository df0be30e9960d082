"""data.yaml: where one's own pictures and masks lie, and which of them belong together."""

import glob
import os
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from PIL import ImageColor
from pydantic import AfterValidator, Field, model_validator

from bench.config.strict import Strict
from bench.data.mask_formats import Marks

FILE = "data.yaml"
ALONE = "none"  # as `groups`: every photograph is a group of its own
STEM, FOLDER = "{stem}", "{folder}"  # of a photograph, in the pattern of its mask
TABLES = (".csv", ".csv.gz", ".zip")
GROUPS_CHOICE = (
    "say which photographs show the same thing, so that none of them is scored by a network that "
    f"was trained on another: a table image,group; an expression; or `groups: {ALONE}` where each "
    "shows another thing"
)


def _checked_value(value: int | str) -> int | str:
    if isinstance(value, str):
        try:
            ImageColor.getrgb(value)
        except ValueError as error:
            raise ValueError(f"{value!r} is no number and no colour such as '#ff0000'") from error
    return value


def _checked_expression(text: str) -> str:
    try:
        groups = re.compile(text).groups
    except re.error as error:
        raise ValueError(f"no regular expression ({error})") from error
    if not groups:
        raise ValueError("put what says the group in parentheses, as in '(shoe[0-9]+)_'")
    return text


Value = Annotated[int | str, AfterValidator(_checked_value)]
Expression = Annotated[str, AfterValidator(_checked_expression)]


class Description(Strict):
    """One's own labelled pictures. Paths are relative to the folder of the file, or absolute.

    In patterns, `*` stands for any part of a name and `**` for any folders.
    """

    images: str  # a pattern
    masks: str  # a pattern with {stem} and perhaps {folder}, or a table img,rle_mask
    groups: str | None = None  # a table image,group, or "none"
    group_by: Expression | None = None  # finds the group in a file's name
    value: tuple[Value, ...] = Field(default=(), strict=False)
    threshold: float | None = None
    fill_holes: bool = False
    test: str | None = None  # a pattern: photographs without masks
    unlabelled: Literal["refuse", "test"] = "refuse"  # photographs of `images` without masks
    folds: str | None = None  # a table group,fold
    heldout: str | None = None  # a table of the groups that are scored, column `group`

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.groups is None) == (self.group_by is None):
            raise ValueError(f"`groups` or `group_by`, one of them: {GROUPS_CHOICE}")
        if self.value and self.threshold is not None:
            raise ValueError("`value` or `threshold`, not both")
        if self.in_table and (self.value or self.threshold is not None):
            raise ValueError("`value` and `threshold` are of mask pictures, not of a table of runs")
        if self.folds and self.heldout:
            raise ValueError("`folds` or `heldout`, not both: a fold of `folds` is held out")
        if not self.in_table and STEM not in self.masks:
            raise ValueError(
                f"masks: {self.masks!r} does not say which mask belongs to which photograph: write "
                f"{STEM} for the photograph's name without suffix, as in masks/{STEM}.png, or name "
                "a table .csv"
            )
        return self

    @property
    def in_table(self) -> bool:
        """Whether the masks are rows of a table, not pictures."""
        return self.masks.lower().endswith(TABLES)

    @property
    def marks(self) -> Marks:
        """Which pixels of masks count."""
        return Marks(self.value, self.threshold, self.fill_holes)


def place(root: Path, path: str) -> Path:
    """The file that a data.yaml in the folder `root` names."""
    return Path(os.path.normpath(root / path))


def pattern_in(root: Path, pattern: str) -> str:
    """The pattern that a data.yaml in the folder `root` names; the folder's own name is none."""
    return os.path.normpath(Path(glob.escape(str(root))) / pattern)


def seen_from(root: Path, path: str) -> str:
    """How a data.yaml in the folder `root` names a path that is relative to the working directory.

    An absolute path stays as it is.
    """
    return path if os.path.isabs(path) else os.path.relpath(path, root)  # noqa: PTH117
