"""A stand-in for Kaggle's client."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def install_client(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, str], None]:
    """Return a function that writes a program into a folder, where it is the first client found."""

    def install(folder: Path, program: str) -> None:
        (folder / "kaggle").write_text(program)
        (folder / "kaggle").chmod(0o755)
        monkeypatch.setattr("sys.executable", str(folder / "python"))
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return install
