"""One file in two states, and the event that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from registry_tool.catalog.events import (
    Act,
    AliasEvent,
    ArtifactEvent,
    CardEvent,
    Event,
    EvidenceEvent,
    FileEvent,
    MetadataEvent,
    ModelEvent,
    NamespaceEvent,
    PolicyEvent,
    StatusEvent,
    Stored,
    TagEvent,
    VersionEvent,
    WaiverEvent,
)
from registry_tool.manifests.data import Data, records, text, texts
from registry_tool.manifests.layout import Place
from registry_tool.manifests.metrics import last_values

__all__ = ["Pair", "event_of"]

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


def _named(data: Data | None) -> str | None:
    return None if data is None else text(data, "version")


def _pointer_act(pair: Pair) -> Act:
    if pair.act == "edited" and _named(pair.before) != _named(pair.after):
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


def _stored(entry: Data) -> Stored:
    size = entry.get("size")
    return Stored(
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
        artifacts=tuple(_stored(entry) for entry in records(data, "artifacts")),
        metrics=last_values(records(data, "metrics")), fields=_edited_fields(pair),
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
    return EvidenceEvent(
        path=pair.path, act=pair.act, model=str(place.model), version=place.version or "",
        evidence=place.name, evidence_kind=text(data, "kind"), evidence_by=text(data, "by"),
        topic=next((topic for topic in topics if topic), ""),
        verdict=text(data, "verdict") or text(data, "decision"),
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
        version=_named(pair.after), before=_named(pair.before),
    )  # fmt: skip


def _alias(pair: Pair, place: Place) -> Event:
    return AliasEvent(
        path=pair.path, act=_pointer_act(pair), model=str(place.model), alias=place.name,
        version=_named(pair.after), before=_named(pair.before),
        pinned=pair.new.get("pinned") is True, reason=text(pair.new, "reason"),
    )  # fmt: skip


def _waiver(pair: Pair, place: Place) -> Event:
    data = pair.told
    return WaiverEvent(
        path=pair.path, act=pair.act, waiver=place.name, rule=text(data, "rule"),
        waived=text(data, "subject"), reason=text(data, "reason"), expires=text(data, "expires"),
        approved_by=text(data, "approved_by"),
    )  # fmt: skip


def _file(pair: Pair, _: Place) -> Event:
    return FileEvent(path=pair.path, act=pair.act)


_MAKERS: Final[Mapping[str, Callable[[Pair, Place], Event]]] = {
    "registry": _policy, "namespace": _namespace, "model": _model, "version": _version,
    "status": _status, "evidence": _evidence, "metadata": _metadata, "card": _card,
    "dvc": _artifact, "tag": _tag, "alias": _alias, "waiver": _waiver, "recipients": _file, "key": _file,
}  # fmt: skip


def event_of(pair: Pair) -> Event:
    """What happened to one file."""
    if pair.place is None:
        return FileEvent(path=pair.path, act=pair.act)
    return _MAKERS[pair.place.kind](pair, pair.place)
