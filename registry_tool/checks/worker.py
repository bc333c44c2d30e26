"""A second process for the check of everything: it goes through the models from the other end.

It shares nothing but the memory of verdicts: what it has judged is there when the check comes to it. So it
can be slow, killed or missing, and the check gives the same report. Processes, not threads: reading YAML holds
Python's lock.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.worker import beside
from registry_tool.checks.cache import Memory
from registry_tool.checks.engine import judge_models
from registry_tool.git.command import Git
from registry_tool.git.repository import Repository

__all__ = ["going_ahead", "main"]

# Fewer models are judged before a process has started.
_FEW: Final = 60
# So many models in a row that are known: the two have met, or nothing is new.
_MET: Final = 20


@contextlib.contextmanager
def going_ahead(git: Git, commit: str, published: str | None, kept: Path) -> Iterator[None]:
    """While the block runs, a second process judges models of a commit; it ends with the block.

    Args:
        git: The repository.
        commit: What is checked.
        published: What severities come from; None is the commit itself.
        kept: Where verdicts are kept.
    """
    if not _can_write(kept) or not git.is_trusted:
        yield
        return
    with beside(__name__, str(git.place), commit, published or commit, str(kept)):
        yield


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def main(arguments: Sequence[str]) -> None:
    """``python -m registry_tool.checks.worker REPOSITORY COMMIT PUBLISHED KEPT``."""
    place, commit, published, kept = arguments
    repository = Repository.open(Path(place))
    try:
        catalog = Catalog(repository.tree(commit))
        policy = catalog if published == commit else Catalog(repository.tree(published))
        models = list(catalog.model_names())
        if len(models) >= _FEW:
            memory = Memory(Path(kept), catalog, policy)
            judge_models(catalog, policy, reversed(models), memory, enough=_MET)
    finally:
        repository.close()


if __name__ == "__main__":
    main(sys.argv[1:])
