"""What a reviewer wants to know of a change: what it does, and how what it brings compares with what is there.

A new version is held against the one it follows and against what is in production; a version that an alias comes to,
against the one it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from registry_tool.catalog.catalog import Catalog, ModelView, VersionView
from registry_tool.catalog.compare import Comparison, Row, compare, compare_files
from registry_tool.catalog.diff import between
from registry_tool.catalog.events import AliasEvent, Event, VersionEvent
from registry_tool.catalog.resolve import in_order
from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.data import member
from registry_tool.names import ModelName

__all__ = ["Against", "Review", "Versus", "review"]

_PRODUCTION: Final = "production"
_MOST: Final = 20  # a change with more versions than that is not reviewed one by one


class Against(NamedTuple):
    """One version that another is held against.

    Attributes:
        version: Which.
        role: What it is, such as ``the version before`` or ``now in production``.
        comparison: It on the left, the version under review on the right.
        files: Files inside of folders, likewise.
    """

    version: str
    role: str
    comparison: Comparison
    files: tuple[Row, ...] = ()


class Versus(NamedTuple):
    """One version under review.

    Attributes:
        model: Its model.
        version: Which.
        why: ``new``, or the alias that comes to it.
        alone: It compared with itself: what it has where there is nothing to compare with.
        others: What it is held against; each version once.
        unreadable: Why there is no comparison; empty where there is one.
    """

    model: str
    version: str
    why: str
    alone: Comparison | None
    others: tuple[Against, ...] = ()
    unreadable: str = ""


class Review(NamedTuple):
    """A change, as a reviewer is told of it.

    Attributes:
        events: What it does, in the order of reading.
        versions: Comparisons, as far as they are made.
        more: How many versions were left without one.
    """

    events: tuple[Event, ...]
    versions: tuple[Versus, ...]
    more: int = 0


def _stages(catalog: Catalog) -> list[str]:
    """The aliases that may mean production: the name itself, else the last stage."""
    return [_PRODUCTION, *list(member(catalog.settings, "stages"))[-1:]]


def _in_production(base: Catalog, model: ModelView) -> tuple[str, str] | None:
    """The alias and the version that were in production before the change."""
    before = base.model(model.name)
    held = {} if before is None else before.alias_targets()
    return next(((alias, held[alias]) for alias in _stages(base) if alias in held), None)


def _before(model: ModelView, version: str) -> str | None:
    order = in_order(model)
    place = order.index(version) if version in order else 0
    return order[place - 1] if place else None


def _against(base: Catalog, model: ModelView, event: Event) -> Iterator[tuple[str, str]]:
    """Versions to hold it against, with what each is."""
    if isinstance(event, AliasEvent):
        if event.before:
            yield event.before, f"now in {event.alias}"
        return
    previous = _before(model, event.version) if isinstance(event, VersionEvent) else None
    if previous is not None:
        yield previous, "the version before"
    production = _in_production(base, model)
    if production is not None:
        yield production[1], f"now in {production[0]}"


def _find_version(base: Catalog, model: ModelView, version: str) -> VersionView | None:
    """A version as it is after the change; where the change takes it away, as it was."""
    view = model.version(version)
    if view is not None:
        return view
    before = base.model(model.name)
    return None if before is None else before.version(version)


def _others(base: Catalog, view: VersionView, event: Event) -> tuple[Against, ...]:
    roles: dict[str, list[str]] = {}
    for version, role in _against(base, view.model, event):
        if version != view.version:
            roles.setdefault(version, []).append(role)
    others = []
    for version, words in roles.items():
        other = _find_version(base, view.model, version)
        try:
            if other is not None:
                found = compare(other, view), compare_files(other, view)
                others.append(Against(version, ", ".join(words), *found))
        except InvalidManifestError:
            continue  # the check says what is wrong with it
    return tuple(others)


def _versus(base: Catalog, head: Catalog, event: VersionEvent | AliasEvent) -> Versus | None:
    version = event.version or ""
    model = head.model(ModelName(*event.model.split("/", 1)))
    view = None if model is None else model.version(version)
    if view is None:
        return None
    why = "new" if isinstance(event, VersionEvent) else event.alias
    try:
        alone = compare(view, view)
    except InvalidManifestError as exc:
        return Versus(event.model, version, why, None, unreadable=exc.message)
    return Versus(event.model, version, why, alone, _others(base, view, event))


def _subjects(events: list[Event]) -> Iterator[VersionEvent | AliasEvent]:
    """New versions, and the old ones that an alias comes to."""
    new = set()
    for event in events:
        if isinstance(event, VersionEvent) and event.act == "added":
            new.add(event.reference)
            yield event
    aliases = (event for event in events if isinstance(event, AliasEvent))
    for alias in aliases:
        if alias.act in {"added", "moved"} and f"{alias.model}@{alias.version}" not in new:
            yield alias


def review(base: Catalog, head: Catalog) -> Review:
    """What a change does.

    Args:
        base: The registry without it.
        head: The registry with it.
    """
    events = between(base, head)
    subjects = list(_subjects(events))
    versions = [_versus(base, head, event) for event in subjects[:_MOST]]
    found = tuple(versus for versus in versions if versus is not None)
    return Review(tuple(events), found, max(0, len(subjects) - _MOST))
