"""Models and versions as MLflow's JSON; kept until a record changes."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

# Of what is kept: the versions of a registry of a hundred thousand.
_MOST_BYTES: Final = 88 << 20
_OVERHEAD: Final = 280  # of one that is kept, besides its bytes
# When there is no room, one in eight replaces the oldest ones. Clients that go through more than there is room for,
# again and again, would find nothing that is kept otherwise.
_ADMITTED: Final = 8
_MOST_MODELS: Final = 20_000
_MOST_METRICS: Final = 1000


def proxy_folder(version: VersionRecord) -> str:
    """The folder of the artifact proxy that has a version's files."""
    return f"{PROXY_ROOT}/{version.model.namespace}/{version.model.name}/{version.version}"


@dataclass(slots=True)
class _Setting:
    """What the JSON of all versions of a model says besides their records. With another one, all are other ones.

    Attributes:
        model: The model, or a later record that shows versions alike.
        policy: ``serve.yaml`` and ``registry.yaml`` as JSON, and the namespace whose models have bare names.
        titled: When a title of the model changed last, in milliseconds.
    """

    model: ModelRecord
    policy: tuple[bytes, bytes, str]
    titled: int


class _Rendered(NamedTuple):
    """The JSON of a version or a model, and what it was made from."""

    record: VersionRecord | ModelRecord
    setting: _Setting
    latest: tuple[VersionRecord, ...]
    source: bytes


class _Latest(NamedTuple):
    """The latest versions of a model, and what says so."""

    model: ModelRecord
    setting: _Setting
    ids: tuple[int, ...]


def _is_named_alike(one: ModelRecord, other: ModelRecord) -> bool:
    """True where two states of a model name its versions alike, and number them alike."""
    return (
        one.name == other.name
        and one.title == other.title
        and (one.titles is other.titles or one.titles == other.titles)
        and (one.record is other.record or one.record == other.record)
    )


def _is_same(some: Sequence[object], others: Sequence[object]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


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


class _RenderedRecords:
    """What was rendered, by the id of the record, within a bound.

    Args:
        most: The bytes that it may take.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, _Rendered] = {}
        self._bytes = 0
        self._refused = 0

    def find(self, record: VersionRecord | ModelRecord) -> _Rendered | None:
        """What was rendered of this very record."""
        found = self._kept.get(record.id)
        return found if found is not None and found.record is record else None

    def keep(self, rendered: _Rendered) -> None:
        """Keep it in place of what was rendered of a former record; one without an id is not kept."""
        number, size = rendered.record.id, len(rendered.source) + _OVERHEAD
        if not number:
            return
        self._drop(number)
        if self._bytes + size > self._most:
            self._refused += 1
            if self._refused % _ADMITTED:
                return
        while self._kept and self._bytes + size > self._most:
            self._drop(next(iter(self._kept)))
        self._kept[number] = rendered
        self._bytes += size

    def _drop(self, number: int) -> None:
        former = self._kept.pop(number, None)
        if former is not None:
            self._bytes -= len(former.source) + _OVERHEAD


class Renderer:
    """Renders records; safe for one thread.

    Args:
        most: The bytes that what is kept may take.
    """

    def __init__(self, most: int = _MOST_BYTES) -> None:
        self._rendered = _RenderedRecords(most)
        self._settings: dict[int, _Setting] = {}
        self._latest: dict[int, _Latest] = {}

    def version(self, lookup: Lookup, version: VersionRecord) -> bytes:
        """A version as JSON."""
        model = lookup.snapshot.models[version.model]
        setting, kept = self._setting(lookup, model), self._rendered.find(version)
        if kept is not None and kept.setting is setting:
            return kept.source
        source = encode(self._version_data(lookup, model, version))
        self._rendered.keep(_Rendered(version, setting, (), source))
        return source

    def model(self, lookup: Lookup, model: ModelRecord) -> bytes:
        """A model as JSON, with the latest version of each stage."""
        latest = tuple(self.latest(lookup, model))
        setting, kept = self._setting(lookup, model), self._rendered.find(model)
        if kept is not None and kept.setting is setting and _is_same(kept.latest, latest):
            return kept.source
        source = encode(self._model_data(lookup, model, latest))
        self._rendered.keep(_Rendered(model, setting, latest, source))
        return source

    def _setting(self, lookup: Lookup, model: ModelRecord) -> _Setting:
        """The same one as long as it says the same."""
        snapshot, known = lookup.snapshot, self._settings.get(model.id)
        policy = snapshot.serve, snapshot.settings, lookup.writing
        if known is not None and known.model is model and _is_same(known.policy, policy):
            return known
        titled = snapshot.time(model.touched.title)
        if (
            known is not None
            and (known.titled, known.policy) == (titled, policy)
            and _is_named_alike(known.model, model)
        ):
            known.model, known.policy = model, policy
            return known
        found = _Setting(model, policy, titled)
        while len(self._settings) >= _MOST_MODELS:
            del self._settings[next(iter(self._settings))]
        self._settings[model.id] = found
        return found

    def stage(self, lookup: Lookup, version: VersionRecord) -> str:
        """The stage of a version."""
        wire = member(version.file("wire.yaml"), API)
        return read_stage(wire, version.state, version.aliases, lookup.stage_aliases())

    def latest(self, lookup: Lookup, model: ModelRecord) -> list[VersionRecord]:
        """The version with the highest number of each stage, in the order of the stages."""
        setting, found = self._setting(lookup, model), self._latest.get(model.id)
        # A model's record is another one after a new version, a move to a stage, or a change of an alias or a state.
        if found is None or found.model is not model or found.setting is not setting:
            found = _Latest(model, setting, self._find_latest(lookup, model))
            while len(self._latest) >= _MOST_MODELS:
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
        self, lookup: Lookup, model: ModelRecord, latest: Sequence[VersionRecord]
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
