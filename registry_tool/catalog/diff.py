"""One file in two states, and the event that it is.

From files that differ to what happened: pairs of manifests in, events out.

What a new or removed version brings or takes along (pointers, card, metadata) is part of that one event; everything
else is an event of its own. The order is that of reading: policy, then each model with what it is, what it has and
what its names mean, then the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple

from registry_tool.catalog.events import (
    Act,
    AliasEvent,
    ArtifactEvent,
    CardEvent,
    DeletionEvent,
    DraftEvent,
    Event,
    EvidenceEvent,
    FileEvent,
    MetadataEvent,
    ModelEvent,
    ModelEvidenceEvent,
    NamespaceEvent,
    ObjectEvent,
    PolicyEvent,
    StatusEvent,
    StoredEvent,
    TagEvent,
    TitleEvent,
    VersionEvent,
    WaiverEvent,
    WireEvent,
)
from registry_tool.git.tree import EXECUTABLE, FILE, differences
from registry_tool.manifests.data import Data, last_values, records, text, texts
from registry_tool.manifests.layout import MANIFEST_KINDS, Place

if TYPE_CHECKING:
    from registry_tool.catalog.catalog import Catalog
    from registry_tool.catalog.events import Act, Event
    from registry_tool.git.tree import Entry, TreeChange

__all__ = [
    "Pair",
    "between",
    "classify_event",
    "has_data",
    "list_events",
]

_NOTHING: Final[Data] = {}


class Pair(NamedTuple):
    """One file in two states.

    Attributes:
        path: The file.
        place: What it is about; None outside the layout.
        before: Its data; None where there was no such file, empty where it could not be read or is no manifest.
        after: Likewise, now.
    """

    path: str
    place: Place | None
    before: Data | None
    after: Data | None

    @property
    def act(self) -> Act:
        """What happened to the file."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "edited"

    @property
    def old(self) -> Data:
        """The data before; empty where there is none."""
        return _NOTHING if self.before is None else self.before

    @property
    def new(self) -> Data:
        """The data now; empty where there is none."""
        return _NOTHING if self.after is None else self.after

    @property
    def told(self) -> Data:
        """The data that tells what it is: what is there now, else what was."""
        return self.old if self.after is None else self.new


def _differing(old: Data, new: Data) -> tuple[str, ...]:
    """Names of the members that differ; of mappings, those inside: ``stages.production``."""
    found: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        inner = [side for side in (before, after) if isinstance(side, dict)]
        if inner and all(isinstance(side, dict) or side is None for side in (before, after)):
            names = sorted({name for side in inner for name in side})
            sides = [side if isinstance(side, dict) else {} for side in (before, after)]
            found += [f"{key}.{n}" for n in names if sides[0].get(n) != sides[1].get(n)]
        else:
            found.append(key)
    return tuple(found)


def _edited_fields(pair: Pair) -> tuple[str, ...]:
    return _differing(pair.old, pair.new) if pair.act == "edited" else ()


def _read_name(data: Data | None) -> str | None:
    return None if data is None else text(data, "version")


def _pointer_act(pair: Pair) -> Act:
    if pair.act == "edited" and _read_name(pair.before) != _read_name(pair.after):
        return "moved"
    return pair.act


def _policy(pair: Pair, _place: Place) -> Event:
    return PolicyEvent(path=pair.path, act=pair.act, fields=_edited_fields(pair))


def _namespace(pair: Pair, place: Place) -> Event:
    return NamespaceEvent(
        path=pair.path, act=pair.act, namespace=place.name,
        owners=tuple(texts(pair.told, "owners")), fields=_edited_fields(pair),
    )  # fmt: skip


def _model(pair: Pair, place: Place) -> Event:
    return ModelEvent(
        path=pair.path, act=pair.act, model=str(place.model), owner=text(pair.told, "owner"),
        task=text(pair.told, "task"), fields=_edited_fields(pair),
    )  # fmt: skip


