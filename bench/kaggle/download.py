"""The real data set through Kaggle's own client, which alone handles credentials.

Writes  `train/`, `train_masks/`, `test/` and the tables into a data folder.
"""

import shutil
from pathlib import Path

from bench.data.archive import unpack
from bench.data.check import Report, check
from bench.kaggle.client import COMPETITION, call, client, refusal

WANTED = (  # small ones first: what is refused is refused before the hours of the last one
    "metadata.csv",
    "sample_submission.csv",
    "train_masks.csv",
    "train_masks",
    "train",
    "test",
)


def download(out: Path, jobs: int) -> Report:
    """Fetch and unpack what `out` lacks, then check it; a second call goes on with the rest.

    Raises:
        Missing: Kaggle's client, its credentials, or the consent to the competition's rules.
        BenchError: the client failed otherwise.
        BadData: what came is no zip file of Kaggle's.
    """
    client()
    out.mkdir(parents=True, exist_ok=True)
    for name in WANTED:
        if not any((out / there).exists() for there in (name, f"{name}_hq")):
            archive = out / f"{name}.zip"
            if not archive.exists():
                _fetch(archive)
            unpack(archive, out / name)
            archive.unlink()  # or 8 GB lie there twice
    return check(out, deep=False, jobs=jobs)


def _fetch(archive: Path) -> None:
    """Download one file; the client goes on with a part that is in the hidden folder already."""
    partial = archive.with_name(".downloading")
    partial.mkdir(exist_ok=True)
    arguments = ["competitions", "download", "-c", COMPETITION]
    words = call([*arguments, "-f", archive.name, "-p", str(partial)], archive.name)
    if not (partial / archive.name).is_file():
        raise refusal(words, archive.name)
    (partial / archive.name).replace(archive)
    shutil.rmtree(partial)
