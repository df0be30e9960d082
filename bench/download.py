"""The real data set through Kaggle's own client, which alone handles credentials.

Writes  `train/`, `train_masks/`, `test/` and the tables into a data folder.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from bench.archive import unpack
from bench.check import Report, check
from bench.errors import BenchError, Missing
from bench.kaggle import COMPETITION, client

PAGE = f"https://www.kaggle.com/c/{COMPETITION}"
WANTED = (  # small ones first: what is refused is refused before the hours of the last one
    "metadata.csv",
    "sample_submission.csv",
    "train_masks.csv",
    "train_masks",
    "train",
    "test",
)
REFUSED = ("401", "Unauthorized", "uthenticat", "kaggle.json", "credentials")
LAST_WORDS = 4000  # characters of the client's output that are searched for the reason


def download(out: Path, jobs: int) -> Report:
    """Fetch and unpack what `out` lacks, then check it; a second call goes on with the rest.

    Raises:
        Missing: Kaggle's client, its credentials, or the consent to the competition's rules.
        BenchError: the client failed otherwise.
        BadData: what came is no zip file of Kaggle's.
    """
    command = client()
    out.mkdir(parents=True, exist_ok=True)
    for name in WANTED:
        if not any((out / there).exists() for there in (name, f"{name}_hq")):
            archive = out / f"{name}.zip"
            if not archive.exists():
                _fetch(command, archive)
            unpack(archive, out / name)
            archive.unlink()  # or 8 GB lie there twice
    return check(out, deep=False, jobs=jobs)


def _fetch(kaggle: str, archive: Path) -> None:
    """Download one file; the client goes on with a part that is in the hidden folder already."""
    partial = archive.with_name(".downloading")
    partial.mkdir(exist_ok=True)
    command = [kaggle, "competitions", "download", "-c", COMPETITION]
    words, status = _run([*command, "-f", archive.name, "-p", str(partial)])
    if status or not (partial / archive.name).is_file():
        raise _reason(words, archive.name)
    (partial / archive.name).replace(archive)
    shutil.rmtree(partial)


def _run(command: list[str]) -> tuple[str, int]:
    """The last words and the exit status of a program whose output is shown as it comes."""
    words = ""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as program:
        while block := program.stdout.read1():  # type: ignore[union-attr, attr-defined]
            text = block.decode(errors="replace")
            print(text, end="", file=sys.stderr, flush=True)
            words = (words + text)[-LAST_WORDS:]
    return words, program.returncode


def _reason(words: str, name: str) -> BenchError:
    if "403" in words:
        return Missing(
            f"{name}: Kaggle refuses (403); sign in and accept the rules at {PAGE}/rules"
        )
    if any(word in words for word in REFUSED):
        return Missing(
            f"{name}: Kaggle's client has no valid credentials; follow "
            "https://www.kaggle.com/docs/api, then run again"
        )
    last = words.strip().splitlines()[-1:] or ["no output"]
    return BenchError(f"{name}: Kaggle's client failed: {last[0]}; run again to go on")
