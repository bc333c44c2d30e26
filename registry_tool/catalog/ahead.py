"""A second process for the first search of everything: it makes rows from the other end.

It shares nothing but the shelf: what it has made is there when the search comes to it. Only commands start
one; a library does not run programs behind its caller's back.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from registry_tool.catalog.beside import beside
from registry_tool.catalog.index import Catalog
from registry_tool.catalog.rows import Rows
from registry_tool.git.plumbing import Git
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import is_newest

__all__ = ["going_ahead", "main"]

# So many models in a row that are known: the two have met, or nothing is new.
_MET: Final = 20


@contextlib.contextmanager
def going_ahead(git: Git, commit: str, kept: Path) -> Iterator[None]:
    """While the block runs, a second process makes rows of a commit; it ends with the block.

    Args:
        git: The repository.
        commit: Whose rows are made.
        kept: Where they are kept.
    """
    git_is_whole = not (is_newest(git) or git.flag("remote.origin.promisor")) and git.is_trusted
    # A partial clone would bring from its remote what nobody has asked for.
    if git_is_whole and os.access(kept, os.W_OK):
        with beside(__name__, str(git.place), commit, str(kept)):
            yield
    else:
        yield


def main(arguments: Sequence[str]) -> None:
    """``python -m registry_tool.catalog.ahead REPOSITORY COMMIT KEPT``."""
    place, commit, kept = arguments
    repository = Repository.open(Path(place))
    try:
        rows = Rows(Catalog(repository.tree(commit)), Path(kept))
        known = 0
        for name in reversed(list(rows.catalog.model_names())):
            known = 0 if rows.make(name) else known + 1
            if known == _MET:
                return
    finally:
        repository.close()


if __name__ == "__main__":
    main(sys.argv[1:])
