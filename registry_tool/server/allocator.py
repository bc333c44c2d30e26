"""The allocator of glibc, asked to give memory back: a server runs for months, and each train allocates and frees megabytes.

Without this, freed pieces between living ones stay with the process: after some ten thousand writes a tenth of its memory. Each
thread would also get an arena of its own, though one thread at a time runs Python. Elsewhere than on glibc, nothing is done.
https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
"""

from __future__ import annotations

import sys
import time
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import ctypes
    from collections.abc import Callable

__all__ = ["limit_arenas", "release_regularly", "release_unused"]

_EVERY: Final = 20.0  # seconds
# From malloc.h of glibc.
_ARENA_MAX: Final = -8
_ARENAS: Final = (
    2  # code that has given up Python's lock allocates too: compression, digests, reading files
)


@cache
def _find_libc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    if sys.platform != "linux":
        return None
    import ctypes

    found = ctypes.CDLL(None)
    is_glibc = all(hasattr(found, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim"))  # fmt: skip
    return found if is_glibc else None


def limit_arenas() -> None:
    """Have all threads allocate from a few places, before there are threads."""
    libc = _find_libc()
    if libc is not None:
        libc.mallopt(_ARENA_MAX, _ARENAS)


def release_regularly(every: float = _EVERY) -> Callable[[object, object], None]:
    """A listener that gives memory back after moves of the catalog, at most once in some seconds."""
    last = time.monotonic()

    def moved(_: object, __: object) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            release_unused()

    return moved


def release_unused() -> None:
    """Give the pages back that nothing uses; some milliseconds, in which Python goes on."""
    libc = _find_libc()
    if libc is not None:
        libc.malloc_trim(0)
