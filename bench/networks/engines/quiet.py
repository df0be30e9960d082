"""Keep what libraries say of their own steps from people who can do nothing about it."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from threading import RLock

ONE_AT_A_TIME = RLock()


@contextmanager
def silencing() -> Iterator[None]:
    """Let a library's warnings, log and bars of progress go nowhere inside the block.

    So do those of other threads. Of two blocks in two threads, one waits for the other: each puts
    back what it found.
    """
    with ONE_AT_A_TIME, warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)
