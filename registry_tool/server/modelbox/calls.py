"""The calls of ``modelbox.ModelStore``."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from google.protobuf.message import Message

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.resolve import find_model as find_view
from registry_tool.edits.annotations import annotate
from registry_tool.edits.changeset import ChangeSet, Edit
from registry_tool.edits.model_fields import update_model
from registry_tool.edits.objects import ObjectName, change_object
from registry_tool.errors import NotFoundError, UsageError
from registry_tool.live.records import ModelRecord, ObjectRecord, VersionRecord
from registry_tool.manifests.data import Data, member
from registry_tool.manifests.problems import JSON
from registry_tool.names import Reference
from registry_tool.server.changes import KnownVersions
from registry_tool.server.events import EventFeed
from registry_tool.server.long_series import LongSeries
from registry_tool.server.modelbox import events, metrics
from registry_tool.server.modelbox.contexts import (
    GivenModel,
    GivenVersion,
    create_model,
    create_version,
)
from registry_tool.server.modelbox.descriptors import (
    CALLS,
    FRAMEWORKS,
    SERVICE,
    message_class,
    message_pool,
)
from registry_tool.server.modelbox.entries import GivenFile, read_file
from registry_tool.server.modelbox.files import list_files, show_file, track_files
from registry_tool.server.modelbox.objects import (
    GivenCheckpoint,
    GivenExperiment,
    create_checkpoint,
    create_experiment,
    log_event,
)
from registry_tool.server.modelbox.parents import (
    API,
    CHECKPOINT,
    EVENT,
    EXPERIMENT,
    Parent,
    checkpoint_id,
    describe_parent,
    experiment_id,
    find_experiment,
    find_model,
    find_parent,
    list_in,
    make_id,
    model_id,
    version_id,
)
from registry_tool.server.modelbox.render import (
    show_checkpoint,
    show_experiment,
    show_model,
    show_times,
    show_version,
)
from registry_tool.server.modelbox.uploads import download, upload
from registry_tool.server.modelbox.values import (
    build,
    build_time,
    build_values,
    read_messages,
    read_number,
    read_numbers,
    read_part,
    read_text,
    read_texts,
    read_time,
    read_values,
    shorten,
)
from registry_tool.server.rpc.faces import Answer, Rpc, RpcCall, RpcFace
from registry_tool.server.service import Service
from registry_tool.server.shown_namespaces import choose_namespace, find_namespace

__all__ = ["build_rpc_face"]

_MOST_TAGS: Final = 100
_MANY: Final = 100  # records that are shown in some milliseconds


def _namespace(call: RpcCall, request: Message) -> str:
    return read_text(request, "namespace") or call.service.writing_namespace(API)


def _known_namespace(call: RpcCall, request: Message) -> str | None:
    """The namespace of a list; None for one that does not exist, or that the caller may not read."""
    found = find_namespace(call.snapshot, _namespace(call, request))
    return found if found is not None and call.subject.sees(found) else None


def _metadata(request: Message) -> dict[str, JSON]:
    return read_values(read_part(request, "metadata"), "metadata")


def _files(request: Message) -> list[GivenFile]:
    found = {file.path: file for file in map(read_file, read_messages(request, "files"))}
    return list(found.values())


def _framework(request: Message) -> str:
    number = read_number(request, "framework")
    if not 0 <= number < len(FRAMEWORKS):
        known = ", ".join(f"{name} {value}" for value, name in enumerate(FRAMEWORKS))
        raise UsageError(f"framework {number} is not known to this server; it knows {known}")
    return FRAMEWORKS[number]


def _name(request: Message, field: str = "name") -> str:
    found = read_text(request, field)
    if not found:
        raise UsageError(f"the {field} is empty")
    return found


def _author(call: RpcCall) -> str:
    return f"{call.subject.name} <{call.subject.email}>"


def _parent(call: RpcCall, request: Message) -> Parent:
    return find_parent(call.snapshot, call.subject, read_text(request, "parent_id"), "parent")


def _gone(what: str) -> NotFoundError:
    return NotFoundError(f"{what} not found: it was removed meanwhile")


async def _show_all(show: Callable[[], list[Message]], number: int) -> list[Message]:
    """The messages of a list; a long one is made in a thread, so that other calls do not wait for it."""
    return await asyncio.to_thread(show) if number > _MANY else show()


# --- models and versions


async def _create_model(call: RpcCall, request: Message) -> Message:
    name = _name(request)
    namespace = choose_namespace(call.snapshot, _namespace(call, request), call.subject.email)
    owner, task, said = (read_text(request, one) for one in ("owner", "task", "description"))
    given = GivenModel(name, owner, task, said, _metadata(request), _files(request))
    edit = create_model(namespace, given, owner=_author(call))
    await call.write(edit, namespace.name)
    snapshot = call.snapshot
    found = snapshot.model_shown(namespace.name, name)
    if found is None:
        raise _gone(f"model {name[:60]!a}")
    return build("CreateModelResponse", id=model_id(found.name), **show_times(snapshot, found))


async def _list_models(call: RpcCall, request: Message) -> Message:
    snapshot, namespace = call.snapshot, _known_namespace(call, request)
    found = [one for one in list_in(snapshot, "model", namespace) if isinstance(one, ModelRecord)]
    shown = await _show_all(lambda: [show_model(snapshot, one) for one in found], len(found))
    return build("ListModelsResponse", models=shown)


async def _create_version(call: RpcCall, request: Message) -> Message:
    model = find_model(call.snapshot, call.subject, read_text(request, "model"))
    version, tags = _name(request, "version"), read_texts(request, "unique_tags")
    if len(tags) > _MOST_TAGS or not all(tags):
        raise UsageError(f"at most {_MOST_TAGS} unique tags are possible, and none is empty")
    given = GivenVersion(
        version,
        read_text(request, "name"),
        read_text(request, "description"),
        _framework(request),
        _metadata(request),
        tags,
        _files(request),
    )
    edit = create_version(
        model.name,
        given,
        author=call.subject.name,
        gone=KnownVersions(lambda: call.snapshot).find_gone,
    )
    await call.write(edit, model.name.namespace, about=model.name)
    snapshot = call.snapshot
    found = snapshot.version_shown(model.name, version)
    if found is None:
        raise _gone(f"version {version[:60]!a}")
    number = version_id(found.model, found.version)
    times = show_times(snapshot, found)
    return build("CreateModelVersionResponse", model_version=number, **times)


async def _list_versions(call: RpcCall, request: Message) -> Message:
    snapshot = call.snapshot
    model = find_model(snapshot, call.subject, read_text(request, "model"))
    found = list(snapshot.versions(model))
    shown = await _show_all(lambda: [show_version(snapshot, one) for one in found], len(found))
    return build("ListModelVersionsResponse", models=shown)


# --- experiments and checkpoints


async def _create_experiment(call: RpcCall, request: Message) -> Message:
    namespace = choose_namespace(call.snapshot, _namespace(call, request), call.subject.email)
    given = GivenExperiment(
        _name(request),
        read_text(request, "owner"),
        _framework(request),
        read_text(request, "task"),
        read_text(request, "external_id"),
        _metadata(request),
    )
    written = await call.write(create_experiment(namespace, given), namespace.name)
    number = experiment_id(namespace.name, given.name, given.external_id)
    snapshot = call.snapshot
    found = snapshot.object(API, EXPERIMENT, number)
    if found is None:
        raise _gone("experiment")
    exists = written.commit is None or written.repeated
    times = show_times(snapshot, found)
    return build(
        "CreateExperimentResponse", experiment_id=number, experiment_exists=exists, **times
    )


async def _get_experiment(call: RpcCall, request: Message) -> Message:
    found = find_experiment(call.snapshot, call.subject, read_text(request, "id"))
    return build("GetExperimentResponse", experiment=show_experiment(call.snapshot, found))


async def _list_experiments(call: RpcCall, request: Message) -> Message:
    snapshot, namespace = call.snapshot, _known_namespace(call, request)
    every = list_in(snapshot, f"{API}/{EXPERIMENT}", namespace)
    found = [one for one in every if isinstance(one, ObjectRecord)]
    shown = await _show_all(lambda: [show_experiment(snapshot, one) for one in found], len(found))
    return build("ListExperimentsResponse", experiments=shown)


async def _create_checkpoint(call: RpcCall, request: Message) -> Message:
    experiment = find_experiment(call.snapshot, call.subject, read_text(request, "experiment_id"))
    measured = {key: shorten(one) for key, one in read_numbers(request, "metrics").items()}
    given = GivenCheckpoint(
        read_number(request, "epoch"), measured, _metadata(request), _files(request)
    )
    namespace = str(experiment.data.get("namespace"))
    await call.write(create_checkpoint(experiment, given), namespace)
    number = checkpoint_id(experiment.slug, given.epoch)
    snapshot = call.snapshot
    found = snapshot.object(API, CHECKPOINT, number)
    if found is None:
        raise _gone("checkpoint")
    times = show_times(snapshot, found)
    return build("CreateCheckpointResponse", checkpoint_id=number, **times)


async def _get_checkpoint(call: RpcCall, request: Message) -> Message:
    experiment = find_experiment(call.snapshot, call.subject, read_text(request, "experiment_id"))
    epoch = read_number(request, "epoch")
    found = call.snapshot.object(API, CHECKPOINT, checkpoint_id(experiment.slug, epoch))
    if found is None or not found.is_listed:
        raise NotFoundError(f"the experiment has no checkpoint of epoch {epoch}")
    return build("GetCheckpointResponse", checkpoint=show_checkpoint(call.snapshot, found))


async def _list_checkpoints(call: RpcCall, request: Message) -> Message:
    snapshot = call.snapshot
    experiment = find_experiment(snapshot, call.subject, read_text(request, "experiment_id"))
    every = snapshot.find(f"{API}/{CHECKPOINT}", "parent", f"{EXPERIMENT}/{experiment.slug}")
    found = [one for one in every if isinstance(one, ObjectRecord)]
    shown = await _show_all(lambda: [show_checkpoint(snapshot, one) for one in found], len(found))
    return build("ListCheckpointsResponse", checkpoints=shown)


# --- files


async def _track_artifacts(call: RpcCall, request: Message) -> Message:
    files: dict[str, list[GivenFile]] = {}
    parents: dict[str, Parent] = {}
    for message in read_messages(request, "files"):
        parent = _parent(call, message)
        call.require("write", parent.namespace)
        parents[parent.id] = parent
        files.setdefault(parent.id, []).append(read_file(message))
    edit = track_files(parents, files, _author(call))
    written = await call.write(edit, next(iter(parents.values())).namespace)
    number = sum(map(len, files.values()))
    at = written.time or call.snapshot.line.last_time
    return build("TrackArtifactsResponse", num_files_tracked=number, created_at=build_time(at))


async def _list_artifacts(call: RpcCall, request: Message) -> Message:
    found = list_files(call.snapshot, _parent(call, request).record)
    return build("ListArtifactsResponse", files=[show_file(file) for file in found])


# --- metadata


def _lay_over(parent: Parent, given: dict[str, JSON]) -> Edit:
    """Set keys of the metadata of an object; the others stay."""
    record = parent.record
    if isinstance(record, VersionRecord):
        return annotate(Reference(record.model, record.version), metadata=given)
    if isinstance(record, ModelRecord):
        name = record.name

        def edit(catalog: Catalog) -> ChangeSet:
            before = member(find_view(catalog, name).data, "metadata")
            return update_model(name, {"metadata": {**before, **given}})(catalog)

        return edit

    def change(data: Data) -> dict[str, JSON]:
        return {**data, "metadata": {**member(data, "metadata"), **given}}

    return change_object(ObjectName(record.api, record.kind, record.slug), change)


async def _update_metadata(call: RpcCall, request: Message) -> Message:
    parent, given = _parent(call, request), _metadata(request)
    if not given:
        raise UsageError("the request names no metadata")
    written = await call.write(_lay_over(parent, given), parent.namespace, about=parent.model)
    at = written.time or call.snapshot.line.last_time
    return build("UpdateMetadataResponse", num_keys_written=len(given), updated_at=build_time(at))


async def _list_metadata(call: RpcCall, request: Message) -> Message:
    record = _parent(call, request).record
    found = member(record.data, "metadata") if isinstance(record, ObjectRecord) else record.metadata
    return build("ListMetadataResponse", metadata=build_values(found))


# --- metrics and events


async def _log_metrics(call: RpcCall, request: Message, series: LongSeries) -> Message:
    parent = _parent(call, request)
    point = metrics.read_point(read_text(request, "key"), read_part(request, "value"))
    edit = metrics.log_point(call.snapshot, parent, point, by=_author(call))
    await call.write(edit, parent.namespace, about=parent.model)
    for place in metrics.list_places(call.snapshot, parent.record, point.key):
        series.note(place, call.author)
    return build("LogMetricsResponse")


async def _get_metrics(call: RpcCall, request: Message, series: LongSeries) -> Message:
    snapshot, record = call.snapshot, _parent(call, request).record

    def show() -> list[Message]:
        return metrics.show_points(metrics.list_points(snapshot, record, series))

    # Files may have to be fetched from the remote.
    is_slow = metrics.has_files(snapshot, record)
    return build("GetMetricsResponse", metrics=await asyncio.to_thread(show) if is_slow else show())


async def _log_event(call: RpcCall, request: Message) -> Message:
    parent = _parent(call, request)
    given = events.read_event(read_part(request, "event"), time.time_ns())
    slug, edit = log_event(describe_parent(parent.record), parent.namespace, given)
    await call.write(edit, parent.namespace, about=parent.model)
    snapshot = call.snapshot
    found = snapshot.object(API, EVENT, slug)
    if found is None:
        raise _gone("event")
    return build("LogEventResponse", created_at=build_time(snapshot.created(found)))


async def _list_events(call: RpcCall, request: Message) -> Message:
    record, since = _parent(call, request).record, read_time(request, "since")
    found = events.list_events(call.snapshot, record, since)
    return build("ListEventsResponse", events=[events.show_event(one) for one in found])


async def _get_members(call: RpcCall, _: Message) -> Message:
    service = call.service
    host = socket.gethostname()
    address = urlsplit(service.public_url).netloc
    one = build(
        "ClusterMember",
        id=make_id("member", host, address),
        host_name=host,
        rpc_addr=service.rpc_target,
        http_addr=address,
    )
    return build("GetClusterMembersResponse", members=[one])


_UNARY: Final = {
    "CreateModel": _create_model,
    "ListModels": _list_models,
    "CreateModelVersion": _create_version,
    "ListModelVersions": _list_versions,
    "CreateExperiment": _create_experiment,
    "GetExperiment": _get_experiment,
    "ListExperiments": _list_experiments,
    "CreateCheckpoint": _create_checkpoint,
    "GetCheckpoint": _get_checkpoint,
    "ListCheckpoints": _list_checkpoints,
    "TrackArtifacts": _track_artifacts,
    "ListArtifacts": _list_artifacts,
    "UpdateMetadata": _update_metadata,
    "ListMetadata": _list_metadata,
    "LogEvent": _log_event,
    "ListEvents": _list_events,
    "GetClusterMembers": _get_members,
}


def build_rpc_face(service: Service, feed: EventFeed) -> RpcFace:
    """ModelBox's protocol over a service."""

    async def watch(call: RpcCall, request: Message) -> AsyncIterator[Message]:
        since = read_number(request, "since")
        async for message in events.watch(call, feed, _namespace(call, request), since):
            yield message

    requests = {name: message_class(f"{name}Request") for name in CALLS}
    series = LongSeries(service, API)
    unary: dict[str, Answer] = {
        **_UNARY,
        "LogMetrics": partial(_log_metrics, series=series),
        "GetMetrics": partial(_get_metrics, series=series),
    }
    calls = [Rpc(name, requests[name], answer=answer) for name, answer in unary.items()]
    calls += [
        Rpc("UploadFile", requests["UploadFile"], receive=upload),
        Rpc("DownloadFile", requests["DownloadFile"], stream=download),
        Rpc("WatchNamespace", requests["WatchNamespace"], stream=watch),
    ]
    return RpcFace(
        name=API,
        service_name=SERVICE,
        pool=message_pool(),
        calls=calls,
        instructions=('ModelBox(addr="{target}")',),
    )
