"""A catalog in memory, and acts made on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from support.manifests import small_registry

from registry_tool.catalog.catalog import Catalog
from registry_tool.checks.engine import check
from registry_tool.edits.changeset import ChangeSet, Edit, overlaid
from registry_tool.git.tree import DictTree, Tree

Make = Callable[..., tuple[ChangeSet, Catalog]]


@pytest.fixture
def make() -> Make:
    """Makes an act on the small registry and more files; the change set, and the registry as it then is."""

    def made(act: Edit, files: Mapping[str, str] | None = None) -> tuple[ChangeSet, Catalog]:
        base: Tree = DictTree({**small_registry(), **(files or {})})
        change = act(Catalog(base))
        return change, Catalog(overlaid(base, change))

    return made


@pytest.fixture
def refused() -> Callable[[Catalog], list[str]]:
    """What the check refuses in a registry."""
    return lambda catalog: [
        f"{f.path}: {f.rule} {f.message}"
        for f in check(catalog.tree).findings
        if f.severity == "refuse"
    ]
