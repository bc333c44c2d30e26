"""Lock files: references pinned to versions and digests, written, read and resolved again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.api.views import ModelVersion
from registry_tool.artifacts.filesystem import on_disk, remove, temporary_name
from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.lockfile import (
    LOCK_LIMIT,
    Pin,
    pin,
    pinned_version,
    read_lock,
    render_lock,
)
from registry_tool.errors import (
    NotFoundError,
    OperationalError,
    RefusedError,
    UsageError,
    WithdrawnError,
)
from registry_tool.names import Reference

if TYPE_CHECKING:
    from registry_tool.api.snapshot import Snapshot

__all__ = [
    "LockedReferences",
    "Pin",
    "lock",
    "locked_versions",
    "pinned",
    "read_pins",
    "write_lock",
]


def _catalogs(registry: Snapshot, pin: Pin) -> Iterator[Catalog]:
    """The registry, and then, for a version that it no longer has, the commit of the pin."""
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
    """The version that a lock file pins, whatever its reference names today.

    Args:
        registry: The registry.
        pin: The pin.
        label: The lock file's name in messages.

    Raises:
        NotFoundError: The registry does not have the version, and did not have it at the commit of the pin.
        RefusedError: Its record, or an artifact, differs from the pin.
        WithdrawnError: It has been erased.
    """
    view = pinned_version(pin, _catalogs(registry, pin), label)
    state = _state_today(registry, pin)
    if state == "erased":
        raise WithdrawnError(f"{pin.version}, pinned by {label}, is erased")
    notes = () if state == "active" else (f"{pin.version}, pinned by {label}, is {state} today",)
    return ModelVersion(view, fetcher=registry.store.fetch, notes=notes)


def read_pins(path: str) -> list[Pin]:
    """The pins of a lock file.

    Raises:
        NotFoundError: The file does not exist.
        UsageError: It is not a lock file.
        OperationalError: It cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            source = file.read(LOCK_LIMIT + 1)
    except FileNotFoundError as exc:
        raise NotFoundError(
            f"no such lock file: {path}", remedy="create one: registry lock REF"
        ) from exc
    except OSError as exc:
        raise OperationalError(f"cannot read {path}: {exc.strerror}") from exc
    if len(source) > LOCK_LIMIT:
        raise UsageError(f"{path} is larger than {LOCK_LIMIT} bytes, the limit for a lock file")
    return read_lock(source, path)


def locked_versions(
    registry: Snapshot, path: str, reference: str | None = None
) -> list[ModelVersion]:
    """The versions that a lock file pins, or that of one reference.

    Raises:
        UsageError: The file does not pin the reference.
    """
    pins = read_pins(path)
    if reference is not None:
        name = Reference.parse(reference)
        pins = [one for one in pins if one.reference == name]
        if not pins:
            remedy = f"add it: registry lock {name} -o {path}"
            raise UsageError(f"{path} does not pin {name}", remedy=remedy)
    return [pinned(registry, one, path) for one in pins]


@dataclass(frozen=True)
class LockedReferences:
    """References, pinned.

    Attributes:
        registry: The registry's name.
        pins: The pin of each reference, by reference.
        notes: Notes on the resolved versions: deprecated, pinned and so on.
    """

    registry: str
    pins: tuple[Pin, ...]
    notes: tuple[str, ...]


def lock(registry: Snapshot, references: Sequence[str]) -> LockedReferences:
    """Pin references to the version, commit and digests that they name now.

    Raises:
        NotFoundError: A reference names no version.
        RefusedError: A version is not committed, so nothing could find it again.
    """
    pins: dict[str, Pin] = {}
    notes: list[str] = []
    for reference in references:
        found = registry.resolve(reference)
        notes += found.notes
        commit = registry.find_commit(found)
        if commit is None:
            raise RefusedError(
                f"{reference} names a version that is not committed, so it cannot be pinned",
                remedy="commit it, or lock the committed state with --ref HEAD",
            )
        one = pin(found, commit)
        pins[str(one.reference)] = one
    return LockedReferences(
        registry.name, tuple(one for _, one in sorted(pins.items())), tuple(notes)
    )


def write_lock(locked: LockedReferences, path: str) -> None:
    """Write a lock file; it is replaced as a whole.

    Raises:
        OperationalError: It cannot be written.
    """
    data, place = render_lock(locked.registry, locked.pins), Path(path)
    temporary = temporary_name(place.parent, place.name)
    with on_disk(f"cannot write {path}"):
        try:
            temporary.write_bytes(data)
            temporary.replace(place)
        finally:
            remove(temporary)