def _make_stored(entry: Data) -> StoredEvent:
    size = entry.get("size")
    return StoredEvent(
        name=text(entry, "name"), role=text(entry, "role"),
        size=size if isinstance(size, int) else None,
        sha256=text(entry, "sha256"), uri=text(entry, "uri"),
    )  # fmt: skip


def _version(pair: Pair, place: Place) -> Event:
    data = pair.told
    return VersionEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version or "",
        author=text(data, "author"), framework=text(data, "framework", "type"),
        framework_version=text(data, "framework", "version"),
        artifacts=tuple(_make_stored(entry) for entry in records(data, "artifacts")),
        metrics=last_values(records(data, "metrics")), fields=_edited_fields(pair),
    )  # fmt: skip


def _draft(pair: Pair, place: Place) -> Event:
    return DraftEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version or "",
        fields=_edited_fields(pair),
    )  # fmt: skip


def _status(pair: Pair, place: Place) -> Event:
    # Without the file a version is active.
    before, state = text(pair.old, "state") or "active", text(pair.new, "state") or "active"
    return StatusEvent(
        path=pair.path, act="edited" if before == state else "changed", model=str(place.model),
        version=place.version or "", state=state, before=before, reason=text(pair.new, "reason"),
        replaced_by=text(pair.new, "replaced_by"),
    )  # fmt: skip


def _evidence(pair: Pair, place: Place) -> Event:
    data = pair.told
    topics = (text(data, "suite"), text(data, "stage"), text(data, "tool"), text(data, "format"))
    topic = next((topic for topic in topics if topic), "")
    verdict = text(data, "verdict") or text(data, "decision")
    if place.version is None:
        return ModelEvidenceEvent(
            path=pair.path, act=pair.act, model=str(place.model), evidence=place.name,
            evidence_kind=text(data, "kind"), evidence_by=text(data, "by"), topic=topic, verdict=verdict,
        )  # fmt: skip
    return EvidenceEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version,
        evidence=place.name, evidence_kind=text(data, "kind"), evidence_by=text(data, "by"),
        topic=topic, verdict=verdict,
    )  # fmt: skip


def _metadata(pair: Pair, place: Place) -> Event:
    return MetadataEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version or "",
        fields=tuple(f for f in _differing(pair.old, pair.new) if f != "schema"),
    )  # fmt: skip


def _card(pair: Pair, place: Place) -> Event:
    return CardEvent(path=pair.path, act=pair.act, model=str(place.model), version=place.version)


def _artifact(pair: Pair, place: Place) -> Event:
    return ArtifactEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version,
        artifact=place.name,
    )  # fmt: skip


def _tag(pair: Pair, place: Place) -> Event:
    return TagEvent(
        path=pair.path, act=_pointer_act(pair), model=str(place.model), tag=place.name,
        version=_read_name(pair.after), before=_read_name(pair.before),
    )  # fmt: skip


def _alias(pair: Pair, place: Place) -> Event:
    return AliasEvent(
        path=pair.path, act=_pointer_act(pair), model=str(place.model), alias=place.name,
        version=_read_name(pair.after), before=_read_name(pair.before),
        pinned=pair.new.get("pinned") is True, reason=text(pair.new, "reason"),
    )  # fmt: skip


def _waiver(pair: Pair, place: Place) -> Event:
    data = pair.told
    return WaiverEvent(
        path=pair.path, act=pair.act, waiver=place.name, rule=text(data, "rule"),
        waived=text(data, "subject"), reason=text(data, "reason"), expires=text(data, "expires"),
        approved_by=text(data, "approved_by"),
    )  # fmt: skip


def _title(pair: Pair, place: Place) -> Event:
    model = place.name if place.model is None else str(place.model)
    return TitleEvent(
        path=pair.path, act=pair.act,
        named=f"{model}@{place.name}" if place.model is not None and place.name else model,
        title=None if pair.after is None else text(pair.after, "title"),
        before=None if pair.before is None else text(pair.before, "title"),
    )  # fmt: skip


