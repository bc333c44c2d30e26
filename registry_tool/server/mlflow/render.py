"""Models and versions as MLflow's JSON; kept until a record changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import orjson

from registry_tool.integrations.mlflow_mapping import (
    API,
    NO_DESCRIPTION,
    STAGES,
    read_origin,
    read_stage,
    render_tags,
)
from registry_tool.live.ids import BRANCH_START
from registry_tool.live.parts import encode
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.mlflow.lookup import Lookup
from registry_tool.server.views import SubjectView

__all__ = ["MODEL_TOUCHED", "PROXY_ROOT", "VERSION_TOUCHED", "Renderer", "proxy_folder"]

VERSION_TOUCHED: Final = ("record", "metadata", "wire", "status", "title")
"""The kinds of files whose change is one of the version."""
MODEL_TOUCHED: Final = ("record", "wire", "status", "title", "versions", "stages")
"""The kinds of files whose change is one of the model; a new version and a move to a stage count."""
PROXY_ROOT: Final = "registry"
"""The folder of the artifact proxy with the files of versions."""

_MOST_BYTES: Final = 12 << 20
_OVERHEAD: Final = 400  # of one that is kept, besides its bytes
_MOST_LATEST: Final = 20_000
_MOST_METRICS: Final = 1000


def proxy_folder(version: VersionRecord) -> str:
    """The folder of the artifact proxy that has a version's files."""
    return f"{PROXY_ROOT}/{version.model.namespace}/{version.model.name}/{version.version}"


class _Kept(NamedTuple):
    """What was rendered, and what it was made from."""

    record: VersionRecord | ModelRecord
    policy: bytes
    others: tuple[object, ...]
    source: bytes


class _Latest(NamedTuple):
    """The latest versions of a model, and what says so."""

    model: ModelRecord
    policy: bytes
    ids: tuple[int, ...]


def _is_named_alike(one: ModelRecord, other: ModelRecord) -> bool:
    """True where two states of a model show a version alike."""
    return (
        one.title == other.title
        and one.touched.title == other.touched.title
        and (one.titles is other.titles or one.titles == other.titles)
    )


def _filled(data: Mapping[str, object]) -> dict[str, object]:
    """The data without empty fields, which MLflow leaves out."""
    return {key: value for key, value in data.items() if value not in ("", None, [])}


def _metrics(record: Data) -> list[JSON]:
    found: list[JSON] = []
    for entry in records(record, "metrics")[:_MOST_METRICS]:
        value = entry.get("value")
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        found.append(
            {
                "key": text(entry, "key"),
                "value": value,
                "timestamp": whole(entry, "timestamp"),
                "step": whole(entry, "step"),
            }
        )
    return found


def _params(record: Data) -> list[JSON]:
    return [
        {"name": key, "value": value if isinstance(value, str) else orjson.dumps(value).decode()}
        for key, value in member(record, "parameters").items()
    ]


