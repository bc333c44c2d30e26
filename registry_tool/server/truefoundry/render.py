"""Models, versions and ML repos as TrueFoundry's JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from registry_tool.live.ids import number_namespace
from registry_tool.live.records import ModelRecord, VersionRecord
from registry_tool.live.times import claimed_time
from registry_tool.manifests.data import Data, member, records, text, whole
from registry_tool.manifests.problems import JSON
from registry_tool.server.truefoundry.manifest import (
    API,
    is_deployable,
    is_readable,
    read_environment,
    read_framework,
    read_source,
)
from registry_tool.server.truefoundry.names import (
    ALIAS,
    FullName,
    name_model,
    name_repo,
    render_full_name,
)
from registry_tool.server.truefoundry.run_values import list_metrics_of_version

if TYPE_CHECKING:
    from registry_tool.access.subjects import Subject
    from registry_tool.server.truefoundry.lookup import Lookup

__all__ = [
    "STORED",
    "render_manifest",
    "render_model",
    "render_subject",
    "render_time",
    "render_version",
    "render_version_name",
    "stored_address",
    "version_alias",
    "write_subject",
]

STORED: Final = "s3://registry.invalid"
"""The address of what the registry has: clients take only those of stores, and the host cannot exist (RFC 2606)."""
VERSION_TOUCHED: Final = ("record", "metadata", "wire", "status", "title", "aliases", "evidence")
_LONGEST_DESCRIPTION: Final = 512
_MOST_METRICS: Final = 1000
_TYPES: Final = {"user": "user", "team": "team", "service": "serviceaccount"}
_CUT: Final = "…"

_DOWNLOAD: Final = """\
import tempfile

from truefoundry.ml import get_client

model_version = get_client().get_model_version_by_fqn({fqn!r})
download = model_version.download(path=tempfile.mkdtemp())
print(download.model_dir)
"""
_READ: Final = """\
from truefoundry import client

model_version = client.model_versions.get_by_fqn(fqn={fqn!r}).data
print(model_version.manifest.source)
"""


def render_time(milliseconds: int) -> str:
    """A time in ISO 8601 with milliseconds, in UTC."""
    moment = dt.datetime.fromtimestamp(milliseconds // 1000, dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def write_subject(subject: Subject) -> str:
    """A subject as TrueFoundry writes it in text: ``user:ada@example.org``."""
    return f"{_TYPES[subject.kind]}:{subject.email}"


def render_subject(written: str, shown: str) -> dict[str, JSON]:
    """Who created something.

    Args:
        written: As ``write_subject`` gives it; empty where another protocol or a person created it.
        shown: The name.
    """
    kind, _, slug = written.partition(":")
    slug = slug or shown or "unknown"
    return {
        "subjectId": slug,
        "subjectType": kind or "user",
        "subjectSlug": slug,
        "subjectDisplayName": shown or slug,
    }


def stored_address(version: VersionRecord) -> str:
    """The address of a version's files for clients that know no other than those of stores."""
    return f"{STORED}/{version.model.namespace}/{version.model.name}/{version.version}"


def version_alias(model: ModelRecord, version: VersionRecord) -> str:
    """The alias that is a version's ``version_alias``: the one that a client named, else the first of its form."""
    shown = [model.titles.get(alias, alias) for alias in version.aliases]
    named = text(member(version.file("wire.yaml"), API), "version_alias")
    if named in shown:
        return named
    return next((alias for alias in shown if ALIAS.fullmatch(alias)), "")


def render_version_name(lookup: Lookup, version: VersionRecord) -> str:
    """The fully qualified name of a version."""
    snapshot = lookup.snapshot
    repo = name_repo(lookup.namespace(version.model.namespace))
    model = name_model(snapshot.model_with(version))
    return render_full_name(FullName(lookup.tenant, repo, model, str(snapshot.number(version))))


def _description(version: VersionRecord, record: Data) -> str:
    said = text(version.file("metadata.yaml"), "description") or text(record, "description")
    if len(said) <= _LONGEST_DESCRIPTION:
        return said
    return said[: _LONGEST_DESCRIPTION - 1] + _CUT


