"""The branch of a promotion, named after what it does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, VersionView
from registry_tool.git.repository import Repository
from registry_tool.git.revisions import find_tip
from registry_tool.manifests.data import text

__all__ = ["Branch", "branch_for"]

# What `git check-ref-format` refuses of names of models, versions and stages.
_NO_BRANCH: Final = re.compile(r"\.{2,}|\.lock(?=$|/)")
# Where a branch of this name may be: as a ref, and as people write it.
_PLACES: Final = (("refs/heads/", ""), ("refs/remotes/origin/", "origin/"))


class Branch(NamedTuple):
    """Where the commit of a promotion goes.

    Attributes:
        name: The branch.
        has_it: An unmerged branch that already has this promotion, as people write it; empty for none.
    """

    name: str
    has_it: str = ""


def _tips(repository: Repository, name: str) -> Iterator[tuple[str, str]]:
    for prefix, shown in _PLACES:
        tip = find_tip(repository.git, f"{prefix}{name}")
        if tip is not None:
            yield f"{shown}{name}", tip


def _holds(repository: Repository, commit: str, version: VersionView, stage: str) -> bool:
    """True for a commit that HEAD does not have, in which the stage is at the version."""
    if not repository.git.run("rev-list", "-1", "--end-of-options", commit, "^HEAD", "--"):
        return False
    model = Catalog(repository.tree(commit)).model(version.model.name)
    document = None if model is None else model.alias(stage)
    return document is not None and text(document.data, "version") == version.version


def branch_for(repository: Repository, version: VersionView, stage: str) -> Branch:
    """``promote/MODEL-VERSION-STAGE``, with a number appended if another branch has that name.

    Args:
        repository: The registry; it has a commit.
        version: The version.
        stage: The stage.
    """
    first = _NO_BRANCH.sub("-", f"promote/{version.model.name}-{version.version}-{stage}")
    name, number = first, 1
    while tips := [*_tips(repository, name)]:
        for shown, tip in tips:
            if _holds(repository, tip, version, stage):
                return Branch(name, shown)
        number += 1
        name = f"{first}-{number}"
    return Branch(name)
