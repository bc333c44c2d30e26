"""Work on many objects at once. Hashing and waiting for a remote both release the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["in_parallel"]

_WORKERS: Final = 8
_T = TypeVar("_T")
_R = TypeVar("_R")


def in_parallel(
    work: Callable[[_T], _R], items: Sequence[_T], *, workers: int = _WORKERS
) -> list[_R]:
    """The results in the order of the items; the first error ends the work instead of waiting for the rest."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(workers) as pool:
        try:
            return list(pool.map(work, items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
