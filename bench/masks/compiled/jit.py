"""How loops over pixels and runs become machine code, which numba keeps on disk between processes.

numba compiles a kernel again when its own file changes, but not when a function or a constant of
another file does. So the key under which a kernel is kept also holds hashes of all files in this
folder and in the kernel's own, outside of which it uses nothing. They are of the files as they were
imported: a kernel is compiled when it is first called, and files may have changed by then.
"""

import hashlib
import pickle
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Literal

from numba import njit
from numba.core.caching import FunctionCache

DAMAGED = (  # what unpickling a damaged file raises
    AttributeError,
    EOFError,
    ImportError,
    IndexError,
    KeyError,
    OSError,
    pickle.UnpicklingError,
    TypeError,
    ValueError,
)


@cache
def source_hash(folder: Path) -> str:
    """The SHA-256 of the Python files in a folder."""
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    ).hexdigest()


class KernelCache(FunctionCache):
    """Machine code of one kernel, valid until a file in this folder or in the kernel's changes."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        folders = (Path(__file__).parent, Path(function.__code__.co_filename).parent)
        self._sources = tuple(source_hash(folder) for folder in folders)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the machine code of a signature; None if it is not on disk, or damaged there."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except DAMAGED:
            with suppress(OSError):
                self.flush()  # type: ignore[no-untyped-call]
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep machine code on disk, if there is room."""
        with suppress(OSError):
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]

    def _index_key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        key: tuple[Any, ...] = super()._index_key(signature, codegen)  # type: ignore[no-untyped-call]
        return (*key, *self._sources)


def kernel(function: Callable[..., Any], error_model: Literal["python", "numpy"] = "python") -> Any:
    """Compile a function that needs no interpreter lock, and keep its machine code on disk.

    Where neither the code's own folder, nor the user's, nor NUMBA_CACHE_DIR can be written to, each
    process compiles what it calls: it starts some seconds later, and gives the same results.

    Args:
        error_model: "python" raises ZeroDivisionError, "numpy" divides by zero as NumPy does.
    """
    dispatcher: Any = njit(nogil=True, error_model=error_model)(function)
    with suppress(RuntimeError):  # no folder to keep it in
        dispatcher._cache = KernelCache(function)
    return dispatcher


inlined: Any = njit(inline="always")  # for a function that is copied into each kernel calling it
