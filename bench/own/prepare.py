"""Describe one's own pictures in a data.yaml, once it is known that they can be used.

Reads  photographs, masks and tables, and a COCO file. Writes data.yaml, and masks.csv from COCO.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.config.strict import to_yaml
from bench.own.check import check_data
from bench.own.coco_table import write_table
from bench.own.data_report import DataReport
from bench.own.description import FILE, Description, place
from bench.own.opening import find_photographs, open_described
from bench.system.errors import BadConfig
from bench.system.files import read_text, write_text

FROM_COCO = "masks.csv"
HEAD = "# One's own pictures; docs/own-data.md says what each line means.\n"


def prepare(
    said: Description,
    out: Path,
    jobs: int,
    coco: Path | None = None,
    categories: Sequence[str] = (),
) -> DataReport:
    """Look at the pictures that a description in `out` is of, and write it if all is well.

    Args:
        coco: a COCO file, from which masks are written to a table first; `said.masks` names it.
        categories: whose objects are masked.

    Returns:
        What was found; nothing but that table is written where something must be mended.

    Raises:
        BadConfig: the folder holds Kaggle's layout, or another description.
        Missing, BadData: as `open_data`.
    """
    file, text = out / FILE, _text(said)
    if (out / "train").is_dir() and not file.exists():
        raise BadConfig(f"{out}: holds Kaggle's layout; name another --out")
    if file.exists() and read_text(file, "prepare it again") != text:
        raise BadConfig(f"{file}: says something else; edit or remove it, or name another --out")
    if coco:
        write_table(coco, categories, find_photographs(said, out), place(out, said.masks))
    report = check_data(open_described(said, out), deep=False, jobs=jobs)
    if report.ok:
        write_text(file, text)
    return report


def _text(said: Description) -> str:
    """Return the description as a file, without what goes without saying."""
    defaults = {
        name
        for name, field in Description.model_fields.items()
        if getattr(said, name) == field.default
    }
    return HEAD + to_yaml(said, without=defaults)
