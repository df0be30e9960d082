"""Kaggle's own client: where it is. It alone handles credentials."""

import os
import shutil
import sys
from pathlib import Path

from bench.errors import Missing

COMPETITION = "carvana-image-masking-challenge"


def client() -> str:
    """Path of the client in this Python's environment, or else of the first on the PATH.

    Raises:
        Missing: it is not installed.
    """
    beside = Path(sys.executable).parent
    found = shutil.which("kaggle", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        raise Missing("Kaggle's client is not installed: .venv/bin/pip install kaggle")
    return found
