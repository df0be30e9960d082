"""Whether what a stage made is newer than everything it was made from."""

from collections.abc import Sequence
from pathlib import Path


def newer(made: Path, sources: Sequence[Path]) -> bool:
    """Whether a file exists and none of its sources has changed since."""
    return made.exists() and all(
        source.exists() and source.stat().st_mtime <= made.stat().st_mtime for source in sources
    )
