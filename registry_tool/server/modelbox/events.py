"""Events that clients log about an object, and the stream of what changes in a namespace."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import AsyncIterator, Hashable
from typing import Final

from google.protobuf.message import Message

from registry_tool.errors import UsageError
from registry_tool.live.places import locate_spot
from registry_tool.live.records import ModelRecord, ObjectRecord, Record, VersionRecord
from registry_tool.live.snapshot import Snapshot
from registry_tool.manifests.data import get, member, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.events import EventFeed, Position
from registry_tool.server.modelbox.objects import GivenEvent
from registry_tool.server.modelbox.parents import (
    API,
    CHECKPOINT,
    EVENT,
    EXPERIMENT,
    describe_parent,
    model_id,
    version_id,
)
from registry_tool.server.modelbox.values import (
    build,
    build_value,
    build_values,
    read_part,
    read_text,
    read_time,
    read_values,
)
from registry_tool.server.rpc.faces import RpcCall
from registry_tool.server.shown_namespaces import find_namespace

__all__ = ["find_start", "list_events", "read_event", "show_event", "watch"]

_KIND: Final = f"{API}/{EVENT}"
_SECONDS: Final = 10**11
_SPLIT: Final = 1_000_000_000
_CREATED: Final = 1
_UPDATED: Final = 2
# What an object of ours is to a client of ModelBox.
_SHOWN_KINDS: Final = frozenset({EXPERIMENT, CHECKPOINT, EVENT})


def read_event(message: Message, now: int) -> GivenEvent:
    """An event as a client sends it.

    Args:
        message: The event.
        now: The time that counts where it has none, in nanoseconds.

    Raises:
        UsageError: It has no name or no source, or a value is not JSON.
    """
    name, source = read_text(message, "name"), read_text(read_part(message, "source"), "name")
    if not name:
        raise UsageError("the event has no name")
    if not source:
        raise UsageError(f"the event {name[:60]!a} has no source", remedy="set source.name")
    metadata = read_values(read_part(message, "metadata"), "metadata")
    return GivenEvent(name, source, read_time(message, "wallclock_time") or now, metadata)


def _about(record: Record) -> Hashable:
    return text(record.data, "about") or None if isinstance(record, ObjectRecord) else None


def list_events(snapshot: Snapshot, parent: Record, since: int) -> list[ObjectRecord]:
    """The events about a parent since a moment in nanoseconds, by their time."""
    ids = snapshot.indexes.find(_KIND, "about", _about, describe_parent(parent))
    found = [r for r in map(snapshot.records.__getitem__, ids) if isinstance(r, ObjectRecord)]
    late = [record for record in found if whole(record.data, "wallclock") >= since]
    return sorted(late, key=lambda record: (whole(record.data, "wallclock"), record.id))


def show_event(record: ObjectRecord) -> Message:
    """An event as a message."""
    seconds, nanos = divmod(whole(record.data, "wallclock"), _SPLIT)
    metadata = member(record.data, "metadata")
    return build(
        "Event",
        name=text(record.data, "name"),
        source=build("EventSource", name=text(record.data, "source")),
        wallclock_time={"seconds": seconds, "nanos": nanos},
        metadata=build("Metadata", metadata=build_values(metadata)),
    )


def find_start(snapshot: Snapshot, since: int) -> Position:
    """The position after which the events since a moment are.

    Args:
        snapshot: The state.
        since: Seconds since 1970, or milliseconds where the number is too large for that.
    """
    moment = since * 1000 if since < _SECONDS else since
    line = snapshot.line
    first = bisect_left(range(1, len(line) + 1), moment, key=line.time) + 1
    return Position(line.commit(first - 1) if first > 1 else "")


def _subject_data(snapshot: Snapshot, record: Record) -> dict[str, JSON]:
    """What a watcher is told of an object, as it is now."""
    if isinstance(record, ModelRecord):
        return {"type": "model", "id": model_id(record.name), "name": record.shown}
    if isinstance(record, VersionRecord):
        return {
            "type": "model_version",
            "id": version_id(record.model, record.version),
            "model_id": model_id(record.model),
            "name": text(record.data, "name") or snapshot.model_with(record).shown,
            "version": record.shown,
        }
    shown = text(record.data, "name") or record.title
    found: dict[str, JSON] = {"type": record.kind, "id": record.slug, "name": shown}
    if record.kind == CHECKPOINT:
        found["experiment_id"] = record.parent.partition("/")[2]
        found["epoch"] = get(record.data, "epoch")
    return found


def _find_record(snapshot: Snapshot, path: str) -> tuple[Record, str] | None:
    """What a changed file belongs to, and its namespace."""
    spot = locate_spot(snapshot.layout, path)
    if spot is None:
        return None
    if spot.model is not None:
        owner: Record | None = (
            snapshot.version(spot.model, spot.name)
            if spot.owner == "version"
            else snapshot.model(spot.model)
        )
        return None if owner is None else (owner, spot.model.namespace)
    api, _, rest = spot.name.partition("/") if spot.owner == "object" else ("", "", "")
    kind, _, slug = rest.partition("/")
    if api != API or kind not in _SHOWN_KINDS:
        return None
    found = snapshot.object(api, kind, slug)
    return None if found is None else (found, text(found.data, "namespace"))


def _show_change(snapshot: Snapshot, namespace: str, event: dict[str, JSON]) -> Message | None:
    """A CloudEvent as ModelBox tells it; None for one about something else."""
    path = text(event, "data", "path")
    found = _find_record(snapshot, path)
    if found is None or found[1] != namespace:
        return None
    record, _ = found
    is_own = path.endswith(("/model.yaml", "/version.yaml")) or isinstance(record, ObjectRecord)
    is_new = is_own and text(event, "data", "act") == "added"
    is_sealed = isinstance(record, VersionRecord) and text(event, "type").startswith(
        "registry.version."
    )
    created = is_new and not (is_sealed and _was_draft(snapshot, record, event))
    payload = {
        **_subject_data(snapshot, record),
        "change": text(event, "type"),
        "commit": text(event, "data", "commit"),
        "time": text(event, "time"),
    }
    return build(
        "WatchNamespaceResponse",
        event=_CREATED if created else _UPDATED,
        payload=build_value(payload),
    )


def _was_draft(snapshot: Snapshot, record: Record, event: dict[str, JSON]) -> bool:
    """True for a version that existed before the commit that added its file: it was sealed then."""
    position = snapshot.line.position(text(event, "data", "commit"))
    return position is not None and record.touched.created < position


async def watch(call: RpcCall, feed: EventFeed, shown: str, since: int) -> AsyncIterator[Message]:
    """What changes in a namespace since a moment, until the client or the server ends the call.

    A namespace that does not exist yet, or that the caller may not read, is one in which nothing changes.
    """
    async for events in feed.follow(find_start(call.service.snapshot, since)):
        snapshot = call.service.snapshot
        namespace = find_namespace(snapshot, shown)
        if namespace is None or not call.subject.sees(namespace):
            continue
        for event in events:
            message = _show_change(snapshot, namespace, event)
            if message is not None:
                yield message
