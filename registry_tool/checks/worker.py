"""Workers of a full check: they check models in parallel, and the check takes their verdicts from the cache."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.cache import VerdictCache
from registry_tool.checks.engine import judge_models
from registry_tool.git.command import Git
from registry_tool.git.repository import Repository
from registry_tool.workers import Workers, count_workers, split_work

__all__ = ["check_workers", "main"]

# A process takes about as long to start as the check of this many models.
_FEW: Final = 60
# After this many cached verdicts in a row, another process has checked the rest of a part.
_MET: Final = 20


@contextlib.contextmanager
def check_workers(
    git: Git, commit: str, published: str | None, kept: Path, count: int | None
) -> Iterator[Callable[[int], None]]:
    """Yield a function that starts workers for a number of models; they end with the block.

    Args:
        git: The repository.
        commit: The commit that is checked.
        published: The published commit, whose severities apply; None is the commit itself.
        kept: The folder of the cached verdicts.
        count: The number of processes, this one included; None for as many as the settings and the system allow.
    """
    with Workers() as workers:

        def start(models: int) -> None:
            if count == 1 or not git.is_trusted or not _can_write(kept):
                return
            allowed = count_workers(git) if count is None else count
            parts = min(allowed, models // _FEW + 1)
            for part in range(1, parts):
                place = str(git.place)
                base = published or commit
                workers.start(__name__, place, commit, base, str(kept), str(part), str(parts))

        yield start


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def main(arguments: Sequence[str]) -> None:
    """``python -m registry_tool.checks.worker REPOSITORY COMMIT PUBLISHED KEPT PART PARTS``."""
    place, commit, published, kept, part, parts = arguments
    repository = Repository.open(Path(place))
    try:
        catalog = Catalog(repository.tree(commit))
        policy = catalog if published == commit else Catalog(repository.tree(published))
        memory = VerdictCache(Path(kept), catalog, policy)
        for models in split_work(list(catalog.model_names()), int(part), int(parts)):
            judge_models(catalog, policy, models, memory, enough=_MET)
    finally:
        repository.close()


if __name__ == "__main__":
    main(sys.argv[1:])
