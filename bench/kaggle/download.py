"""Download the real data set through Kaggle's own client, which alone handles credentials.

Writes  `train/`, `train_masks/`, `test/` and the tables into a data folder.
"""

import shutil
from pathlib import Path

from bench.data.archive import is_there, unpack
from bench.kaggle.client import COMPETITION, client_error, client_path, run_client
from bench.own.check import check_folder
from bench.own.data_report import DataReport
from bench.system.disk import make_folder

DOWNLOADS = (  # small ones first: Kaggle refuses these before the hours of the last one
    "metadata.csv",
    "sample_submission.csv",
    "train_masks.csv",
    "train_masks",
    "train",
    "test",
)


def download(out: Path, jobs: int) -> DataReport:
    """Fetch and unpack what `out` lacks, then check the folder; a second call fetches the rest.

    Raises:
        Missing: Kaggle's client, its credentials, or the consent to the competition's rules.
        BenchError: the client failed otherwise.
        BadData: a downloaded file is not a zip file of Kaggle's.
    """
    client_path()  # fails before a folder is made
    make_folder(out)
    for name in DOWNLOADS:
        if not any(is_there(out / present) for present in (name, f"{name}_hq")):
            archive = out / f"{name}.zip"
            if not archive.exists():
                _fetch(archive)
            unpack(archive, out / name)
            archive.unlink()  # keeping it would need 8 GB more
    return check_folder(out, deep=False, jobs=jobs)


def _fetch(archive: Path) -> None:
    """Download one file; the client completes a partial file that lies in the hidden folder."""
    partial = archive.with_name(".downloading")
    make_folder(partial)
    arguments = ["competitions", "download", "-c", COMPETITION]
    output = run_client([*arguments, "-f", archive.name, "-p", str(partial)], archive.name)
    if not (partial / archive.name).is_file():
        raise client_error(output, archive.name)
    (partial / archive.name).replace(archive)
    shutil.rmtree(partial)
