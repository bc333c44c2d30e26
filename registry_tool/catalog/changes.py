"""From files that differ to what happened: pairs of manifests in, events out.

What a new or removed version brings or takes along (pointers, card, metadata) is part of that one event; everything
else is an event of its own. The order is that of reading: policy, then each model with what it is, what it has and
what its names mean, then the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.pairs import Pair, event_of
from registry_tool.git.tree import EXECUTABLE, FILE, differences
from registry_tool.manifests.data import Data, text
from registry_tool.manifests.layout import MANIFEST_KINDS, Place

if TYPE_CHECKING:
    from registry_tool.catalog.events import Act, Event
    from registry_tool.catalog.index import Catalog
    from registry_tool.git.tree import Change, Entry

__all__ = ["between", "events_of", "has_data"]

_NOTHING: Final[Data] = {}
_RANK: Final = (
    "namespace", "model", "version", "artifact", "status", "metadata", "card", "evidence", "tag", "alias",
)  # fmt: skip
_AROUND: Final = {"policy": 0, "waiver": 2, "file": 3}
# What goes with a version's record, or with a model's, and is no event of its own then.
_WITH_RECORD: Final = frozenset({"dvc", "card", "metadata", "key"})
_WITH_REMOVAL: Final = _WITH_RECORD | {"status", "evidence"}


def _records(pairs: Iterable[Pair], act: Act) -> set[tuple[str, str | None]]:
    """The versions whose record came or went, and with None the models."""
    return {
        (str(pair.place.model), pair.place.version)
        for pair in pairs
        if pair.place is not None and pair.place.kind in {"version", "model"} and pair.act == act
    }


def _erased(pairs: Iterable[Pair]) -> set[tuple[str, str | None]]:
    return {
        (str(pair.place.model), pair.place.version)
        for pair in pairs
        if pair.place is not None and pair.place.kind == "status"
        if text(pair.new, "state") == "erased"
    }


def _order(event: Event) -> tuple[int, str, int, str]:
    if event.kind in _RANK:
        name = event.reference.partition("@")[0]
        return (1, name, _RANK.index(event.kind), event.path)
    return (_AROUND[event.kind], "", 0, event.path)


def events_of(pairs: Iterable[Pair]) -> list[Event]:
    """What happened between the two states of some files, in the order of reading."""
    found = list(pairs)
    came, went, erased = _records(found, "added"), _records(found, "removed"), _erased(found)

    def goes_with_it(pair: Pair) -> bool:
        place = pair.place
        if place is None:
            return False
        whose = (str(place.model), place.version)
        if pair.act == "added":
            return whose in came and place.kind in _WITH_RECORD
        if pair.act == "edited":
            return False
        bytes_erased = whose in erased and place.kind == "dvc"
        return bytes_erased or (whose in went and place.kind in _WITH_REMOVAL)

    return sorted((event_of(pair) for pair in found if not goes_with_it(pair)), key=_order)


def has_data(place: Place | None, entry: Entry) -> bool:
    """True for a file whose content an event tells: a manifest that is a plain file."""
    kind = "" if place is None else place.kind
    return kind in MANIFEST_KINDS and kind != "dvc" and entry.mode in (FILE, EXECUTABLE)


def _side(catalog: Catalog, path: str, place: Place | None, entry: Entry | None) -> Data | None:
    if entry is None:
        return None
    if place is None or not has_data(place, entry):
        return _NOTHING
    document = catalog.document(path, place)
    return _NOTHING if document is None or document.data is None else document.data


def _is_same(base: Catalog, head: Catalog, change: Change) -> bool:
    """True for a file that only seemed to differ, because nobody had computed its id."""
    path, before, after = change
    if before is None or after is None or before.mode != after.mode or (before.oid and after.oid):
        return False
    return base.tree.read(path) == head.tree.read(path)


def between(base: Catalog, head: Catalog) -> list[Event]:
    """What happened between two states of a registry, in the order of reading."""
    changes = list(differences(base.tree, head.tree))
    base.tree.prefetch(change.path for change in changes if change.base is not None)
    head.tree.prefetch(change.path for change in changes if change.head is not None)
    pairs = []
    for change in changes:
        if _is_same(base, head, change):
            continue
        path, place = change.path, head.layout.locate(change.path)
        old, new = _side(base, path, place, change.base), _side(head, path, place, change.head)
        pairs.append(Pair(path, place, old, new))
    return events_of(pairs)