def _wire(pair: Pair, place: Place) -> Event:
    return WireEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version,
        fields=_edited_fields(pair),
    )  # fmt: skip


def _deletion(pair: Pair, place: Place) -> Event:
    return DeletionEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version,
        reason=text(pair.told, "reason"),
    )  # fmt: skip


def _object(pair: Pair, place: Place) -> Event:
    return ObjectEvent(
        path=pair.path, act=pair.act, object=place.name, title=text(pair.told, "title"),
        fields=_edited_fields(pair),
    )  # fmt: skip


def _file(pair: Pair, _: Place) -> Event:
    return FileEvent(path=pair.path, act=pair.act)


_MAKERS: Final[Mapping[str, Callable[[Pair, Place], Event]]] = {
    "registry": _policy, "namespace": _namespace, "model": _model, "version": _version,
    "status": _status, "evidence": _evidence, "metadata": _metadata, "card": _card,
    "dvc": _artifact, "tag": _tag, "alias": _alias, "waiver": _waiver, "recipients": _file, "key": _file,
    "title": _title, "wire": _wire, "deletion": _deletion, "object": _object, "serve": _policy,
}  # fmt: skip


def classify_event(pair: Pair) -> Event:
    """What happened to one file."""
    if pair.place is None:
        return FileEvent(path=pair.path, act=pair.act)
    maker = _draft if pair.place.is_draft else _MAKERS[pair.place.kind]
    return maker(pair, pair.place)


_RANK: Final = (
    "namespace", "model", "model-evidence", "draft", "version", "artifact", "status", "deletion", "metadata", "wire", "card", "evidence",
    "tag", "alias", "title",
)  # fmt: skip
_AROUND: Final = {"policy": 0, "object": 2, "waiver": 2, "file": 3}
# What goes with a version's record, or with a model's, and is no event of its own then.
_WITH_RECORD: Final = frozenset({"dvc", "card", "metadata", "key", "wire"})
_WITH_REMOVAL: Final = _WITH_RECORD | {"status", "evidence"}


def _records(pairs: Iterable[Pair], act: Act) -> set[tuple[str, str | None]]:
    """The versions whose record came or went, and with None the models."""
    return {
        (str(pair.place.model), pair.place.version)
        for pair in pairs
        if pair.place is not None and pair.place.kind in {"version", "model"} and pair.act == act
        if not pair.place.is_draft
    }


def _drafts(pairs: Iterable[Pair]) -> set[tuple[str, str | None]]:
    """The drafts whose record is among the files."""
    return {
        (str(pair.place.model), pair.place.version)
        for pair in pairs
        if pair.place is not None and pair.place.is_draft and pair.place.kind == "version"
    }


def _find_erased(pairs: Iterable[Pair]) -> set[tuple[str, str | None]]:
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


def list_events(pairs: Iterable[Pair]) -> list[Event]:
    """What happened between the two states of some files, in the order of reading."""
    found = list(pairs)
    came, went, erased = _records(found, "added"), _records(found, "removed"), _find_erased(found)
    drafts = _drafts(found)

    def goes_with_it(pair: Pair) -> bool:
        place = pair.place
        if place is None:
            return False
        whose = (str(place.model), place.version)
        if place.is_draft:
            is_sealed = pair.act == "removed" and whose in came
            return is_sealed or (place.kind != "version" and whose in drafts)
        if pair.act == "added":
            return whose in came and place.kind in _WITH_RECORD
        if pair.act == "edited":
            return False
        bytes_erased = whose in erased and place.kind == "dvc"
        return bytes_erased or (whose in went and place.kind in _WITH_REMOVAL)

    return sorted((classify_event(pair) for pair in found if not goes_with_it(pair)), key=_order)


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


def _is_same(base: Catalog, head: Catalog, change: TreeChange) -> bool:
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
    return list_events(pairs)
