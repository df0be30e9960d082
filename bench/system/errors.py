"""Errors that a user can understand, each kind with its exit code."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_MEMORY = (  # what libraries say: torch, oneDNN, C++, OpenCV, Python's threads, the system
    "DefaultCPUAllocator",
    "out of memory",
    "could not create a primitive",
    "bad_alloc",
    "Insufficient memory",
    "can't start new thread",
    "Cannot allocate memory",
    "failed to map segment",
)


class BenchError(Exception):
    """A failure the user can understand: what is wrong, where, and what to do about it."""

    exit_code = 1

    def __reduce__(self) -> tuple[object, ...]:
        """Let a worker's process hand the error over as it is, whatever its class is made from."""
        return _as_it_was, (type(self), self.args, vars(self))


def _as_it_was(
    kind: type[BenchError], args: tuple[object, ...], fields: dict[str, object]
) -> BenchError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(fields)
    return error


class BadConfig(BenchError):
    """A recipe, suite or command line names something that does not exist or does not fit."""

    exit_code = 2


class BadData(BenchError):
    """A photograph, mask, table or submission file is damaged or breaks the rules."""

    exit_code = 3


class BadFile(BadData):
    """A file of the data is damaged or does not fit: which `file`, `what` is wrong, its `cure`.

    Args:
        file: the path, perhaps with a place in it ("folds.csv, line 3").
    """

    def __init__(self, file: Path | str, what: str, cure: str) -> None:
        super().__init__(f"{file}: {what}; {cure}")
        self.file, self.what, self.cure = str(file), what, cure


class Missing(BenchError):
    """Data, weights, a program or credentials are not on this machine."""

    exit_code = 4


class Incomplete(BenchError):
    """The work ended, but some items of it failed; those that succeeded are kept."""

    exit_code = 5


@contextmanager
def naming(whose: str) -> Iterator[None]:
    """Inside, the message of every `BenchError` begins with whose it is, such as "recipe a"."""
    try:
        yield
    except BenchError as error:
        error.args = (f"{whose}: {error}",)
        raise


def memory_is_full(error: Exception) -> bool:
    """Whether an error, of any library, says that it got no memory."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY)


def out_of_memory(error: Exception, cure: str) -> str:
    """Say that such an error ended the work, and what to do about it."""
    what = str(error).strip().partition("\n")[0]
    return (
        f"out of memory ({type(error).__name__}: {what}); {cure}, or raise the limit of memory; "
        "what was done is kept"
    )
