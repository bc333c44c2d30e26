"""A second process for the first search of everything: it makes rows from the other end.

It shares nothing but the shelf: what it has made is there when the search comes to it. Only commands start
one; a library does not run programs behind its caller's back.

A second process of this program, which works ahead of the first one until that is done.

It shares nothing with it but what it puts on a shelf, so it can be slow, killed or missing. Processes, not threads: reading
YAML holds Python's lock.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.summary_cache import Rows
from registry_tool.git.command import Git
from registry_tool.git.repository import Repository
from registry_tool.git.shallow import has_latest_only

__all__ = [
    "beside",
    "going_ahead",
    "main",
]


@contextlib.contextmanager
def beside(module: str, *arguments: str) -> Iterator[None]:
    """While the block runs, a module runs in a process of its own; with a single processor none does.

    Args:
        module: Its full name.
        arguments: What it is given.
    """
    if (os.cpu_count() or 1) < 2:  # noqa: PLR2004 (a second process)
        yield
        return
    # -P: no code that lies in the current folder may be imported.
    helper = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        helper.terminate()
        helper.wait()


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
    git_is_whole = (
        not (has_latest_only(git) or git.flag("remote.origin.promisor")) and git.is_trusted
    )
    # A partial clone would bring from its remote what nobody has asked for.
    if git_is_whole and os.access(kept, os.W_OK):
        with beside(__name__, str(git.place), commit, str(kept)):
            yield
    else:
        yield


def main(arguments: Sequence[str]) -> None:
    """``python -m registry_tool.catalog.worker REPOSITORY COMMIT KEPT``."""
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
