"""The versions of a lock file, out of a registry that may have moved on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from registry_tool.api.views import ModelVersion
from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.lockfile import Pin, pinned_version
from registry_tool.errors import NotFoundError, WithdrawnError

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot

__all__ = ["pinned"]


def _catalogs(registry: Snapshot, pin: Pin) -> Iterator[Catalog]:
    """What the registry shows, and only if that does not have it, what it was at the commit of the pin."""
    yield registry.catalog
    try:
        commit = registry.repository.commit(pin.commit)
    except NotFoundError:
        return
    yield Catalog(registry.repository.tree(commit))


def _state_today(registry: Snapshot, pin: Pin) -> str:
    model = registry.catalog.model(pin.version.model)
    view = None if model is None else model.version(pin.version.selector)
    return "gone" if view is None else view.state


def pinned(registry: Snapshot, pin: Pin, label: str) -> ModelVersion:
    """The version that a lock file pins; what its reference means today is not asked.

    Args:
        registry: Where it is.
        pin: The pin.
        label: What messages call the lock file.

    Raises:
        NotFoundError: The registry does not have the version, and did not have it at the commit of the pin.
        RefusedError: Its record, or an artifact, is not the one that was pinned.
        WithdrawnError: It was erased since.
    """
    view = pinned_version(pin, _catalogs(registry, pin), label)
    state = _state_today(registry, pin)
    if state == "erased":
        raise WithdrawnError(f"{pin.version}, pinned by {label}, is erased")
    notes = () if state == "active" else (f"{pin.version}, pinned by {label}, is {state} today",)
    return ModelVersion(view, fetcher=registry.store.fetch, notes=notes)
