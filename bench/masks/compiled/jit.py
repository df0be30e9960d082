"""How loops over pixels and runs become machine code, which numba keeps on disk between processes.

numba compiles a kernel again when its own file changes, but not when a function it calls changes.
So the key under which a kernel is kept also holds a hash of all files of this folder.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache

SOURCES = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()


class KernelCache(FunctionCache):
    """Machine code of one kernel, valid for its own file and for the files of this folder."""

    def _index_key(self, signature: Any, codegen: Any) -> tuple[Any, ...]:
        key: tuple[Any, ...] = super()._index_key(signature, codegen)  # type: ignore[no-untyped-call]
        return (*key, SOURCES)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that needs no interpreter lock, and keep its machine code on disk."""
    dispatcher: Any = njit(nogil=True)(function)
    dispatcher._cache = KernelCache(function)  # type: ignore[no-untyped-call]
    return dispatcher


inlined: Any = njit(inline="always")  # for a function that is copied into each kernel calling it
