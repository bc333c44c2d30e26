"""What the gates of a promotion are asked of: what is published, and its history."""

from __future__ import annotations

from typing import NamedTuple

from registry_tool.catalog.index import Catalog
from registry_tool.git.line import Line
from registry_tool.git.published import parting, published
from registry_tool.git.repository import Repository
from registry_tool.git.tree import DictTree

__all__ = ["Ground", "ground_of"]


class Ground(NamedTuple):
    """What is published.

    Attributes:
        base: The registry, as it is published.
        line: The history that ends there; None before the first commit.
    """

    base: Catalog
    line: Line | None


def ground_of(repository: Repository, tip: str | None) -> Ground:
    """The published state that a commit builds on; the commit itself where no main branch is known.

    Args:
        repository: The registry.
        tip: The full id of the commit a change is made on; None before the first.

    Raises:
        ShallowHistory: A shallow clone does not reach back to it.
        NotFound: Git's setting for the main branch names what is not there.
    """
    if tip is None:
        return Ground(Catalog(DictTree({})), None)
    main = published(repository.git)
    commit = tip if main is None else parting(repository.git, main.tip, tip)
    return Ground(Catalog(repository.tree(commit)), Line(repository.git, commit))