class Renderer:
    """Renders records; safe for one thread."""

    def __init__(self) -> None:
        self._kept: dict[int, _Kept] = {}
        self._bytes = 0
        self._latest: dict[int, _Latest] = {}

    def _keep(self, kept: _Kept) -> bytes:
        number = kept.record.id
        if number:
            self._drop(number)
            self._kept[number] = kept
            self._bytes += len(kept.source) + _OVERHEAD
            while self._bytes > _MOST_BYTES:
                self._drop(next(iter(self._kept)))
        return kept.source

    def _drop(self, number: int) -> None:
        former = self._kept.pop(number, None)
        if former is not None:
            self._bytes -= len(former.source) + _OVERHEAD

    def version(self, lookup: Lookup, version: VersionRecord) -> bytes:
        """A version as JSON."""
        snapshot = lookup.snapshot
        model, policy = snapshot.models[version.model], snapshot.serve
        kept = self._kept.get(version.id)
        if kept is not None and kept.record is version and kept.policy is policy:
            known = kept.others[0]
            if known is model or (isinstance(known, ModelRecord) and _is_named_alike(known, model)):
                return kept.source
        source = encode(self._version_data(lookup, model, version))
        return self._keep(_Kept(version, policy, (model,), source))

    def model(self, lookup: Lookup, model: ModelRecord) -> bytes:
        """A model as JSON, with the latest version of each stage."""
        policy, latest = lookup.snapshot.serve, self.latest(lookup, model)
        kept = self._kept.get(model.id)
        if kept is not None and kept.record is model and kept.policy is policy:
            pairs = zip(kept.others, latest, strict=False)
            if len(kept.others) == len(latest) and all(one is other for one, other in pairs):
                return kept.source
        source = encode(self._model_data(lookup, model, latest))
        return self._keep(_Kept(model, policy, tuple(latest), source))

    def stage(self, lookup: Lookup, version: VersionRecord) -> str:
        """The stage of a version."""
        wire = member(version.file("wire.yaml"), API)
        return read_stage(wire, version.state, version.aliases, lookup.stage_aliases())

    def latest(self, lookup: Lookup, model: ModelRecord) -> list[VersionRecord]:
        """The version with the highest number of each stage, in the order of the stages."""
        policy, found = lookup.snapshot.serve, self._latest.get(model.id)
        # A model's record is another one after a new version, a move to a stage, or a change of an alias or a state.
        if found is None or found.model is not model or found.policy != policy:
            found = _Latest(model, policy, self._find_latest(lookup, model))
            while len(self._latest) >= _MOST_LATEST:
                del self._latest[next(iter(self._latest))]
            self._latest[model.id] = found
        records = (lookup.snapshot.records.get(number) for number in found.ids)
        return [record for record in records if isinstance(record, VersionRecord)]

    def _find_latest(self, lookup: Lookup, model: ModelRecord) -> tuple[int, ...]:
        found: dict[str, tuple[int, int]] = {}
        for version in lookup.snapshot.versions(model):
            stage, number = self.stage(lookup, version), lookup.snapshot.number(version)
            if number > found.get(stage, (-1, 0))[0]:
                found[stage] = number, version.id
        return tuple(found[stage][1] for stage in STAGES if stage in found)

    def _version_data(
        self, lookup: Lookup, model: ModelRecord, version: VersionRecord
    ) -> dict[str, object]:
        snapshot, record = lookup.snapshot, version.data
        wire = member(version.file("wire.yaml"), API)
        origin = read_origin(record, wire, f"mlflow-artifacts:/{proxy_folder(version)}")
        position = max(version.touched.last(*VERSION_TOUCHED), model.touched.title)
        said = text(version.file("metadata.yaml"), "description") or text(record, "description")
        status, message = _status(lookup.view, version)
        tags: list[JSON] = [dict(tag) for tag in render_tags(version.metadata)]
        aliases: list[JSON] = [model.titles.get(alias, alias) for alias in version.aliases]
        found: dict[str, JSON] = {
            "name": lookup.model_name(model),
            "version": str(snapshot.number(version)),
            "creation_timestamp": snapshot.created(version),
            "last_updated_timestamp": snapshot.time(position),
            "user_id": text(record, "author"),
            "current_stage": read_stage(
                wire, version.state, version.aliases, lookup.stage_aliases()
            ),
            "description": "" if text(wire, "description") == NO_DESCRIPTION else said,
            "source": origin.source,
            "run_id": origin.run_id,
            "status": status,
            "status_message": message,
            "tags": tags,
            "run_link": origin.run_link,
            "aliases": aliases,
            "model_id": origin.model_id,
            "model_params": _params(record),
            "model_metrics": _metrics(record),
        }
        return _filled(found)

    def _model_data(
        self, lookup: Lookup, model: ModelRecord, latest: list[VersionRecord]
    ) -> dict[str, object]:
        snapshot = lookup.snapshot
        wire = member(model.file("wire.yaml"), API)
        tags: list[JSON] = [dict(tag) for tag in render_tags(model.metadata)]
        aliases: list[JSON] = []
        for alias in sorted({*model.aliases, *model.reserved}):
            version = snapshot.alias(model, alias)
            if version is not None:
                shown = model.titles.get(alias, alias)
                aliases.append({"alias": shown, "version": str(snapshot.number(version))})
        found: dict[str, object] = {
            "name": lookup.model_name(model),
            "creation_timestamp": snapshot.created(model),
            "last_updated_timestamp": snapshot.changed(model, *MODEL_TOUCHED),
            "description": text(model.data, "description"),
            "latest_versions": [orjson.Fragment(self.version(lookup, one)) for one in latest],
            "tags": tags,
            "aliases": aliases,
            "deployment_job_id": text(wire, "deployment_job_id"),
        }
        return _filled(found)


def _status(view: SubjectView, version: VersionRecord) -> tuple[str, str]:
    """The status of a version, and why it is not READY, or what is proposed of it."""
    branch = view.branch(version)
    if view.is_conflict(version):
        return (
            "FAILED_REGISTRATION",
            f"another version {version.version} of {version.model} was published; this one is on {branch}: register it again",
        )
    if branch and version.id >= BRANCH_START:
        return "PENDING_REGISTRATION", f"proposed on {branch}; it is READY once that is merged"
    if version.is_draft:
        return (
            "PENDING_REGISTRATION",
            f"a draft; seal it: registry seal {version.model}@{version.version}",
        )
    if version.state in {"withdrawn", "erased"}:
        reason = text(version.file("status.yaml"), "reason")
        return "FAILED_REGISTRATION", f"{version.state}: {reason}".rstrip(": ")
    return "READY", f"a change of it is proposed on {branch}" if branch else ""
