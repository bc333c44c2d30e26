"""Which commit gives an answer: what a program that reads a work tree may write down and ask again."""

from __future__ import annotations

from registry_tool.catalog.index import Catalog
from registry_tool.catalog.resolve import Resolved, resolve
from registry_tool.errors import RegistryError

__all__ = ["is_answer_of"]


def is_answer_of(catalog: Catalog, resolved: Resolved) -> bool:
    """True when a catalog gives the same answer: the same version, state, record and registry settings.

    Args:
        catalog: Of a commit.
        resolved: What another state of the registry, such as a work tree, answered.
    """
    try:
        other = resolve(catalog, resolved.reference, allow_withdrawn=True)
    except RegistryError:
        return False
    ours, theirs = resolved.version, other.version
    same = (resolved.via, resolved.state, ours.version) == (other.via, other.state, theirs.version)
    pairs = (
        (ours.document, theirs.document),
        (ours.status, theirs.status),
        (ours.model.catalog.registry, catalog.registry),
    )
    return same and all((a and a.source) == (b and b.source) for a, b in pairs)
