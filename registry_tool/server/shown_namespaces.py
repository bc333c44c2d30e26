"""Namespaces by the names that clients give them: any text, for which a path is made."""

from __future__ import annotations

from registry_tool.catalog.shown_names import make_slug
from registry_tool.edits.shown import NewNamespace
from registry_tool.edits.titles import check_title
from registry_tool.live.snapshot import Snapshot

__all__ = ["choose_namespace", "find_namespace", "show_namespace"]


def find_namespace(snapshot: Snapshot, shown: str) -> str | None:
    """The namespace that a client means by a name: one that is shown so, else that of this path; None for none."""
    own = snapshot.namespaces.get(shown)
    if own is not None and own.shown == shown:
        return own.name
    titled = next((one.name for one in snapshot.namespaces.values() if one.title == shown), None)
    return titled or (None if own is None else own.name)


def choose_namespace(snapshot: Snapshot, shown: str, owner: str) -> NewNamespace:
    """The namespace for something new.

    Args:
        snapshot: The state.
        shown: As the client writes it.
        owner: Who owns it if it is new, as an e-mail address.

    Raises:
        InvalidNameError: It is not a title.
    """
    if (found := find_namespace(snapshot, shown)) is not None:
        return NewNamespace(found, owner)
    path = make_slug(check_title(shown), "namespace", lambda name: name in snapshot.namespaces)
    return NewNamespace(path, owner, "" if path == shown else shown)


def show_namespace(snapshot: Snapshot, namespace: str) -> str:
    """The name of a namespace for clients."""
    found = snapshot.namespaces.get(namespace)
    return namespace if found is None else found.shown