def render_manifest(lookup: Lookup, version: VersionRecord) -> dict[str, JSON]:
    """The manifest of a version; it satisfies every limit that the client checks."""
    record, wire = version.data, member(version.file("wire.yaml"), API)
    model, source = lookup.snapshot.model_with(version), member(record, "source")
    found: dict[str, JSON] = {
        "type": "model-version",
        "name": name_model(model),
        "ml_repo": name_repo(lookup.namespace(version.model.namespace)),
        "version": lookup.snapshot.number(version),
        "metadata": dict(version.metadata),
        "source": dict(read_source(record, wire, stored_address(version))),
        "step": whole(source, "step"),
        "description": _description(version, record) or None,
        "version_alias": version_alias(model, version) or None,
        "run_id": text(wire, "run_id") or text(source, "run_id") or None,
    }
    for name, value in (
        ("framework", read_framework(record, wire)),
        ("environment", read_environment(record, wire)),
    ):
        found[name] = None if value is None else dict(value)
    return {**member(wire, "extra"), **{k: v for k, v in found.items() if v is not None}}


def _timed_metrics(lookup: Lookup, version: VersionRecord) -> Iterator[tuple[Data, int]]:
    """The metrics of a version's record, evidence and run, each with the time that it has if it gives none."""
    created = lookup.snapshot.created(version)
    for entry in records(version.data, "metrics"):
        yield entry, created
    for evidence in version.evidence().values():
        for entry in records(evidence, "metrics"):
            yield entry, claimed_time(text(evidence, "at")) or created
    for entry in list_metrics_of_version(lookup, version):
        yield entry, created


def _metrics(lookup: Lookup, version: VersionRecord) -> list[JSON]:
    found: list[JSON] = []
    for entry, given in _timed_metrics(lookup, version):
        value = entry.get("value")
        if isinstance(value, int | float) and not isinstance(value, bool):
            timestamp, step = whole(entry, "timestamp") or given, whole(entry, "step")
            found.append(
                {"key": text(entry, "key"), "value": value, "timestamp": timestamp, "step": step}
            )
    return found[-_MOST_METRICS:]


def render_version(lookup: Lookup, version: VersionRecord) -> dict[str, JSON]:
    """A version."""
    snapshot, model = lookup.snapshot, lookup.snapshot.model_with(version)
    manifest = render_manifest(lookup, version)
    fqn, source = render_version_name(lookup, version), member(manifest, "source")
    served = version.state not in {"withdrawn", "erased"}
    stored = any("path" in entry for entry in records(version.data, "artifacts"))
    named = text(manifest, "version_alias")
    aliases = [model.titles.get(alias, alias) for alias in version.aliases]
    wire = member(version.file("wire.yaml"), API)
    framework = manifest.get("framework")
    deployable = served and is_readable(version.data, source)
    tags: list[JSON] = [alias for alias in aliases if alias != named]
    return {
        "id": snapshot.uuid(version),
        "fqn": fqn,
        "created_by_subject": render_subject(text(wire, "created_by"), text(version.data, "author")),
        "ml_repo_id": str(number_namespace(version.model.namespace)),
        "model_id": snapshot.uuid(model),
        "created_at": render_time(snapshot.created(version)),
        "updated_at": render_time(snapshot.changed(version, *VERSION_TOUCHED)),
        "manifest": manifest,
        "usage_code_snippet": (_DOWNLOAD if stored and served else _READ).format(fqn=fqn),
        "tags": tags,
        "metrics": _metrics(lookup, version),
        "deployable": deployable
        and is_deployable(framework if isinstance(framework, dict) else None),
    }  # fmt: skip


def render_model(lookup: Lookup, model: ModelRecord) -> dict[str, JSON]:
    """A model with its newest version."""
    snapshot = lookup.snapshot
    namespace = lookup.namespace(model.name.namespace)
    name = name_model(model)
    owner, _, rest = text(model.data, "owner").partition(" <")
    created_by = text(member(model.file("wire.yaml"), API), "created_by")
    versions = [*snapshot.versions(model)]
    latest = max(versions, key=snapshot.number, default=None)
    steps: list[JSON] = [*sorted({whole(v.data, "source", "step") for v in versions})]
    found: dict[str, JSON] = {
        "id": snapshot.uuid(model),
        "ml_repo_id": str(number_namespace(model.name.namespace)),
        "type": "model",
        "name": name,
        "fqn": render_full_name(FullName(lookup.tenant, name_repo(namespace), name)),
        "created_by_subject": render_subject(
            created_by or (f"user:{rest.rstrip('>')}" if rest else ""), owner
        ),
        "created_at": render_time(snapshot.created(model)),
        "updated_at": render_time(snapshot.changed(model, "record", "wire", "title", "versions")),
        "run_steps": steps,
    }
    if latest is not None:
        found["latest_version"] = render_version(lookup, latest)
    return found
