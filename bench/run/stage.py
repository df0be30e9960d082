"""A stage of a run: what it makes, what from, and whether what it made is still current."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def is_fresh(made: Path, sources: Sequence[Path]) -> bool:
    """Whether a file exists and none of its sources is missing or has changed since."""
    return made.exists() and all(
        source.exists() and source.stat().st_mtime <= made.stat().st_mtime for source in sources
    )


def no_work() -> float:
    """Return 0, the work of a stage that takes only seconds."""
    return 0.0


@dataclass(frozen=True)
class Stage:
    """One line of a run's table of stages.

    Args:
        name: for people; progress shows it for a training, and the group's name for other stages.
        makes: the files that exist when the stage is done.
        reads: the files that they are made from; nothing is made anew while none of these changes.
        run: makes the files.
        work: estimates how much work that is, in GFLOPs, for the time that progress shows.
        always: run the stage in any case, because it checks and skips its work by itself, or
            because it takes no time.
    """

    name: str
    makes: Sequence[Path]
    reads: Sequence[Path]
    run: Callable[[], object]
    work: Callable[[], float] = no_work
    always: bool = False

    @property
    def stale(self) -> list[Path]:
        """The files that are missing or older than what they are made from."""
        return [file for file in self.makes if not is_fresh(file, self.reads)]

    @property
    def done(self) -> bool:
        """Whether all that the stage makes is current."""
        return not self.stale

    def bring_up_to_date(self) -> None:
        """Run the stage unless it is done."""
        if self.always or not self.done:
            self.run()
