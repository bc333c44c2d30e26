"""Workers of the first search of a registry: they make rows in parallel, and the search takes them from the cache."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.search.summary_cache import Rows
from registry_tool.git.command import Git
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import has_latest_only
from registry_tool.workers import Workers, count_workers, split_work

__all__ = ["main", "row_workers"]

# A process takes about as long to start as the rows of this many models.
_FEW: Final = 60
# After this many cached models in a row, another process has made the rest of a part.
_MET: Final = 20


@contextlib.contextmanager
def row_workers(
    git: Git, commit: str, kept: Path, count: int | None
) -> Iterator[Callable[[int], None]]:
    """Yield a function that starts workers for a number of models; they end with the block.

    Args:
        git: The repository.
        commit: The commit whose rows are made.
        kept: The folder of the cached rows.
        count: The number of processes, this one included; None for as many as the settings and the system allow.
    """
    with Workers() as workers:

        def start(models: int) -> None:
            # In a partial clone, a worker would fetch objects that the search may not need.
            is_partial = has_latest_only(git) or git.flag("remote.origin.promisor")
            if count == 1 or is_partial or not git.is_trusted or not os.access(kept, os.W_OK):
                return
            allowed = count_workers(git) if count is None else count
            parts = min(allowed, models // _FEW + 1)
            for part in range(1, parts):
                workers.start(__name__, str(git.place), commit, str(kept), str(part), str(parts))

        yield start


def main(arguments: Sequence[str]) -> None:
    """``python -m registry_tool.catalog.search.worker REPOSITORY COMMIT KEPT PART PARTS``."""
    place, commit, kept, part, parts = arguments
    repository = Repository.open(Path(place))
    try:
        rows = Rows(Catalog(repository.tree(commit)), Path(kept))
        for names in split_work(list(rows.catalog.model_names()), int(part), int(parts)):
            known = 0
            for name in names:
                known = 0 if rows.make(name) else known + 1
                if known == _MET:
                    break
    finally:
        repository.close()


if __name__ == "__main__":
    main(sys.argv[1:])
